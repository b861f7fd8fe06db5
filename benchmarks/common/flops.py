"""Floating-point operations of the network for one frame, counted while it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils.flop_counter import FlopCounterMode

from kernels.backend import BACKEND_VARIABLE
from models.dit import CausalDiT
from models.geometry.guidance import make_guidance
from models.geometry.retarget import rest_pose
from models.geometry.rig import Rig
from streamer.generation.torch_generator import TorchGenerator


def flops_per_frame(network: CausalDiT, rig: Rig, steps: int) -> int:
    """Operations of the matrix products and convolutions of transformer and close-ups, a multiply-add counted as two.

    They are counted on the CPU in the torch reference, because the counter does not see into kernels. rig: of one
    picture. steps: of the sampler. Moves the network to the CPU.
    """
    cpu = torch.device("cpu")
    rig = rig.to(cpu)
    pose = rest_pose(rig)
    with torch.no_grad(), _reference_backend():
        generator = TorchGenerator(network, cpu, steps, lanes=1)
        state = generator.open(generator.encode_reference(rig))
        guidance = make_guidance(rig, pose)
        with FlopCounterMode(display=False) as counter:
            generator.predict([state], rig, pose, guidance)
    return counter.get_total_flops()


@contextmanager
def _reference_backend() -> Iterator[None]:
    """Run all kernels as their torch reference."""
    before = os.environ.get(BACKEND_VARIABLE)
    os.environ[BACKEND_VARIABLE] = "reference"
    try:
        yield
    finally:
        if before is None:
            del os.environ[BACKEND_VARIABLE]
        else:
            os.environ[BACKEND_VARIABLE] = before

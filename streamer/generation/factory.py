"""Which generator draws on which device."""

from __future__ import annotations

from pathlib import Path

import torch

from models import checkpoint as weights
from streamer.errors import KagamiError
from streamer.generation.generator import Generator, GeometryGenerator
from streamer.generation.onnx_generator import OnnxGenerator
from streamer.generation.torch_generator import SESSIONS, TorchGenerator
from streamer.options import Precision

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"


class GeneratorError(KagamiError):
    """The generator cannot be made on this machine."""


def came_along(device: torch.device) -> Path:
    """The weights that are drawn with if nobody chooses: the small network on a CPU, the large one elsewhere."""
    return CHECKPOINTS / ("tiny.safetensors" if device.type == "cpu" else "base.safetensors")


def make_generator(
    kind: str,
    device: torch.device,
    checkpoint: Path | None = None,
    steps: int = 1,
    live: bool = False,
    sessions: int = SESSIONS,
    precision: Precision | None = None,
) -> Generator:
    """ "geometry", or "dit" on ONNX Runtime (CPU) or torch (elsewhere).

    live: frames never wait for the transformer, see `OnnxGenerator`; elsewhere they need not. sessions, precision: see
    `TorchGenerator`. Raises GeneratorError with one sentence.
    """
    if kind == "geometry":
        return GeometryGenerator()
    try:
        network = weights.load(checkpoint or came_along(device))
    except weights.CheckpointError as error:
        raise GeneratorError(str(error)) from error
    if device.type == "cpu":
        return OnnxGenerator(network, device, steps, live)
    return TorchGenerator(network, device, steps, sessions, precision)

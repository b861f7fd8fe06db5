"""Diffusion forcing (Chen et al. 2024): frames of a clip, each at a noise level of its own.

As in `models.sampler`, x_s = (1 − s)·x + s·e (rectified flow, Liu et al. 2022). The network predicts x, not the
velocity e − x, so that the losses compare pictures with the ground truth. s = 1 for most frames, so that it is a
one-step model from the start.

No pose augmentation is needed here. Head size and bone lengths are always those of the picture:
models/geometry/retarget.py transfers changes relative to the driver's face size, and models/geometry/body.py rotates
bones of the picture's length, so that the driver's proportions never reach the network. Maps are normalised to the
rig's focus box. The characters' proportions and the tracking errors are random where samples are rendered and baked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.dit import CausalDiT, FrameInput
from models.sampler import NOISE, Focus, frame_input
from training.data.bake import Baked
from training.loop.trainer import Options
from training.tasks.baked_frames import encode_references, frame_terms, frame_truth, reference_focus

SINGLE_FRAME_SHARE = 0.7  # of the training steps; a single frame costs less, so that more characters are seen
PURE_NOISE_SHARE = 0.7  # of the frames, which have s = 1 as in one-step sampling


def noised_input(batch: Baked, focus: Focus, t: int, generator: torch.Generator) -> FrameInput:
    """The network's input for frame t: x_s at a random noise level s for each sample."""
    batch_size, device = len(batch.picture), generator.device
    s = torch.rand(batch_size, generator=generator, device=device)
    is_pure_noise = torch.rand(batch_size, generator=generator, device=device) < PURE_NOISE_SHARE
    s = torch.where(is_pure_noise, torch.ones_like(s), s)
    noise = NOISE * torch.randn(batch.picture.shape, generator=generator, device=device)
    s_map = s[:, None, None, None]
    x_s = (1 - s_map) * (batch.truth[:, t] * 2 - 1) + s_map * noise
    return frame_input(focus, batch.maps[:, t], batch.layers[:, t], batch.canonical[:, t], batch.tokens[:, t], x_s, s)


def choose_frames(frames: int, network: CausalDiT, generator: torch.Generator) -> tuple[list[int], list[int]]:
    """Consecutive frames to predict, mostly one, and 0..R−1 other frames that serve as references."""

    def randint(high: int) -> int:
        return int(torch.randint(high, (), generator=generator, device=generator.device))

    single = float(torch.rand((), generator=generator, device=generator.device)) < SINGLE_FRAME_SHARE
    length = 1 if single else min(frames, network.config.ring + 2)
    first = randint(frames - length + 1)
    drawn = list(range(first, first + length))
    if network.config.references == 1:
        return drawn, []
    remaining = torch.randperm(frames, generator=generator, device=generator.device).tolist()
    remaining = [t for t in remaining if t not in drawn]
    return drawn, remaining[: randint(min(network.config.references, 1 + len(remaining)))]


@dataclass(frozen=True)
class DiffusionForcing:
    """The training task: frames of baked clips, each at its own noise level.

    hide_warped: the warped picture is replaced by mid-grey, for an ablation.
    """

    name: str
    options: Options
    hide_warped: bool = False

    def loss(self, network: CausalDiT, batch: Baked, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Mean terms over the frames; sheet: reference, last frame as predicted, its ground truth."""
        focus = reference_focus(batch)
        times, reference_times = choose_frames(batch.truth.shape[1], network, generator)
        frames = [noised_input(batch, focus, t, generator) for t in times]
        if self.hide_warped:
            frames = [replace(frame, warped=torch.full_like(frame.warped, 0.5)) for frame in frames]
        with self.options.autocast():
            edits = network.predict_clip(encode_references(network, batch, focus, reference_times), frames)
        total: dict[str, Tensor] = {}
        drawn = batch.picture
        for t, frame, edit in zip(times, frames, edits, strict=True):
            terms, drawn = frame_terms(focus, frame, batch.layers[:, t], edit, frame_truth(batch, t))
            for name, value in terms.items():
                total[name] = total.get(name, torch.zeros_like(value)) + value / len(times)
        return total, torch.cat([batch.picture, drawn, batch.truth[:, times[-1]]], 3)

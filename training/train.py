"""Train the network: `python -m training.train --preset tiny --facekit ict_facekit.npz --out runs/tiny`.

Characters are rendered and baked to OUT/data meanwhile; `--data FOLDER` trains on existing shards. One sample is one
character: a reference and T consecutive frames, each with a noise level of its own (diffusion forcing, Chen et al.
2024). As in `models.sampler`, x_s = (1 − s)·x + s·e (rectified flow, Liu et al. 2022). The network predicts x, not the
velocity e − x, so that the losses compare pictures with the ground truth. s = 1 for most frames, so that it is a
one-step model from the start.

No pose augmentation is needed here. Head size and bone lengths are always those of the picture:
models/geometry/retarget.py transfers changes relative to the driver's face size, and models/geometry/body.py rotates
bones of the picture's length, so that the driver's proportions never reach the network. Maps are normalised to the
rig's focus box. The characters' proportions and the tracking errors are random where samples are rendered and baked.

An ablation trains without a part: `--keyed 0`, `--ring W`, `--blind`, `--without STYLE`. The weights go to
`benchmarks.quality --parts ablations --ablation NAME=FILE` beside others of the same budget.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from models import checkpoint
from models.config import PRESETS, ModelConfig
from models.dit import MAP_CONFIDENCE, MAP_FLOW, CausalDiT, Edit, FrameInput
from models.sampler import NOISE, Focus, frame_input, reference_input, render
from training.data.bake import Baked
from training.data.supply import Supply
from training.loop.loss import GroundTruth, frame_loss
from training.loop.trainer import Options, Trainer

SINGLE_FRAME_SHARE = 0.7  # of the training steps; a single frame costs less, so that more characters are seen
PURE_NOISE_SHARE = 0.7  # of the frames, which have s = 1 as in one-step sampling


def reference_focus(batch: Baked) -> Focus:
    """Focus boxes of the batch's references."""
    return Focus.build(batch.picture, batch.matte, batch.plate, batch.mouth)


def noised_input(batch: Baked, focus: Focus, t: int, generator: torch.Generator) -> FrameInput:
    """The network's input for frame t: x_s at a random noise level s for each sample."""
    batch_size, device = len(batch.picture), generator.device
    s = torch.rand(batch_size, generator=generator, device=device)
    is_pure_noise = torch.rand(batch_size, generator=generator, device=device) < PURE_NOISE_SHARE
    s = torch.where(is_pure_noise, torch.ones_like(s), s)
    noise = NOISE * torch.randn(batch.picture.shape, generator=generator, device=device)
    s_map = s[:, None, None, None]
    x_s = (1 - s_map) * (batch.truth[:, t] * 2 - 1) + s_map * noise
    return frame_input(focus, batch.maps[:, t], batch.canonical[:, t], batch.tokens[:, t], x_s, s)


def clean_input(batch: Baked, t: int) -> FrameInput:
    """Frame t as a further reference: s = 0, zero flow and full confidence."""
    picture = batch.truth[:, t]
    maps = batch.maps[:, t].clone()
    maps[:, MAP_FLOW], maps[:, MAP_CONFIDENCE] = 0, 1
    clean = torch.zeros(len(picture), device=picture.device)
    return FrameInput(picture, picture * 2 - 1, maps, batch.canonical[:, t], batch.tokens[:, t], clean)


def encode_references(network: CausalDiT, batch: Baked, focus: Focus, times: list[int]) -> tuple[Tensor, Tensor]:
    """K/V (L, B, H, R·N, D) of the reference and other frames, repeated until all R slots are filled."""
    inputs = [reference_input(focus, batch.rest_maps, batch.rest_canonical, batch.rest_tokens)]
    inputs += [clean_input(batch, t) for t in times]
    encoded = [network.encode_reference(frame) for frame in inputs]
    slots = [encoded[slot % len(encoded)] for slot in range(network.config.references)]
    return torch.cat([keys for keys, _ in slots], 3), torch.cat([values for _, values in slots], 3)


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


def frame_truth(batch: Baked, t: int) -> GroundTruth:
    """Ground truth of frame t."""
    return GroundTruth(batch.truth[:, t], batch.alpha[:, t], batch.flow[:, t], batch.visible[:, t], batch.label[:, t])


def frame_terms(focus: Focus, frame: FrameInput, edit: Edit, truth: GroundTruth) -> tuple[dict[str, Tensor], Tensor]:
    """Loss terms of a frame's edit, and the composed frame (B, 3, side, side)."""
    edit_fp32 = Edit(*(getattr(edit, name).float() for name in Edit.__slots__))
    pixels, flow = render(focus, frame, edit_fp32)
    drawn, alpha = pixels[:, :3], pixels[:, 3:]
    return frame_loss(drawn, edit_fp32, flow, alpha, truth), drawn


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
            terms, drawn = frame_terms(focus, frame, edit, frame_truth(batch, t))
            for name, value in terms.items():
                total[name] = total.get(name, torch.zeros_like(value)) + value / len(times)
        return total, torch.cat([batch.picture, drawn, batch.truth[:, times[-1]]], 3)


def init_network(config: ModelConfig, seed: int, start: Path | None) -> CausalDiT:
    """A network with random weights, or those of a file. Raises SystemExit with one sentence where they do not fit."""
    torch.manual_seed(seed)
    network = CausalDiT(config)
    if start is not None:
        try:
            network.load_state_dict(checkpoint.load(start).state_dict())
        except checkpoint.CheckpointError as error:
            raise SystemExit(str(error)) from error
        except RuntimeError as error:
            raise SystemExit(f"{start} holds weights of another shape; give the --preset that made them.") from error
    return network


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--start", type=Path, default=None, help="weights to start from instead of random ones")
    parser.add_argument("--keyed", type=int, metavar="N", help="geometry-keyed heads, if not the preset's")
    parser.add_argument("--ring", type=int, metavar="W", help="past frames in the KV cache, if not the preset's")
    parser.add_argument("--blind", action="store_true", help="replace the warped picture by grey, for ablations")
    Options.add_arguments(parser)
    Supply.add_arguments(parser, batch=4)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = Options.from_arguments(given)
    changes = {name: value for name in ("keyed", "ring") if (value := getattr(given, name)) is not None}
    try:
        config = replace(PRESETS[given.preset], **changes)
    except ValueError as error:
        parser.error(str(error))
    network = init_network(config, given.seed, given.start)
    supply = Supply.from_arguments(given, frames=max(2, network.config.ring + 1))
    notes = {"preset": given.preset, **Supply.notes(given)}
    if given.blind:
        notes["blind"] = "yes"
    try:
        Trainer(DiffusionForcing(given.preset, options, given.blind), supply, network, options, notes).run()
    finally:
        supply.close()


if __name__ == "__main__":
    main()

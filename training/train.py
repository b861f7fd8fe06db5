"""Train the network: `python -m training.train --preset tiny --facekit ict_facekit.npz --out runs/tiny`.

Characters are rendered and baked to OUT/data meanwhile; `--data FOLDER` trains on shards that are there already.
One sample is one character: a reference and T consecutive frames, each at its own noise level (diffusion forcing,
Chen et al. 2024), s = 1 for most so that the network is a one-step model from the start.

Pose augmentation needs nothing here. Head size and bone lengths are always the picture's (models/geometry/retarget.py
gives
only changes, in the driver's face size; models/geometry/body.py turns bones of the picture's length), so a driver's
proportions
never reach the network; boxes are normalised where a rig chooses its focus box, in whose units all maps are; and the
characters' own proportions, the tracker's error and its bias per person are drawn where samples are rendered and baked.

What a part is worth is seen by training without it: `--keyed 0`, `--ring W`, `--blind`, `--without STYLE`; the weights
go to `benchmarks.quality --parts ablations --ablation NAME=FILE` beside others of the same budget.
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
from training.loop.loss import Truth, frame_loss
from training.loop.trainer import Options, Trainer

SINGLE = 0.7  # share of steps that draw one frame alone: more characters in the same time
PURE_NOISE = 0.7  # share of frames drawn at s = 1, which is where the shipped one-step sampler lives


def focus_of(batch: Baked) -> Focus:
    """The references' focus boxes."""
    return Focus.build(batch.picture, batch.matte, batch.plate, batch.mouth)


def noised_frame(batch: Baked, focus: Focus, t: int, generator: torch.Generator) -> FrameInput:
    """The network's view of frame t, at a noise level of its own."""
    count, device = len(batch.picture), generator.device
    level = torch.rand(count, generator=generator, device=device)
    pure = torch.rand(count, generator=generator, device=device) < PURE_NOISE
    level = torch.where(pure, torch.ones_like(level), level)
    noise = NOISE * torch.randn(batch.picture.shape, generator=generator, device=device)
    s = level[:, None, None, None]
    noised = (1 - s) * (batch.truth[:, t] * 2 - 1) + s * noise
    return frame_input(focus, batch.maps[:, t], batch.canonical[:, t], batch.tokens[:, t], noised, level)


def other_view(batch: Baked, t: int) -> FrameInput:
    """Frame t of the same character as one more clean reference: it moves nowhere and shows all of itself."""
    picture = batch.truth[:, t]
    flow, confidence = torch.zeros_like(batch.maps[:, t, MAP_FLOW]), torch.ones_like(batch.maps[:, t, MAP_CONFIDENCE])
    maps = torch.cat([flow, confidence, batch.maps[:, t, MAP_CONFIDENCE.stop :]], 1)
    clean = torch.zeros(len(picture), device=picture.device)
    return FrameInput(picture, picture * 2 - 1, maps, batch.canonical[:, t], batch.tokens[:, t], clean)


def references(network: CausalDiT, batch: Baked, focus: Focus, others: list[int]) -> tuple[Tensor, Tensor]:
    """K/V (L, B, H, R·N, D) of the picture and other frames; slots that are left hold the same ones again."""
    views = [reference_input(focus, batch.rest_maps, batch.rest_canonical, batch.rest_tokens)]
    views += [other_view(batch, t) for t in others]
    kept = [network.encode_reference(view) for view in views]
    slots = [kept[slot % len(kept)] for slot in range(network.config.references)]
    return torch.cat([keys for keys, _ in slots], 3), torch.cat([values for _, values in slots], 3)


def choose(frames: int, network: CausalDiT, generator: torch.Generator) -> tuple[list[int], list[int]]:
    """Consecutive frames to draw, just one for most steps, and 0..R−1 others that serve as references."""

    def die(sides: int) -> int:
        return int(torch.randint(sides, (), generator=generator, device=generator.device))

    single = float(torch.rand((), generator=generator, device=generator.device)) < SINGLE
    length = 1 if single else min(frames, network.config.ring + 2)
    first = die(frames - length + 1)
    drawn = list(range(first, first + length))
    if network.config.references == 1:
        return drawn, []
    left = torch.randperm(frames, generator=generator, device=generator.device).tolist()
    left = [t for t in left if t not in drawn]
    return drawn, left[: die(min(network.config.references, 1 + len(left)))]


def truth_of(batch: Baked, t: int) -> Truth:
    return Truth(batch.truth[:, t], batch.alpha[:, t], batch.flow[:, t], batch.visible[:, t], batch.label[:, t])


def score(focus: Focus, frame: FrameInput, edit: Edit, truth: Truth) -> tuple[dict[str, Tensor], Tensor]:
    """The loss's terms of a frame, and the frame as drawn (B, 3, side, side)."""
    full = Edit(*(getattr(edit, name).float() for name in Edit.__slots__))
    pixels, flow = render(focus, frame, full)
    drawn, alpha = pixels[:, :3], pixels[:, 3:]
    return frame_loss(drawn, full, flow, alpha, truth), drawn


@dataclass(frozen=True)
class Drawing:
    """The task: frames of baked clips, each from its own noise level. blind: the network sees mid-grey in place of the
    moved picture.
    """

    name: str
    options: Options
    blind: bool = False

    def loss(self, network: CausalDiT, batch: Baked, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Mean terms over the frames; sheet: reference, last frame as drawn, its truth."""
        focus = focus_of(batch)
        times, others = choose(batch.truth.shape[1], network, generator)
        frames = [noised_frame(batch, focus, t, generator) for t in times]
        if self.blind:
            frames = [replace(frame, warped=torch.full_like(frame.warped, 0.5)) for frame in frames]
        with self.options.autocast():
            edits = network.predict_clip(references(network, batch, focus, others), frames)
        total: dict[str, Tensor] = {}
        drawn = batch.picture
        for t, frame, edit in zip(times, frames, edits, strict=True):
            terms, drawn = score(focus, frame, edit, truth_of(batch, t))
            for name, value in terms.items():
                total[name] = total.get(name, torch.zeros_like(value)) + value / len(times)
        return total, torch.cat([batch.picture, drawn, batch.truth[:, times[-1]]], 3)


def fresh(config: ModelConfig, seed: int, start: Path | None) -> CausalDiT:
    """A network, random by seed or from weights. SystemExit with one sentence when these do not fit."""
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
    parser.add_argument("--ring", type=int, metavar="W", help="past frames remembered, if not the preset's")
    parser.add_argument("--blind", action="store_true", help="hide the moved picture from the network")
    Options.add_to(parser)
    Supply.add_to(parser, batch=4)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = Options.of(given)
    changes = {name: value for name in ("keyed", "ring") if (value := getattr(given, name)) is not None}
    try:
        config = replace(PRESETS[given.preset], **changes)
    except ValueError as error:
        parser.error(str(error))
    network = fresh(config, given.seed, given.start)
    supply = Supply.of(given, frames=max(2, network.config.ring + 1))
    notes = {"preset": given.preset, **Supply.notes(given)}
    if given.blind:
        notes["blind"] = "yes"
    try:
        Trainer(Drawing(given.preset, options, given.blind), supply, network, options, notes).run()
    finally:
        supply.close()


if __name__ == "__main__":
    main()

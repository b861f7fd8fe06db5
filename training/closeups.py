"""Train the close-ups of mouth and eyes on the windows of baked renders, the rest of the network left as it is:
`python -m training.closeups --start runs/tiny/tiny.safetensors --data runs/tiny/data --out runs/closeups`.

Only samples whose faces are large enough to fill the windows count: what is blown up from a small face would teach
blur.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.closeups.inputs import (
    MOVED_PICTURE,
    REST_PICTURE,
    CloseupInput,
    MovingPicture,
    make_inputs,
    make_references,
    sample,
)
from models.closeups.patches import apply_edit, influence, make_edit
from models.config import PRESETS, ModelConfig
from models.dit import MAP_FLOW, CausalDiT, Edit
from models.geometry.topology import HeadTransform
from training.data.bake import Baked, head_of
from training.data.supply import Supply
from training.loop.critic import Critic
from training.loop.loss import Truth, frame_loss
from training.loop.trainer import Options, Stateful, Trainer
from training.train import fresh

FRAMES = 12  # of a step, if nobody says
CALM = 0.05  # weight of a frame in which nothing opens or closes, against a gap's change in outer eye distances
TURN = 0.5  # norm of the rotations' difference, at which a head has turned far: 20°
NEAREST = 45.0  # pixels between the outer eye corners, at least
TOLERANCE = 0.06  # window units, about three pixels: where the flow errs more, painting is better than keeping


@dataclass(frozen=True)
class Scene:
    """F frames of moving pictures on their focus boxes, landmarks and heads of these pictures at rest, the truth."""

    subject: MovingPicture
    face: Tensor
    head: HeadTransform
    truth: Truth


def scene_of(batch: Baked) -> Scene:
    """Every frame of every sample as one batch."""
    frames = batch.truth.shape[1]

    def each(x: Tensor) -> Tensor:
        return x.repeat_interleave(frames, 0)

    whole = batch.picture.new_tensor([[0.0, 0.0, 1.0]]).expand(frames * len(batch.picture), -1)
    subject = MovingPicture(
        each(batch.picture), batch.maps[:, :, MAP_FLOW].flatten(0, 1), whole, batch.face.flatten(0, 1),
        head_of(batch.stance.flatten(0, 1)),
    )  # fmt: skip
    names = ("truth", "alpha", "flow", "visible", "label")
    truth = Truth(*(getattr(batch, name).flatten(0, 1) for name in names))
    return Scene(subject, each(batch.rest_face), head_of(each(batch.rest_stance)), truth)


def near(batch: Baked) -> Baked | None:
    """The samples whose faces are large enough; None where there is none."""
    pixels = batch.rest_stance[:, 0] * (batch.picture.shape[-1] / 2)
    large = (pixels > NEAREST).nonzero()[:, 0]
    return batch.pick(large) if len(large) else None


def sight_of(scene: Scene, config: ModelConfig) -> tuple[CloseupInput, CloseupInput]:
    """Mouths and eyes, with the pictures looked at anew in every frame."""
    subject = scene.subject
    return make_inputs(subject, make_references(subject.picture, scene.face, scene.head, config))


def taken(parts: Any, index: Tensor) -> Any:
    """Some of a batch: of a tensor, or of all tensors in a dataclass or tuple."""
    if isinstance(parts, Tensor):
        return parts[index]
    if isinstance(parts, tuple):
        return type(parts)(*(taken(part, index) for part in parts))
    return type(parts)(*(taken(getattr(parts, f.name), index) for f in fields(parts)))


def telling(scene: Scene, count: int, generator: torch.Generator) -> Tensor:
    """Numbers of `count` of the frames, drawn by how much mouth and lids open or close in them: (count,).

    Frames in which the head turns far are rare: what a turn uncovers cannot be known, and would be most of the loss.
    """
    turn = (scene.subject.head.rotation - scene.head.rotation).flatten(1).norm(dim=1)  # √2 · angle where small
    weight = torch.full_like(turn, CALM)
    for upper, lower in ((13, 14), (159, 145), (386, 374)):
        now, then = (
            (face[:, lower] - face[:, upper]).norm(dim=-1) / head.scale
            for face, head in ((scene.subject.face, scene.subject.head), (scene.face, scene.head))
        )
        weight = weight + (now - then).abs()
    weight = weight * (0.05 + torch.exp(-((turn / TURN) ** 2)))
    return torch.multinomial(weight, min(count, len(weight)), generator=generator)


def in_window(truth: Truth, sight: CloseupInput) -> Truth:
    """The truth about windows, flow in their units; beyond the map, and beyond what close-ups reach, there is nobody
    (alpha 0).
    """
    grid = sight.window.grid(sight.maps.shape[-1])
    maps = (truth.picture, truth.alpha, truth.flow, truth.visible)
    picture, alpha, flow, visible = (sample(each, grid) for each in maps)
    flow = in_units(sight, flow.permute(0, 2, 3, 1))
    alpha = alpha * (grid.abs().amax(-1) < 1).unsqueeze(1) * (influence(sight) > 0.02)
    return Truth(picture, alpha, flow, visible, sample(truth.label, grid, "nearest"))


def in_units(sight: CloseupInput, step: Tensor) -> Tensor:
    """Displacements (B, n, n, 2) on the map → (B, 2, n, n) window units."""
    return sight.window.to_window(step + sight.window.centre[:, None, None]).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Nearer:
    """The task: mouths and eyes of every frame, each window by itself. gan: weight of the critics' word, critics: none,
    or one each for "mouth" and "eyes". frames: of a step.
    """

    name: str
    options: Options
    gan: float = 0.0
    critics: dict[str, Critic] = field(default_factory=dict)
    frames: int = FRAMES

    def loss(self, network: CausalDiT, batch: Baked, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Mean terms of mouths and eyes; sheet (B, 3, n, 4·n): mouth at rest, moved, drawn, truth."""
        large = near(batch)
        if large is None:
            return {"mouth_pixel": torch.zeros((), device=generator.device)}, batch.picture
        scene = scene_of(large)
        scene = taken(scene, telling(scene, self.frames, generator))
        mouth, eyes = sight_of(scene, network.config)
        with self.options.autocast():
            out = network.closeups(mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)
        terms: dict[str, Tensor] = {}
        sheets = []
        for name, sight, said in (("mouth", mouth, out[:3]), ("eyes", eyes, out[3:])):
            done = make_edit(sight, *(each.float() for each in said))
            drawn, step = apply_edit(sight, done, scene.subject.picture)
            here = in_window(scene.truth, sight)
            drawn = torch.where(here.alpha > 0, drawn, here.picture)
            moved = in_units(sight, sight.source + step - sight.window.grid(sight.maps.shape[-1]))
            edit = Edit(done.flow, done.keep, done.paint, done.keep)
            for term, value in frame_loss(drawn, edit, moved, here.alpha, here, TOLERANCE).items():
                if term != "alpha":  # close-ups leave the person's outline alone
                    terms[f"{name}_{term}"] = value * (3 if term == "keep" else 1)
            rest, before = sight.maps[:, REST_PICTURE] / 2 + 0.5, sight.maps[:, MOVED_PICTURE] / 2 + 0.5
            if name in self.critics:
                terms[f"{name}_gan"] = self.gan * self.critics[name].meet(drawn, before, here)
            sheets.append(torch.cat([rest, before, drawn, here.picture], 3))
        return terms, sheets[0]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="tiny")
    parser.add_argument("--start", type=Path, default=None, help="weights whose close-ups are trained (further)")
    Options.add_to(parser, steps=8_000, rate=1e-3)
    Supply.add_to(parser, batch=12)
    parser.add_argument("--frames", type=int, default=FRAMES, help="of a step: where most happens in its batch")
    parser.add_argument("--gan", type=float, default=0.0, help="weight of critics of what had to be invented")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = Options.of(given)
    network = fresh(PRESETS[given.preset], given.seed, given.start)
    supply = Supply.of(given, frames=2)
    critics = {name: Critic(device=given.device) for name in ("mouth", "eyes") if given.gan}
    companions: dict[str, Stateful] = {f"{name}_critic": critic.network for name, critic in critics.items()}
    companions |= {f"{name}_critic_optimizer": critic.optimizer for name, critic in critics.items()}
    task = Nearer(given.preset, options, given.gan, critics, given.frames)
    notes = {"preset": given.preset, **Supply.notes(given)}
    try:
        Trainer(task, supply, network, options, notes, companions).run()
    finally:
        supply.close()


if __name__ == "__main__":
    main()

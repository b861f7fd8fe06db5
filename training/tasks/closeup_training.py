"""Training of the close-ups of mouth and eyes on windows of baked renders.

Samples whose faces are too small to fill the windows are left out: upsampled faces would train the network to blur.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
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
from models.config import ModelConfig
from models.dit import MAP_FLOW, CausalDiT, Edit
from models.geometry.drawn_lids import DrawnLids
from models.geometry.topology import (
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_INNER,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_LIP_INNER,
    HeadTransform,
)
from models.sampler import ON_CHART
from training.data.bake import Baked, unpack_head
from training.loop.critic import Critic
from training.loop.loss import GroundTruth, frame_loss
from training.loop.trainer import Options

FRAMES_PER_STEP = 12  # default of --frames
STILL_WEIGHT = 0.05  # sampling weight of a frame without change; changes of openings are in eye distances
LARGE_ROTATION = 0.5  # norm of the difference of two rotations, about 20°
MIN_EYE_DISTANCE_PX = 45.0  # smallest distance of the outer eye corners
FLOW_TOLERANCE = 0.06  # window units, about three pixels: `keep` is trained towards 0 where the flow error is larger
# Landmarks of the upper and the lower edge of each opening.
OPENINGS = (
    (UPPER_LIP_INNER, LOWER_LIP_INNER), (RIGHT_UPPER_LID, RIGHT_LOWER_LID), (LEFT_UPPER_LID, LEFT_LOWER_LID),
)  # fmt: skip


@dataclass(frozen=True)
class MotionBatch:
    """F frames of moving pictures on their focus boxes, with face and head of the reference, and the ground truth."""

    moving: MovingPicture
    face: Tensor
    head: HeadTransform
    truth: GroundTruth


def flatten_frames(batch: Baked) -> MotionBatch:
    """Every frame of every sample as one batch."""
    frames = batch.truth.shape[1]

    def repeat_frames(x: Tensor) -> Tensor:
        return x.repeat_interleave(frames, 0)

    full_box = batch.picture.new_tensor([[0.0, 0.0, 1.0]]).expand(frames * len(batch.picture), -1)
    moving = MovingPicture(
        repeat_frames(batch.picture), repeat_frames(batch.chart), batch.maps[:, :, MAP_FLOW].flatten(0, 1),
        batch.layers[:, :, ON_CHART].flatten(0, 1), full_box, batch.face.flatten(0, 1),
        unpack_head(batch.stance.flatten(0, 1)), full_box.new_tensor([1.0, 0.0, 0.0, 0.0]).expand(len(full_box), 2, -1),
        DrawnLids.none(len(full_box), full_box.device), full_box.new_zeros(len(full_box)),
    )  # fmt: skip
    names = ("truth", "alpha", "flow", "visible", "label")
    truth = GroundTruth(*(getattr(batch, name).flatten(0, 1) for name in names))
    return MotionBatch(moving, repeat_frames(batch.rest_face), unpack_head(repeat_frames(batch.rest_stance)), truth)


def large_faces(batch: Baked) -> Baked | None:
    """The samples with large enough faces; None where there are none."""
    pixels = batch.rest_stance[:, 0] * (batch.picture.shape[-1] / 2)
    large = (pixels > MIN_EYE_DISTANCE_PX).nonzero()[:, 0]
    return batch.pick(large) if len(large) else None


def closeup_inputs(motion: MotionBatch, config: ModelConfig) -> tuple[CloseupInput, CloseupInput]:
    """Network inputs of mouths and eyes; the references are computed for every frame."""
    moving = motion.moving
    return make_inputs(moving, make_references(moving.picture, motion.face, motion.head, config))


def select_rows(batch: Any, index: Tensor) -> Any:
    """Rows of a tensor, or of all tensors in a dataclass or tuple."""
    if isinstance(batch, Tensor):
        return batch[index]
    if isinstance(batch, tuple):
        return type(batch)(*(select_rows(item, index) for item in batch))
    return type(batch)(*(select_rows(getattr(batch, f.name), index) for f in fields(batch)))


def sample_frames(motion: MotionBatch, count: int, generator: torch.Generator) -> Tensor:
    """Indices (count,) of random frames, with weights by how much mouth and lids open or close in them.

    Frames with large head rotations are rare: disoccluded parts cannot be predicted and would dominate the loss.
    """
    # The norm is √2 · angle where that is small.
    rotation_change = (motion.moving.head.rotation - motion.head.rotation).flatten(1).norm(dim=1)
    weight = torch.full_like(rotation_change, STILL_WEIGHT)
    for upper, lower in OPENINGS:
        gap, rest_gap = (
            (face[:, lower] - face[:, upper]).norm(dim=-1) / head.scale
            for face, head in ((motion.moving.face, motion.moving.head), (motion.face, motion.head))
        )
        weight = weight + (gap - rest_gap).abs()
    weight = weight * (0.05 + torch.exp(-((rotation_change / LARGE_ROTATION) ** 2)))
    return torch.multinomial(weight, min(count, len(weight)), generator=generator)


def window_truth(truth: GroundTruth, closeup: CloseupInput) -> GroundTruth:
    """Ground truth in windows, flow in their units. Alpha is 0 outside of the map and of the close-ups' influence."""
    grid = closeup.window.grid(closeup.maps.shape[-1])
    maps = (truth.picture, truth.alpha, truth.flow, truth.visible)
    picture, alpha, flow, visible = (sample(one, grid) for one in maps)
    flow = to_window_units(closeup, flow.permute(0, 2, 3, 1))
    alpha = alpha * (grid.abs().amax(-1) < 1).unsqueeze(1) * (influence(closeup) > 0.02)
    return GroundTruth(picture, alpha, flow, visible, sample(truth.label, grid, "nearest"))


def to_window_units(closeup: CloseupInput, displacement: Tensor) -> Tensor:
    """Displacements (B, n, n, 2) on the map as (B, 2, n, n) in window units."""
    return closeup.window.to_window(displacement + closeup.window.centre[:, None, None]).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class CloseupTraining:
    """The training task: mouths and eyes of frames, each window on its own.

    gan: weight of the adversarial losses. critics: none, or one for "mouth" and one for "eyes". frames: per step.
    """

    name: str
    options: Options
    gan: float = 0.0
    critics: dict[str, Critic] = field(default_factory=dict)
    frames: int = FRAMES_PER_STEP

    def loss(self, network: CausalDiT, batch: Baked, generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Mean terms of mouths and eyes; sheet (B, 3, n, 4·n): mouth of the reference, warped, predicted, true."""
        large = large_faces(batch)
        if large is None:
            return {"mouth_pixel": torch.zeros((), device=generator.device)}, batch.picture
        motion = flatten_frames(large)
        motion = select_rows(motion, sample_frames(motion, self.frames, generator))
        mouth, eyes = closeup_inputs(motion, network.config)
        with self.options.autocast():
            out = network.closeups(mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)
        terms: dict[str, Tensor] = {}
        sheets = []
        for name, closeup, outputs in (("mouth", mouth, out[:3]), ("eyes", eyes, out[3:])):
            prediction = make_edit(closeup, *(each.float() for each in outputs))
            drawn, step = apply_edit(closeup, prediction, motion.moving.picture)
            target = window_truth(motion.truth, closeup)
            drawn = torch.where(target.alpha > 0, drawn, target.picture)
            flow = to_window_units(closeup, closeup.source + step - closeup.window.grid(closeup.maps.shape[-1]))
            edit = Edit(prediction.flow, prediction.keep, prediction.paint, prediction.keep)
            for term, value in frame_loss(drawn, edit, flow, target.alpha, target, FLOW_TOLERANCE).items():
                if term != "alpha":  # close-ups do not change alpha
                    terms[f"{name}_{term}"] = value * (3 if term == "keep" else 1)
            rest_picture = closeup.maps[:, REST_PICTURE] / 2 + 0.5
            moved_picture = closeup.maps[:, MOVED_PICTURE] / 2 + 0.5
            if name in self.critics:
                terms[f"{name}_gan"] = self.gan * self.critics[name].adversarial_term(drawn, moved_picture, target)
            sheets.append(torch.cat([rest_picture, moved_picture, drawn, target.picture], 3))
        return terms, sheets[0]

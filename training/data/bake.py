"""Rendered samples turned into what the network sees.

The rig and the guidance of a sample are the live engine's own (models/), made once here, so that training reads them
many times. The loss lives on the focus box; a shard is one safetensors file of some samples.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from models.config import PRESETS
from models.geometry.grid import box_grid
from models.geometry.guidance import make_guidance
from models.geometry.retarget import rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform
from models.motion import Driver
from models.sampler import crop_focus, guidance_maps
from training.data.impostor import Impostor

SIDE = PRESETS["tiny"].side
LARGE = 2  # kind of sample; every other one is left out: a webcam sees few and their errors drown all others


@dataclass(frozen=True, slots=True)
class Baked:
    """B samples of T frames on the focus box, s = SIDE, G = GUIDE_SIDE.

    picture, plate (B, 3, s, s), matte (B, 1, s, s), mouth (B, 3): the reference. rest_*: guidance of its own pose. maps
    (B, T, 6, G, G), canonical (B, T, 3, G, G), tokens (B, T, M, C): guidance. face (B, T, 478, 3), stance (B, T, 13):
    the pose that the guidance draws, landmarks and head frame (scale, rotation, shift), box units. truth (B, T, 3, s,
    s), alpha (B, T, 1, s, s), flow (B, T, 2, G, G) box units, visible (B, T, 1, s, s), label (B, T, 1, s, s): the
    renderer's answer. style (B,): of the characters, their place in STYLES. Pictures 0..1.
    """

    picture: Tensor
    matte: Tensor
    plate: Tensor
    mouth: Tensor
    rest_maps: Tensor
    rest_canonical: Tensor
    rest_tokens: Tensor
    rest_face: Tensor
    rest_stance: Tensor
    maps: Tensor
    canonical: Tensor
    tokens: Tensor
    face: Tensor
    stance: Tensor
    truth: Tensor
    alpha: Tensor
    flow: Tensor
    visible: Tensor
    label: Tensor
    style: Tensor

    def frame(self, t: int) -> Baked:
        """Only frame t of every sample."""
        return replace(self, **{name: getattr(self, name)[:, t : t + 1] for name in PER_FRAME})

    def pick(self, index: Tensor) -> Baked:
        """The samples numbered (K,)."""
        return Baked(*(getattr(self, field.name)[index] for field in fields(self)))


PER_FRAME = ("maps", "canonical", "tokens", "face", "stance", "truth", "alpha", "flow", "visible", "label")
BYTES = {"picture", "matte", "plate", "truth", "alpha", "visible"}  # 0..1 stored in 8 bits
NUMBERS = {"label", "style"}  # small integers


def worth_baking(kind: Tensor) -> Tensor:
    """Which samples of these kinds (K,) are baked, (K,) bool: all but every other one of the large motions."""
    return (kind != LARGE) | (torch.arange(len(kind), device=kind.device) % 2 == 0)


def as_batch(sample: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """A sample of the CPU's stream as a batch of one."""
    return {name: torch.from_numpy(np.array(value))[None] for name, value in sample.items()}


def driver_of(face: Tensor, body: Tensor, who: Impostor) -> Driver:
    """Landmarks as told by other persons, whose hands nobody saw. An impostor's clothes tell how the torso moves
    (streamer/tracking/torso_tracker.py); those of the person himself are plain, so that his joints have to.
    """
    body = who.body(body)
    told = who.other.to(body.dtype)[:, None, None].expand(-1, 2, 2)
    shoulders = torch.cat([body[:, 11:13, :2], told], -1)
    return Driver(face=who.face(face), body=body, hands=face.new_zeros(len(face), 2, 21, 4), torso=shoulders)


@torch.no_grad()
def bake(samples: dict[str, Tensor], who: Impostor | None = None) -> Baked:
    """B samples of `training.data.samples` or `training.data.device_samples`, arrays with a leading axis B, on their
    own device;
    each driven by somebody.
    """

    def picture(name: str) -> Tensor:
        tensor = samples[name]
        return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()

    def points(name: str) -> Tensor:
        return samples[name].float()

    image = picture("ref_image")
    count, frames = samples["target_image"].shape[:2]
    cast = (who or Impostor.nobody(count)).to(image.device).repeat(frames)
    rig = Rig.build(image, picture("ref_matte"), points("ref_face"), points("ref_body"))
    many = rig.repeat(frames)
    rest = make_guidance(rig, rest_pose(rig))
    target = driver_of(points("target_face").flatten(0, 1), points("target_body").flatten(0, 1), cast)
    pose = retarget(many, target, driver_of(many.face, many.body, cast))
    guidance = make_guidance(many, pose)
    reference = crop_focus(torch.cat([rig.image, rig.matte, rig.plate], 1), rig.focus, SIDE)
    told = torch.cat([picture("target_image"), picture("target_matte"), picture("visible")], 2)
    truth = crop_focus(told.flatten(0, 1), many.focus, SIDE)
    label = crop_nearest(points("target_label").flatten(0, 1), many.focus, SIDE)
    flow = crop_nearest(points("flow").flatten(0, 1), many.focus, SIDE) / many.focus[:, 2, None, None, None]
    sure = truth[:, 4:].clamp(min=1e-4)
    flow = F.avg_pool2d(flow * sure, 2) / F.avg_pool2d(sure, 2)

    def split(values: Tensor) -> Tensor:
        return values.unflatten(0, (count, frames))

    return Baked(
        picture=reference[:, :3],
        matte=reference[:, 3:4],
        plate=reference[:, 4:],
        mouth=rig.mouth,
        rest_maps=guidance_maps(rig, rest),
        rest_canonical=rest.canonical,
        rest_tokens=rest.tokens,
        rest_face=in_box(rig.face, rig.focus),
        rest_stance=stance(rig.head, rig.focus),
        maps=split(guidance_maps(many, guidance)),
        canonical=split(guidance.canonical),
        tokens=split(guidance.tokens),
        face=split(in_box(pose.face, many.focus)),
        stance=split(stance(pose.head, many.focus)),
        truth=split(truth[:, :3]),
        alpha=split(truth[:, 3:4]),
        flow=split(flow),
        visible=split(truth[:, 4:]),
        label=split(label),
        style=samples["style"],
    )


def in_box(points: Tensor, focus: Tensor) -> Tensor:
    """Canvas points (B, N, 3) in the units of their focus boxes (B, 3)."""
    return (points - F.pad(focus[:, None, :2], (0, 1))) / focus[:, None, 2:]


def stance(head: HeadTransform, focus: Tensor) -> Tensor:
    """(B, 13) a head's frame in box units: scale, rotation row by row, shift."""
    shift = in_box(head.shift[:, None], focus)[:, 0]
    return torch.cat([(head.scale / focus[:, 2])[:, None], head.rotation.flatten(1), shift], 1)


def head_of(stance: Tensor) -> HeadTransform:
    """What `stance` wrote, (B, 13), as a frame."""
    return HeadTransform(stance[:, 0], stance[:, 1:10].unflatten(1, (3, 3)), stance[:, 10:])


def crop_nearest(maps: Tensor, focus: Tensor, side: int) -> Tensor:
    """The focus boxes of maps that must not be mixed across edges."""
    return F.grid_sample(maps, box_grid(focus, side), mode="nearest", padding_mode="border", align_corners=False)


def packed(baked: Baked) -> dict[str, Tensor]:
    """As it is stored: pictures in 8 bits, numbers in 16."""
    tensors = {}
    for field in fields(Baked):
        tensor = getattr(baked, field.name)
        if field.name in BYTES:
            tensor = (tensor * 255 + 0.5).clamp(0, 255).byte()
        elif field.name in NUMBERS:
            tensor = tensor.byte()
        else:
            tensor = tensor.half()
        tensors[field.name] = tensor.contiguous()
    return tensors


def unpacked(tensors: dict[str, Tensor], chosen: Tensor) -> Baked:
    """Some of what `packed` made, by their numbers (K,), in float32."""
    return Baked(**{name: value[chosen].float() / (255 if name in BYTES else 1) for name, value in tensors.items()})


def store(batch: list[Baked], path: Path) -> None:
    """Write samples as one shard, whole or not at all."""
    parts = [packed(one) for one in batch]
    part = path.with_suffix(".part")
    save_file({name: torch.cat([tensors[name] for tensors in parts]) for name in parts[0]}, part)
    part.replace(path)


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder, in order. Raises SystemExit with one sentence when there are none."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise SystemExit(f"{folder} holds no baked samples; render some with --facekit.")
    return paths

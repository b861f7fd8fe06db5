"""Bakes rendered samples into network inputs and targets on the focus box, and stores them as shards.

Rigs and guidance are computed by the live engine's own code (models/), once, because training reads each sample many
times. A shard is a safetensors file of some samples.
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
from models.geometry.body import SHOULDERS
from models.geometry.grid import box_grid
from models.geometry.guidance import make_guidance
from models.geometry.limb_curve import SEGMENTS_OF_LIMB
from models.geometry.limbs import Outlines
from models.geometry.retarget import rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform
from models.motion import Driver
from models.sampler import crop_focus, focus_crops, guidance_maps, into_picture, layer_maps
from training.data.impostor import Impostor
from training.render.scene.motion_tracks import KINDS

FOCUS_SIDE = PRESETS["tiny"].side
LARGE_MOTION = KINDS.index(
    "large"
)  # kind of sample; half of these are left out: they are rare before a webcam and dominate the loss


@dataclass(frozen=True, slots=True)
class Baked:
    """B samples of T frames on the focus box; side s = FOCUS_SIDE, guidance side G = GUIDE_SIDE. Pictures are 0..1.

    picture, plate: (B, 3, s, s) of the reference.
    matte: (B, 1, s, s) of the reference.
    body: (B, 4, s, s) the person without head and limbs, see `PersonLayers`.
    chart: (B, 3, s, s) completed texture of the head, at the network's resolution.
    mouth: (B, 3) colour inside the reference's mouth.
    rest_maps, rest_canonical, rest_tokens, rest_face, rest_stance: as without `rest_`, for the reference's own pose.
    maps: (B, T, 6, G, G), see `FrameInput`.
    layers: (B, T, 8, G, G), see `layer_maps`.
    canonical: (B, T, 3, G, G) canonical coordinates.
    tokens: (B, T, M, C) motion tokens.
    face: (B, T, 478, 3) landmarks of the pose that the guidance draws, box units.
    stance: (B, T, 13) head transform of that pose, box units: scale, rotation row by row, shift.
    truth: (B, T, 3, s, s) rendered target, without the limbs that are layers.
    alpha: (B, T, 1, s, s) its matte.
    flow: (B, T, 2, G, G) true flow from target to reference, box units.
    visible: (B, T, 1, s, s) whether the reference shows the surface.
    label: (B, T, 1, s, s) as in `loss.LABELS`.
    style: (B,) index of the character's style in STYLES.
    """

    picture: Tensor
    matte: Tensor
    plate: Tensor
    body: Tensor
    chart: Tensor
    mouth: Tensor
    rest_maps: Tensor
    rest_canonical: Tensor
    rest_tokens: Tensor
    rest_face: Tensor
    rest_stance: Tensor
    maps: Tensor
    layers: Tensor
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
        """The samples with these indices (K,)."""
        return Baked(*(getattr(self, field.name)[index] for field in fields(self)))


PER_FRAME = ("maps", "layers", "canonical", "tokens", "face", "stance", "truth", "alpha", "flow", "visible", "label")
EIGHT_BIT_FIELDS = {"picture", "matte", "plate", "body", "chart", "truth", "alpha", "visible"}  # stored as 0..255
INTEGER_FIELDS = {"label", "style"}


def keep_mask(kind: Tensor) -> Tensor:
    """Which samples of these kinds (K,) are baked: all but every other one of the large motions, (K,) bool."""
    return (kind != LARGE_MOTION) | (torch.arange(len(kind), device=kind.device) % 2 == 0)


def as_batch(sample: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """A sample of the CPU's stream as a batch of one."""
    return {name: torch.from_numpy(np.array(value))[None] for name, value in sample.items()}


def make_driver(face: Tensor, body: Tensor, proportions: Impostor) -> Driver:
    """The driver of each sample, with the given proportions and untracked hands.

    Where the proportions are changed, the torso is tracked by the clothes (streamer/tracking/torso_tracker.py).
    Otherwise it is not, so that the network input depends on the joints alone.
    """
    body = proportions.body(body)
    clothes_tracked = proportions.is_changed.to(body.dtype)[:, None, None].expand(-1, 2, 2)
    shoulders = torch.cat([body[:, SHOULDERS, :2], clothes_tracked], -1)
    return Driver(face=proportions.face(face), body=body, hands=face.new_zeros(len(face), 2, 21, 4), torso=shoulders)


def limb_outlines(samples: dict[str, Tensor]) -> Outlines | None:
    """The outlines of arms and legs of B samples, without fingers, which move on their limbs; None for busts."""
    if "ref_limb_radii" not in samples:
        return None
    shown = samples["ref_limb_shown"].repeat_interleave(SEGMENTS_OF_LIMB, 1)
    borders = shown.new_tensor([-1.0, -1.0, 1.0, 1.0]).expand(len(shown), 4)
    return Outlines(samples["ref_limb_radii"], shown, borders)


@torch.no_grad()
def bake(samples: dict[str, Tensor], proportions: Impostor | None = None) -> Baked:
    """Bake B samples of `training.data.samples` or `training.data.device_samples`, arrays with a leading axis B.

    The result is on their device. proportions: of the B drivers, None = the characters' own.
    """

    def picture(name: str) -> Tensor:
        tensor = samples[name]
        return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()

    def points(name: str) -> Tensor:
        return samples[name].float()

    image = picture("ref_image")
    count, frames = samples["target_image"].shape[:2]
    drivers = (proportions or Impostor.unchanged(count)).to(image.device).repeat(frames)
    outlines = limb_outlines(samples)
    rig = Rig.build(image, picture("ref_matte"), points("ref_face"), points("ref_body"), outlines=outlines)
    frame_rigs = rig.repeat(frames)
    rest = make_guidance(rig, rest_pose(rig))
    target = make_driver(points("target_face").flatten(0, 1), points("target_body").flatten(0, 1), drivers)
    pose = retarget(frame_rigs, target, make_driver(frame_rigs.face, frame_rigs.body, drivers))
    guidance = make_guidance(frame_rigs, pose)
    shown, plate, person, body = focus_crops(rig, FOCUS_SIDE)
    chart = F.adaptive_avg_pool2d(rig.surface.chart[:, :3], FOCUS_SIDE)
    target_maps = torch.cat([picture("target_image"), picture("target_matte"), picture("visible")], 2)
    truth = crop_focus(target_maps.flatten(0, 1), guidance.box, FOCUS_SIDE)
    label = crop_nearest(points("target_label").flatten(0, 1), guidance.box, FOCUS_SIDE)
    flow = into_picture(crop_nearest(points("flow").flatten(0, 1), guidance.box, FOCUS_SIDE), frame_rigs, guidance.box)
    visible = truth[:, 4:].clamp(min=1e-4)
    flow = F.avg_pool2d(flow * visible, 2) / F.avg_pool2d(visible, 2)

    def split(values: Tensor) -> Tensor:
        return values.unflatten(0, (count, frames))

    return Baked(
        picture=shown,
        matte=person[:, 3:],
        plate=plate,
        body=body,
        chart=chart,
        mouth=rig.mouth,
        rest_maps=guidance_maps(rig, rest),
        rest_canonical=rest.canonical,
        rest_tokens=rest.tokens,
        rest_face=to_box_units(rig.face, rig.focus),
        rest_stance=pack_head(rig.head, rig.focus),
        maps=split(guidance_maps(frame_rigs, guidance)),
        layers=split(layer_maps(frame_rigs, guidance)),
        canonical=split(guidance.canonical),
        tokens=split(guidance.tokens),
        face=split(to_box_units(pose.face, guidance.box)),
        stance=split(pack_head(pose.head, guidance.box)),
        truth=split(truth[:, :3]),
        alpha=split(truth[:, 3:4]),
        flow=split(flow),
        visible=split(truth[:, 4:]),
        label=split(label),
        style=samples["style"],
    )


def to_box_units(points: Tensor, focus: Tensor) -> Tensor:
    """Canvas points (B, N, 3) in the units of their focus boxes (B, 3)."""
    return (points - F.pad(focus[:, None, :2], (0, 1))) / focus[:, None, 2:]


def pack_head(head: HeadTransform, focus: Tensor) -> Tensor:
    """A head transform in box units (B, 13): scale, rotation row by row, shift."""
    shift = to_box_units(head.shift[:, None], focus)[:, 0]
    return torch.cat([(head.scale / focus[:, 2])[:, None], head.rotation.flatten(1), shift], 1)


def unpack_head(stance: Tensor) -> HeadTransform:
    """The inverse of `pack_head`: (B, 13) as a HeadTransform in box units."""
    return HeadTransform(stance[:, 0], stance[:, 1:10].unflatten(1, (3, 3)), stance[:, 10:])


def crop_nearest(maps: Tensor, focus: Tensor, side: int) -> Tensor:
    """Focus boxes (B, 3) of maps (B, K, S, S) by nearest neighbour, for labels and flow: (B, K, side, side)."""
    return F.grid_sample(maps, box_grid(focus, side), mode="nearest", padding_mode="border", align_corners=False)


def quantise(baked: Baked) -> dict[str, Tensor]:
    """Fields as they are stored: pictures in 8 bits, other numbers in float16."""
    tensors = {}
    for field in fields(Baked):
        tensor = getattr(baked, field.name)
        if field.name in EIGHT_BIT_FIELDS:
            tensor = (tensor * 255 + 0.5).clamp(0, 255).byte()
        elif field.name in INTEGER_FIELDS:
            tensor = tensor.byte()
        else:
            tensor = tensor.half()
        tensors[field.name] = tensor.contiguous()
    return tensors


def dequantise(tensors: dict[str, Tensor], chosen: Tensor) -> Baked:
    """The stored samples with indices chosen (K,), in float32."""
    scale = {name: 255 if name in EIGHT_BIT_FIELDS else 1 for name in tensors}
    return Baked(**{name: value[chosen].float() / scale[name] for name, value in tensors.items()})


def save_shard(batch: list[Baked], path: Path) -> None:
    """Write samples as one shard, atomically."""
    parts = [quantise(one) for one in batch]
    part = path.with_suffix(".part")
    save_file({name: torch.cat([tensors[name] for tensors in parts]) for name in parts[0]}, part)
    part.replace(path)


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder, in order. Raises SystemExit with one sentence where there are none."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise SystemExit(f"{folder} holds no baked samples; render some with --facekit.")
    return paths

"""Patches: the edits of the close-ups, ready to be composited over the picture.

The network's output is limited to the surroundings of the openings, and lies beneath the pixels that need no network
(`CloseupInput.known`). Over that of the eyes lie shut lids (models/closeups/lids.py). The inside of an open mouth that
the picture does not show is drawn by rule (models/closeups/inner_mouth.py) and mixed with the driver's mouth
(models/closeups/mouth.py). Where there is no network, known pixels, lids and the inside of mouths are all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from models.closeups.inner_mouth import draw_inner_mouth
from models.closeups.inputs import (
    ALL_RINGS,
    NOW_INNER_RING,
    REST_INNER_RING,
    CloseupInput,
    CloseupReference,
    MovingPicture,
    area_share,
    inner_lips,
    sample,
    stretched,
)
from models.closeups.lids import lid_skin
from models.closeups.mouth import stretch_driver_mouth, tint_driver_mouth
from models.closeups.teeth import weighted_mean
from models.closeups.window import MOUTH_VIEW, Window, window_fade
from models.geometry.grid import smoothstep, unit_grid
from models.halves import halves

# A mouth without teeth: its lightness inside over that of its darkest stroke, a mean weighted by the exponential of
# minus so much times the lightness 0..1; and by how much its opening has grown, of the window, before it is drawn.
MOUTH_SHADE, DARKEST, OPENED = 0.6, 25.0, (0.001, 0.008)
DRIVER_SHARE = 0.5  # of what the driver's mouth shows, over what is drawn by rule
HALF_SHUT = (0.45, 0.6)  # area of an eye over that at rest: drawn by rule below, left to the warp above


@dataclass(frozen=True)
class CloseupEdit:
    """The edit of one kind of window; flow and 1 − keep fade to nothing beyond its influence.

    flow: (B, 2, n/2, n/2) further displacement, window units.
    keep: (B, 1, n, n) 0..1, 1 = the moved picture stays; `FINE_FACTOR` · n a side once lids were drawn over it.
    paint: (B, 3, n, n) 0..1, as `keep`.
    influence: (B, 1, n, n) 0..1 where the close-up replaces the transformer's edit.
    """

    flow: Tensor
    keep: Tensor
    paint: Tensor
    influence: Tensor

    def select(self, batch: slice) -> CloseupEdit:
        """A slice of the batch."""
        return CloseupEdit(*(getattr(self, f.name)[batch] for f in fields(self)))


@dataclass(frozen=True)
class Patch:
    """One kind of close-up of B pictures, ready to be composited over them.

    is_solid: whether what it draws, its influence, is seen before the background as well, beside the person.
    """

    window: Window
    edit: CloseupEdit
    is_solid: bool = False


def make_patches(
    mouth: CloseupInput,
    eyes: CloseupInput,
    outputs: Sequence[Tensor],
    references: Sequence[CloseupReference],
    moving: MovingPicture,
    mouth_cells: Tensor,
    lids: bool,
) -> list[Patch]:
    """The six tensors of `Closeups` as three patches: mouth, right eye, left eye.

    references: one for each of `VIEWS`. moving: the pictures that mouth and eyes were made of. mouth_cells:
    (B, 4, h, w) the drivers' mouths, see `driver_mouth`. lids: see `eye_patches`.
    """
    flow, keep, paint = outputs[:3]
    drawn, cover = inside_of_mouth(mouth, references[0], moving, mouth_cells)
    paint, keep = torch.lerp(paint, drawn, cover), keep * (1 - cover)
    mouth_edit = plain_mouth(make_edit(mouth, flow, keep, paint), mouth, references[0])
    return [Patch(mouth.window, mouth_edit), *eye_patches(eyes, make_edit(eyes, *outputs[3:]), references[1:], lids)]


def inside_of_mouth(
    mouth: CloseupInput, reference: CloseupReference, moving: MovingPicture, mouth_cells: Tensor
) -> tuple[Tensor, Tensor]:
    """The inside of B mouths that the picture does not show: colours (B, 3, n, n) and coverage (B, 1, n, n), 0..1.

    It is drawn by rule, and mixed with what the drivers' mouths (B, 4, h, w) show.
    """
    maps = mouth.maps
    rest, now = maps[:, REST_INNER_RING], maps[:, NOW_INNER_RING]
    ring, side = inner_lips(mouth.landmarks)[:, 1], maps.shape[-1]
    drawn = draw_inner_mouth(reference.inner_mouth, mouth.window, moving.head, moving.face, ring, side)
    driven = driver_mouth(mouth_cells, mouth, reference)
    tinted = tint_driver_mouth(driven, drawn, reference.chroma_range)
    opened = smoothstep(*OPENED, (now - rest).mean((1, 2, 3), keepdim=True))
    cover = torch.maximum(mouth.hidden, stretched(rest, now)) * opened
    return torch.lerp(drawn, tinted, DRIVER_SHARE * driven[:, 3:]), cover


def eye_patches(
    eyes: CloseupInput, edit: CloseupEdit, references: Sequence[CloseupReference], lids: bool
) -> list[Patch]:
    """An edit of eyes as patches of the right and of the left ones, with the skin of lids that are shut over it.

    references: of the right and of the left ones. lids: draw that skin; it may be left out unless `may_be_shut`.
    """
    if lids:
        edit = cover_edit(edit, *lid_skin(eyes, CloseupReference.stack(references)))
    edit = left_alone(edit, torch.cat([each.plain for each in references]))
    return [Patch(*half) for half in zip(halves(eyes.window), halves(edit), strict=True)]


def driver_mouth(mouth_cells: Tensor, mouth: CloseupInput, reference: CloseupReference) -> Tensor:
    """(B, 4, n, n) 0..1: driver colours scaled by the ratio of white points, and their confidence.

    mouth_cells: (B, 4, h, w) the drivers' mouths, see `Driver.mouth`. The confidence is high where
    the picture shows nothing of an open mouth, or only what the warp has stretched.
    """
    rest_inner, now_inner = mouth.maps[:, REST_INNER_RING], mouth.maps[:, NOW_INNER_RING]
    stretched_mouth = stretch_driver_mouth(mouth_cells, inner_lips(mouth.landmarks)[:, 1], now_inner)
    colour, weight = stretched_mouth.split([3, 1], 1)
    colour = (colour / weight.clamp_min(1e-3) * reference.white_point[:, :, None, None]).clamp(0, 1)
    hidden = torch.maximum(mouth.hidden, stretched(rest_inner, now_inner))
    visible = smoothstep(*MOUTH_VIEW.visible_opening, area_share(now_inner, rest_inner))
    return torch.cat([colour, weight * hidden * visible], 1)


def make_edit(closeup: CloseupInput, flow: Tensor, keep: Tensor, paint: Tensor) -> CloseupEdit:
    """A network's output as an edit: within the close-up's influence and the network's mask, beneath known pixels."""
    near = influence(closeup)
    editable = near * closeup.network_mask
    known, painted = closeup.known * near, (1 - keep) * editable
    over = (1 - known) * painted
    paint = (known * closeup.known_colour + over * paint) / (known + over).clamp_min(1e-3)
    return CloseupEdit(flow * F.avg_pool2d(editable, 2), (1 - known) * (1 - painted), paint, near)


def drawn_mouth_patch(
    mouth: CloseupInput, reference: CloseupReference, moving: MovingPicture, mouth_cells: Tensor
) -> Patch:
    """The patch of mouths where no network draws: their inside, where the picture shows none of it. Nothing is drawn of
    mouths that are as open as in the picture. Arguments as `inside_of_mouth`.
    """
    maps = mouth.maps
    change = (maps[:, NOW_INNER_RING] - maps[:, REST_INNER_RING]).mean((1, 2, 3), keepdim=True)
    paint, cover = inside_of_mouth(mouth, reference, moving, mouth_cells)
    still, known = torch.zeros_like(F.avg_pool2d(maps[:, :2], 2)), mouth.known * smoothstep(*OPENED, change.abs())
    by_rule = replace(mouth, known=known, network_mask=torch.ones_like(cover))
    return Patch(mouth.window, plain_mouth(make_edit(by_rule, still, 1 - cover, paint), mouth, reference))


def drawn_eye_patches(eyes: CloseupInput, references: Sequence[CloseupReference]) -> list[Patch]:
    """The patches of eyes where no network draws: lids that close, and the eyeball between them. Open eyes are left
    alone. references: of the right and of the left ones.
    """
    maps = eyes.maps
    closing = 1 - smoothstep(*HALF_SHUT, area_share(maps[:, NOW_INNER_RING], maps[:, REST_INNER_RING]))
    paint = torch.zeros_like(maps[:, :3])
    still, keep = F.avg_pool2d(paint[:, :2], 2), torch.ones_like(maps[:, :1])
    edit = make_edit(replace(eyes, known=eyes.known * closing), still, keep, paint)
    return eye_patches(eyes, edit, references, lids=True)


def plain_mouth(edit: CloseupEdit, mouth: CloseupInput, reference: CloseupReference) -> CloseupEdit:
    """An edit of B mouths in which those without teeth open into the dark where the picture shows nothing."""
    if reference.plain.device.type == "cpu" and not bool(reference.plain.any()):
        return edit  # on a device always drawn: to ask would synchronise host and device
    rest, now = mouth.maps[:, REST_INNER_RING], mouth.maps[:, NOW_INNER_RING]
    picture = (reference.maps[:, :3] + 1) / 2
    near = F.max_pool2d(reference.maps[:, 3:].amax(1, keepdim=True), 7, 1, 3)  # lips, and the stroke that draws them
    darkest = (-DARKEST * picture.mean(1, keepdim=True)).exp() * near
    colour = (MOUTH_SHADE * weighted_mean(picture, darkest)).expand_as(picture)
    opened = smoothstep(*OPENED, (now - rest).mean((1, 2, 3), keepdim=True))
    cover = torch.maximum(mouth.hidden, stretched(rest, now)) * opened * reference.plain[:, None, None, None]
    return cover_edit(left_alone(edit, reference.plain), colour, cover)


def left_alone(edit: CloseupEdit, share: Tensor) -> CloseupEdit:
    """An edit of which the share (B,) 0..1 is taken back, but for its influence."""
    share = share[:, None, None, None]
    keep = torch.lerp(edit.keep, torch.ones_like(edit.keep), share)
    return CloseupEdit(edit.flow * (1 - share), keep, edit.paint, edit.influence)


def cover_edit(edit: CloseupEdit, colour: Tensor, cover: Tensor) -> CloseupEdit:
    """An edit with colours (B, 3, m, m) 0..1 laid over it where cover (B, 1, m, m) 0..1; keep and paint get m pixels a
    side.
    """
    size = colour.shape[-2:]
    painted, paint = (
        F.interpolate(part, size=size, mode="bilinear", align_corners=False) for part in (1 - edit.keep, edit.paint)
    )
    under = (1 - cover) * painted
    paint = (cover * colour + under * paint) / (cover + under).clamp_min(1e-3)
    return CloseupEdit(edit.flow, 1 - cover - under, paint, edit.influence)


def influence(closeup: CloseupInput) -> Tensor:
    """(B, 1, n, n) 0..1: 1 around the openings, at rest and now; 0 further away and at the window's border."""
    side = closeup.maps.shape[-1]
    near = F.max_pool2d(F.avg_pool2d(closeup.maps[:, ALL_RINGS].amax(1, keepdim=True), 4), 5, 1, 2)
    near = F.interpolate(near, size=(side, side), mode="bilinear", align_corners=False)
    return near.clamp(0, 1) * window_fade(unit_grid(side, near.device))


def apply_edit(closeup: CloseupInput, edit: CloseupEdit, picture: Tensor) -> tuple[Tensor, Tensor]:
    """A window (B, 3, n, n) 0..1 with its edit applied, and the edit's displacement (B, n, n, 2) in map units.

    picture: (B, 3, S, S) 0..1 the map that the window lies on.
    """
    side = closeup.maps.shape[-1]
    flow = F.interpolate(edit.flow, size=(side, side), mode="bilinear", align_corners=False)
    step = closeup.window.to_map(flow.permute(0, 2, 3, 1))
    return edit.keep * sample(picture, closeup.source + step) + (1 - edit.keep) * edit.paint, step

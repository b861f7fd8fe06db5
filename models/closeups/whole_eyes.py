"""Eyes that lids of skin do not close. Dots, buttons and lamps blink as a whole, as those of cartoons do: squeezed to a
line. In flat drawings a line of lashes comes down over the eye (models/geometry/drawn_lids.py).

The warp leaves such an eye open. Here its surroundings are drawn again, in windows wide enough for a robot's lamps:
each pixel comes from where it would lie beside the open eye, so that what the eye leaves is filled by what surrounds
it. A glance moves the whole eye a little.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from kernels.row_fill import fill_from_row
from models.closeups.inputs import MovingPicture, gather_landmarks, sample
from models.closeups.patches import CloseupEdit, Patch
from models.closeups.window import LEFT_EYE_VIEW, RIGHT_EYE_VIEW, View, Window, window_fade
from models.geometry.constants import const_floats
from models.geometry.drawn_lids import DrawnLids, lower_lids
from models.geometry.grid import smoothstep, unit_grid

HALF_SIDE = 0.62  # canonical units: of a window
PATCH_SIDE = 128  # pixels of a window
VIEWS = tuple(replace(view, half_side=HALF_SIDE) for view in (RIGHT_EYE_VIEW, LEFT_EYE_VIEW))
# An eye is squeezed within a rounded box around it, whose half sides are so many half widths and heights of the eye.
ACROSS, DOWN, ROUNDNESS = 1.25, 1.22, 4.0
MIRRORED = 0.1  # what the eye leaves is filled by what lies beyond its edge, mirrored and so much nearer to the edge
FILL_REACH, FILL_STEP = 24, 6  # pixels to both sides whose median fills it: hair and brows would become streaks
SHUT_SHARE = 0.15  # height of a squeezed eye that is shut, over that at rest
MAX_HEIGHT = 1.6  # half heights that a staring eye reaches
LINE = 0.3  # of the box's half height below its middle, where a shut eye lies: a line that is bent down
GLANCE = (1.3, 2.2)  # of both, between which the way of a glancing eye fades
MIN_HALF = 0.05  # window units: of an eye seen from the side
MOVED = (0.0, 0.04)  # change of the opening's share, or way over the eye's size: drawn from the second on


def any_whole(whole_eyes: Tensor) -> bool:
    """Whether any of eyes (B, 2, 4), see `Pose.whole_eyes`, blinks as a whole. On a device always true: to ask would
    synchronise host and device.
    """
    return whole_eyes.device.type != "cpu" or bool((whole_eyes[..., 3] > 0).any())


def whole_eye_patches(moving: MovingPicture) -> list[Patch]:
    """Right and left eye of B moving pictures as patches, which draw nothing over eyes that are open or have lids."""
    return [
        whole_eye_patch(view, moving, moving.whole_eyes[:, eye], moving.drawn_lids.of_eye(eye))
        for eye, view in enumerate(VIEWS)
    ]


def whole_eye_patch(view: View, moving: MovingPicture, eye: Tensor, lids: DrawnLids) -> Patch:
    """One eye of B moving pictures. eye: (B, 4), a row of `Pose.whole_eyes`. lids: of this eye."""
    window = Window.of(view, moving.head)
    ring = window.to_window(gather_landmarks(moving.face, [view.inner]))
    low, high = ring.amin(1), ring.amax(1)
    middle, half = (low + high)[:, None, None] / 2, ((high - low) / 2).clamp_min(MIN_HALF)[:, None, None]
    unit = unit_grid(PATCH_SIDE, ring.device)
    opening, way, whole = eye[:, None, None, :1], eye[:, None, None, 1:3] / view.half_side, eye[:, 3, None, None, None]
    way = torch.cat([way[..., :1] * (-1 if view.mirrored else 1), way[..., 1:]], -1) / half
    place = (unit - middle) / half  # (B, m, m, 2) in half sizes of the eye
    before = glanced_from(place, way)
    source, vacated = squeezed_from(before, SHUT_SHARE + (1 - SHUT_SHARE) * opening)
    lowered = lower_lids(lids, before[..., 0], before[..., 1], opening[..., 0], 2 / PATCH_SIDE / half[..., 1])
    has_lids = lids.drawn[:, None, None]
    eye_y = torch.lerp(source[..., 1], lowered.eye_y, has_lids)
    changed = (1 - opening).abs() + way.abs().sum(-1, keepdim=True)
    reach, beyond = const_floats(((ACROSS, MAX_HEIGHT),), unit.device), place.abs() - way.abs()
    near = (1 - smoothstep(0.0, 0.2, beyond - reach)).prod(-1, keepdim=True)
    cover = (near * smoothstep(*MOVED, changed)).permute(0, 3, 1, 2) * whole * window_fade(unit)

    def colours(y: Tensor) -> Tensor:
        """(B, 3, m, m) of the picture at these rows of the eye."""
        on_map = window.to_map(torch.stack([source[..., 0], y], -1) * half + middle) + window.centre[:, None, None]
        in_box = (on_map - moving.box[:, None, None, :2]) / moving.box[:, None, None, 2:]
        return moving.sample(in_box, on_map + sample(moving.flow, in_box).permute(0, 2, 3, 1))

    colour = fill_from_row(colours(eye_y), (vacated * (1 - has_lids))[:, None], FILL_REACH, FILL_STEP)
    colour = torch.lerp(colour, colours(lowered.lashes_y), (lowered.lashes * has_lids)[:, None])
    colour = torch.lerp(colour, lids.skin[:, :, None, None], (lowered.skin * has_lids)[:, None])
    still = cover.new_zeros(len(cover), 2, PATCH_SIDE // 2, PATCH_SIDE // 2)
    return Patch(window, CloseupEdit(still, 1 - cover, colour, cover))


def glanced_from(place: Tensor, way: Tensor) -> Tensor:
    """Where each place (B, m, m, 2) on an eye that glances lies before. way (B, 1, 1, 2): of the glance. Both are half
    sizes of the eye.
    """
    return place - way * (1 - smoothstep(*GLANCE, place.norm(dim=-1, keepdim=True)))


def squeezed_from(place: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Where on the open eye each place on a squeezed one comes from: (B, m, m, 2), half sizes of the eye; and whether
    the eye has left that place: (B, m, m), 0 or 1.

    place (B, m, m, 2): half sizes, from the eye's middle. share (B, 1, 1, 1): height of the squeezed eye over that of
    the open one, above 0.
    """
    x, y = place.unbind(-1)
    edge = DOWN * (1 - (x / ACROSS).abs().clamp_max(1) ** ROUNDNESS) ** (1 / ROUNDNESS)  # half the box's height there
    offset = y - LINE * edge
    distance, edge, share = offset.abs(), edge * (1 - LINE * offset.sign()), share[..., 0]
    around = torch.where(distance < edge, edge + MIRRORED * (edge - distance), distance)
    before = torch.where(distance < share * edge, distance / share, around)
    vacated = (distance < edge) & (distance >= share * edge)
    return torch.stack([x, y - offset + offset.sign() * before], -1), vacated.to(x.dtype)

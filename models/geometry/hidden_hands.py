"""Hands that a picture's border hides: painted onto the tiles of their limbs, in the character's own skin.

A driver raises hands that hang below the border of most pictures. Their shape is that of a usual hand, put where the
forearm says that it is (`streamer/rigging/hidden_hands.py`), and what the picture shows of them stays as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from kernels.mesh import Bucket, draw_mesh
from models.geometry.constants import const_floats, gather_rows, scatter_rows
from models.geometry.grid import smoothstep
from models.geometry.limb_curve import FINGERS, FOREARM_PIECES, LIMB_PIECES, PIECES
from models.geometry.ribbons import COLUMNS, LOOSE, piece_radii, ribbon_rows, ribbon_triangles

HAND_PIECES = (*FOREARM_PIECES, *range(LIMB_PIECES, PIECES))  # forearms, then the fingers of both hands
HAND_BEGINS = (1.93, 2.0)  # s of an arm over which a sleeve goes over into the hand
PALM_ROUND = 0.06  # s over which a palm ends
FINGER_ROOT = (-0.15, 0.35)  # s over which a finger comes out of its palm
DARKER_AT_EDGE = 0.34  # of the brightness, at the outline of a finger, which is round
DARKER_PALM = 0.16  # the same of a palm, which is flat
PALM_BEND = 0.35  # of a palm's surface across, over that of a finger, which is round
TIP = (2.3, 3.0)  # s over which the end of a finger bends away from the camera
TIP_BEND = 0.6  # of its surface there
# Where fingers fold: s, how much darker, and the fold's half width.
FOLDS = ((1.0, 0.08, 0.09), (2.0, 0.06, 0.07))
REDDER = 0.05  # of green and blue that knuckles and fingertips lack
KNUCKLE_WIDTH = 0.25  # s by which a knuckle's red fades on both sides of its fold
NAIL_CENTRE, NAIL_HALF = 2.6, (0.24, 0.62)  # of a nail: s, and its half lengths in s and across
# In half lengths from its centre: over which a nail ends, where the line around it does, where its free end begins.
NAIL_EDGE, NAIL_RIM_END, NAIL_END_FROM = (0.8, 1.0), 1.35, (0.45, 0.75)
NAIL_LIGHT = 0.1  # how much lighter a nail is than the skin
NAIL_RIM = 0.22  # how much darker the line around it is
NAIL_END = 0.12  # how much lighter its free end is than the rest of it
TILE_WINDOW = 96  # texels, of a ribbon's largest triangle on its tile


class HiddenHands(NamedTuple):
    """The hands of B pictures that are painted, since the picture's border hides them.

    hidden: (B, 2), 0 or 1, the left and the right one. ends: (B, 2), s of the arms at which their palms end. inside:
    (B, 4), see `Outlines`. skin: (B, 2, 3), colour of each. light (B, 2), shaded (B,): see `FaceSkin`.
    """

    hidden: Tensor
    ends: Tensor
    inside: Tensor
    skin: Tensor
    light: Tensor
    shaded: Tensor


class TileShapes(NamedTuple):
    """The shapes of pieces on their tiles, (B · K, 1, T, T) each: s, d over the half width on its side, and coverage
    0..1.
    """

    s: Tensor
    fraction: Tensor
    covered: Tensor


def shapes_on_tiles(on_tile: Tensor, radii: Tensor, boxes: Tensor, side: int) -> TileShapes:
    """The shapes of pieces with vertices on_tile (B, K, V, 2), half widths radii (B, L, ·, 2) and boxes (B, K, 3), on
    tiles of `side` texels: also beyond the canvas.
    """
    sides = piece_radii(radii)
    line = torch.linspace(-LOOSE, LOOSE, COLUMNS, device=on_tile.device).expand(*sides.shape[:3], -1)
    texels = torch.where(line < 0, sides[..., :1], sides[..., 1:]) / boxes[..., 2, None, None] * (side / 2)
    s = ribbon_rows(on_tile.shape[1], on_tile.device)[..., None].expand_as(line)
    values = torch.stack([s, line, texels, torch.ones_like(s)], -1).flatten(0, 1).flatten(1, 2)
    points = torch.cat([on_tile, line.abs().flatten(2)[..., None]], -1).flatten(0, 1)
    drawn = draw_mesh(points, [Bucket(ribbon_triangles(on_tile.device), TILE_WINDOW)], values, side)
    s, fraction, texels, inside = drawn.split(1, 1)
    return TileShapes(s, fraction, ((1 - fraction.abs()) * texels + 0.5).clamp(0, 1) * (inside > 0.5))


def skin_shade(s: Tensor, fraction: Tensor, hands: HiddenHands) -> Tensor:
    """Factors (B, 12, 3, T, T) of the skin's colour on palms and fingers, with these s and d over the half width
    (B, 12, 1, T, T): their roundness, the picture's light, folds and nails.

    The light is that on a hand that is held up: one that hangs is beyond the border.
    """
    arms = len(FOREARM_PIECES)
    darker, bend = (
        const_floats((palm,) * arms + (finger,) * (2 * FINGERS), s.device)[:, None, None, None]
        for palm, finger in ((DARKER_PALM, DARKER_AT_EDGE), (PALM_BEND, 1.0))
    )
    is_finger = const_floats((0.0,) * arms + (1.0,) * (2 * FINGERS), s.device)[:, None, None, None]
    across, along = hands.light[:, None, :, None, None].unbind(2)
    tip = is_finger * smoothstep(*TIP, s)
    light = (across.unsqueeze(2) * bend * fraction - along.unsqueeze(2) * TIP_BEND * tip).exp()
    round_shade = (1 + darker / 3 - darker * fraction.square()) * light  # its mean is 1
    detail = is_finger * hands.shaded[:, None, None, None, None]
    folds = sum(dark * torch.exp(-((s - at) / half).square()) for at, dark, half in FOLDS)
    knuckle = sum(torch.exp(-((s - at) / KNUCKLE_WIDTH).square()) for at, _, _ in FOLDS) + tip
    from_middle = (((s - NAIL_CENTRE) / NAIL_HALF[0]).square() + (fraction / NAIL_HALF[1]).square()).sqrt()
    nail = 1 - smoothstep(*NAIL_EDGE, from_middle)
    rim = (1 - nail) * (1 - smoothstep(NAIL_EDGE[1], NAIL_RIM_END, from_middle))
    end = nail * smoothstep(*NAIL_END_FROM, (s - NAIL_CENTRE) / NAIL_HALF[0])
    tone = 1 + detail * (NAIL_LIGHT * nail + NAIL_END * end - NAIL_RIM * rim - folds * (1 - fraction.square()))
    red = const_floats((0.0, 1.0, 1.0), s.device)[:, None, None]
    return round_shade * tone * (1 - detail * REDDER * knuckle.clamp_max(1) * red)


def paint_hidden_hands(
    straight: Tensor, alpha: Tensor, picture: Tensor, places: Tensor, shapes: TileShapes, hands: HiddenHands
) -> tuple[Tensor, Tensor]:
    """Colours (B, 18, 3, T, T) and alpha (B, 18, 1, T, T) of tiles with the hands that are hidden.

    straight, alpha: of the tiles without them. picture (B, 18, 4, T, T): what the picture has at their texels,
    premultiplied; places (B, 18, T, T, 2): where these lie on the canvas. shapes: of these pieces.
    """
    arms = len(FOREARM_PIECES)
    each = torch.cat([hands.hidden, hands.hidden.repeat_interleave(FINGERS, 1)], 1)[..., None, None, None]
    own, whole, shown, places = (gather_rows(part, HAND_PIECES) for part in (straight, alpha, picture, places))
    s, fraction, covered = (gather_rows(part.unflatten(0, alpha.shape[:2]), HAND_PIECES) for part in shapes)
    low, high = hands.inside[:, None, None, None, :2], hands.inside[:, None, None, None, 2:]
    inside = ((places > low) & (places < high)).all(-1)[:, :, None].to(alpha.dtype)
    colour = torch.cat([hands.skin, hands.skin.repeat_interleave(FINGERS, 1)], 1)[..., None, None]
    drawn = (colour * skin_shade(s, fraction.clamp(-1, 1), hands)).clamp(0, 1)
    # Sleeves go on as their shapes do, also where the canvas has nothing; then hands come out of them.
    palm = 1 - smoothstep(-PALM_ROUND, 0.0, s[:, :arms] - hands.ends[..., None, None, None])
    root = smoothstep(*FINGER_ROOT, s[:, arms:])
    sleeve = torch.lerp(own[:, :arms], drawn[:, :arms], smoothstep(*HAND_BEGINS, s[:, :arms]))
    made = torch.cat([sleeve, drawn[:, arms:]], 1)
    made_alpha = covered * torch.cat([palm, root], 1)
    # What the picture shows stays: of a finger, what of the person is where it lies.
    person = shown[:, :, 3:]
    own = torch.cat([own[:, :arms], shown[:, arms:, :3] / person[:, arms:].clamp_min(1e-3)], 1)
    whole = torch.cat([whole[:, :arms], (made_alpha * person)[:, arms:]], 1)
    made = torch.lerp(made, own, inside)
    made_alpha = torch.lerp(made_alpha, whole, inside)
    return (
        scatter_rows(straight, HAND_PIECES, torch.where(each > 0, made, gather_rows(straight, HAND_PIECES))),
        scatter_rows(alpha, HAND_PIECES, torch.where(each > 0, made_alpha, gather_rows(alpha, HAND_PIECES))),
    )

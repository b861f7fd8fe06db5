"""Limbs as layers: each segment of an arm or a leg as a ribbon with a texture of its own, completed behind what covers
it; and the body without them, filled where they were. Made once per picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.geometry.inpaint import blur, dilate, pull_push
from models.geometry.limb_claims import claim_pixels, torso_hull, within
from models.geometry.limb_curve import LIMBS, PIECES, SECOND_JOINTS, THIRD_JOINTS, limb_polylines
from models.geometry.limb_textures import paint_tiles
from models.geometry.ribbons import COLUMNS, ROWS, bounding_boxes, draw_ribbons, place_vertices, ribbon_across

RIM = 2  # pixels around a limb over which the body layer loses its soft edge with it
SOLID = 0.9  # alpha from which a pixel is the person's own, and no edge


class Outlines(NamedTuple):
    """Where the limbs of B pictures end to both sides.

    radii: (B, 4, `LIMB_SAMPLES`, 2), half widths at the samples of s towards negative and positive d, canvas units.
    shown: (B, K), 0 or 1, whether the picture shows a piece well enough to move it.
    inside: (B, 4), left, upper, right and lower border of the picture itself; beyond, limbs are unseen. Canvas units.
    """

    radii: Tensor
    shown: Tensor
    inside: Tensor


class Limbs(NamedTuple):
    """The limbs of B pictures, K = `PIECES`, T pixels along a side of a tile, V = `ROWS` · `COLUMNS` vertices.

    tiles: (B, K, 4, T, T), premultiplied RGB and alpha.
    boxes: (B, K, 3), what of the canvas the tiles show in the picture: centre x, y and half side.
    polylines: (B, 4, 5, 2), of the limbs in the picture.
    across: (B, K, V), distance d of the vertices, canvas units.
    on_tile: (B, K, V, 2), where the vertices lie on their tiles, −1..1.
    shown: (B, K), 0 or 1, whether a piece exists.
    """

    tiles: Tensor
    boxes: Tensor
    polylines: Tensor
    across: Tensor
    on_tile: Tensor
    shown: Tensor


def no_limbs(count: int, size: int, device: torch.device) -> Limbs:
    """The limbs of pictures that show none, S = size pixels."""
    tile, vertices = size // 2, ROWS * COLUMNS
    return Limbs(
        torch.zeros(count, PIECES, 4, tile, tile, device=device),
        torch.tensor([0.0, 0.0, 1.0], device=device).expand(count, PIECES, 3),
        torch.zeros(count, LIMBS, 5, 2, device=device),
        torch.zeros(count, PIECES, vertices, device=device),
        torch.zeros(count, PIECES, vertices, 2, device=device),
        torch.zeros(count, PIECES, device=device),
    )


def build_limbs(person: Tensor, head: Tensor, body: Tensor, outlines: Outlines) -> tuple[Limbs, Tensor]:
    """The limbs of B pictures, and the coverage (B, 1, S, S), 0 or 1, of what they take from the person.

    person (B, 4, S, S): premultiplied colours of the person and alpha. head (B, 1, S, S): coverage by the head's
    surface, 0..1. body (B, 33, 4): joints.
    """
    radii, shown, inside = outlines
    size = person.shape[-1]
    polylines = limb_polylines(body)
    across = ribbon_across(radii)
    rest = place_vertices(polylines, across)
    boxes = bounding_boxes(rest)
    drawn = draw_ribbons(rest, radii, size)
    claim = claim_pixels(drawn, person[:, 3], head[:, 0], within(inside, size), body, shown)
    tiles = paint_tiles(person, claim, rest, boxes, shown)
    on_tile = (rest - boxes[:, :, None, :2]) / boxes[:, :, None, 2:]
    return Limbs(tiles, boxes, polylines, across, on_tile, shown), claim.taken


def without_layers(body: Tensor, shown: Tensor) -> Tensor:
    """Joints (B, 33, 4) with the far joints of limbs that are layers (B, K) invisible: the sheet of the body then moves
    with the torso there.
    """
    upper, lower = shown.unflatten(1, (LIMBS, 2)).unbind(2)
    visibility = body[..., 3].clone()
    for joints, layer in ((SECOND_JOINTS, upper), (THIRD_JOINTS, lower)):
        visibility[:, joints] *= 1 - layer
    return torch.cat([body[..., :3], visibility.unsqueeze(-1)], -1)


def behind_limbs(person: Tensor, taken: Tensor, body: Tensor) -> Tensor:
    """The torso behind what limbs take (B, 1, S, S), 0 or 1: (B, 4, S, S), premultiplied; elsewhere without meaning.

    person: (B, 4, S, S) the person's own colours, premultiplied. Within the torso's hull the clothes go on behind the
    limbs, outside of it there is nothing.
    """
    hull = torso_hull(body, person.shape[-1]).unsqueeze(1)
    straight = person[:, :3] / person[:, 3:].clamp_min(1e-3)
    known = (dilate(taken, RIM + 2) < 0.5) & (person[:, 3:] > SOLID)
    filled = pull_push(straight, known.to(person.dtype))
    return torch.cat([filled * hull, hull], 1)


def replace_limbs(person: Tensor, behind: Tensor, taken: Tensor) -> Tensor:
    """The person (B, 4, S, S), premultiplied, with `behind` instead of the limbs and of the soft edge around them.

    taken: (B, 1, S, S), 0 or 1, what the limbs take.
    """
    edge = dilate(taken, RIM) * (person[:, 3:] < SOLID)
    return torch.lerp(person, behind, torch.maximum(taken, blur(torch.maximum(taken, edge), 1)))

"""The ears of a head: two sheets that stand out from the border of the face, as wide as the picture shows them.

Seen from the front an ear is a narrow strip beside the face, and on a skull it would be drawn out over the side of the
head when that turns into view. An ear has a known breadth, and the strip tells at which angle it stands out: turned, it
widens as an ear does.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import const_floats
from models.geometry.head_palette import Palette, picture_palette
from models.geometry.topology import HeadTransform, topology

# Landmarks on the border of the face from above the right and the left ear to below its lobe.
RIGHT_ROOT = (21, 162, 127, 234, 93, 132)
LEFT_ROOT = (251, 389, 356, 454, 323, 361)
ROWS, COLUMNS = 16, 4  # vertices of an ear along and across
EARS = 2 * ROWS * COLUMNS  # vertices of both
# Of the mean head of ICT-FaceKit, canonical units: from the border of the face to the edge of the ear, and the angle
# between an ear and the head's plane of symmetry.
BREADTH, ANGLE = 0.5, math.radians(24)
ANGLES = tuple(math.radians(angle) for angle in range(12, 72, 4))  # at which an ear may stand
MIDDLE, HALF_HEIGHT, MAX_BREADTH = 0.2, 0.4, 0.55  # canonical units: beyond this ellipse it is no ear
REACH, STEPS = 0.6, 40  # canonical units of the picture's plane in which an ear is searched, from the face outwards
OPAQUE = 0.5  # alpha from which on a pixel is the person
LIKE_SKIN = 0.4  # RGB distance from the skin's colours, and nearer than hair's
# Where the background begins so near to the face, canonical units, all is ear, or is if no more than so much beyond the
# last skin. Elsewhere hair goes on behind the ear, which ends at the last skin up to which so large a share is skin:
# lines, shadows and locks are not.
NEAR_OUTLINE, FAR_OUTLINE, BEYOND_SKIN, SKIN_BEFORE_HAIR = 0.2, 0.38, 0.08, 0.4
SOME_SKIN = 0.12  # share of a row that ends at the background, without which it is hair
# How wide the rows above its middle are that belong to an ear, over that, and their share of skin: others are hair.
LIKE_MIDDLE, MOSTLY_SKIN = (0.5, 1.35), 0.4
SIDE_OF_HEAD = (0.75, 1.3)  # how wide the side of a head is above, over the middle of what looks like an ear
SHOWN_ROWS = (0.02, 0.45)  # y, canonical units, of the middle of an ear
LEAST_WIDTH, LEAST_SKIN = 0.07, 0.25  # means there: what is narrower is a cheek, and with less skin it is hair
NO_HAIR = 0.12  # canonical units, mean there: the background is so near to the face of an ear that is turned away
LEAST_SLANT = 0.15  # sine of the angle between an ear's sheet and the line of sight, below which it is not seen


class Ears(NamedTuple):
    """The ears of B heads; of one that is not drawn all vertices lie on the face's border.

    place: (B, E, 3), canonical units.
    shown: (B, E, 3), canonical units, the places whose picture is drawn there: their own, or the other ear's.
    borrowed: (B, E), 1 for an ear that the picture hides and that is like the other one; else 0.
    """

    place: Tensor
    shown: Tensor
    borrowed: Tensor


def grow_ears(place: Tensor, borrowed: Tensor, share: Tensor) -> Tensor:
    """Places (B, E, 3) of `Ears` with the borrowed ones (B, E) so far out of the head: share (B,), 0..1."""
    return torch.lerp(place, roots_of(place), (borrowed * (1 - share[:, None]))[..., None])


def roots_of(place: Tensor) -> Tensor:
    """Where each vertex's row of ears (B, E, 3) begins, at the face's border: (B, E, 3)."""
    return place.unflatten(1, (-1, COLUMNS))[:, :, :1].expand(-1, -1, COLUMNS, -1).flatten(1, 2)


class EarMesh(NamedTuple):
    """The ears' constants on one device, E = `EARS` vertices: right and left, rows from above, columns from the face.

    root: (E, 36), shares of the landmarks on the face's border, in the order of `Topology.oval`, at the vertices' rows.
    across: (E,) 0..1, from the face to the ear's edge.
    triangles: (F, 3) long, clockwise as seen from the front.
    mean: (E, 3), the ears of the mean head, canonical units.
    normals: (E, 3), of the sides that a camera before the head sees.
    """

    root: Tensor
    across: Tensor
    triangles: Tensor
    mean: Tensor
    normals: Tensor


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensors must also be usable in training
def ear_mesh(device: torch.device) -> EarMesh:
    """The ears' constants on a device."""
    oval = topology("cpu").oval.tolist()
    place = torch.linspace(0, len(RIGHT_ROOT) - 1, ROWS)
    above = place.long().clamp_max(len(RIGHT_ROOT) - 2)
    share = torch.zeros(2, ROWS, len(oval))
    for side, landmarks in enumerate((RIGHT_ROOT, LEFT_ROOT)):
        for row in range(ROWS):
            first, part = int(above[row]), float(place[row] - above[row])
            share[side, row, oval.index(landmarks[first])] += 1 - part
            share[side, row, oval.index(landmarks[first + 1])] += part
    root = share[:, :, None].expand(-1, -1, COLUMNS, -1).reshape(EARS, -1)
    across = torch.linspace(0, 1, COLUMNS).expand(2, ROWS, -1)
    number = torch.arange(EARS).view(2, ROWS, COLUMNS)
    a, b, c, d = number[:, :-1, :-1], number[:, :-1, 1:], number[:, 1:, :-1], number[:, 1:, 1:]
    triangles = torch.stack([torch.stack([a, b, d], -1), torch.stack([a, d, c], -1)], 1)  # (2, 2, rows, columns, 3)
    triangles[0] = triangles[0].flip(-1)  # the right ear goes to the left
    border = topology("cpu").canonical[topology("cpu").oval]
    angle = torch.full((2,), ANGLE)
    breadth = torch.full((2, ROWS), BREADTH)
    mean = sheets(root @ border, across.reshape(-1), breadth[None], angle[None])[0]
    way = directions(angle)[:, None].expand(-1, ROWS * COLUMNS, -1).reshape(EARS, 3)
    normals = torch.stack([way[:, 2] * way[:, 0].sign(), way[:, 1], -way[:, 0].abs()], -1)
    return EarMesh(*(part.to(device) for part in (root, across.reshape(-1), triangles.reshape(-1, 3), mean, normals)))


def directions(angle: Tensor) -> Tensor:
    """Unit vectors (..., 2, 3), canonical axes, from the face to the edge of right and left ears at angles (..., 2)."""
    side = angle.new_tensor([-1.0, 1.0])
    return torch.stack([side * angle.sin(), torch.zeros_like(angle), angle.cos()], -1)


def sheets(root: Tensor, across: Tensor, breadth: Tensor, angle: Tensor) -> Tensor:
    """Vertices (B, E, 3), canonical units, of ears with roots (E, 3) or (B, E, 3), breadths (B, 2, R) and angles
    (B, 2).
    """
    way = directions(angle)[:, :, None, None]  # (B, 2, 1, 1, 3)
    ellipse = (1 - ((root[..., 1] - MIDDLE) / HALF_HEIGHT).square()).clamp_min(0).sqrt() * MAX_BREADTH
    length = torch.minimum(breadth[..., None].expand(-1, -1, -1, COLUMNS).flatten(1), ellipse) * across
    return root + length.view(len(breadth), 2, ROWS, COLUMNS, 1).mul(way).flatten(1, 3)


def find_ears(person: Tensor, face: Tensor, head: HeadTransform) -> Ears:
    """The ears that pictures of heads with landmarks (B, 478, 3), canvas units, show; in place of one that is turned
    away the mirror image of the other.

    person: (B, 4, S, S), premultiplied RGB and alpha, 0..1.
    """
    mesh = ear_mesh(face.device)
    root = mesh.root @ head.inverse(face)[:, topology(face.device).oval]  # (B, E, 3)
    angles = const_floats(ANGLES, face.device)
    ways = directions(angles[:, None].expand(-1, 2))  # (A, 2, 3)
    in_picture = torch.einsum("bij,asj->bsai", head.rotation, ways)[..., :2]  # (B, 2, A, 2)
    slant = in_picture.norm(dim=-1)  # share of its breadth that an ear at each angle shows
    mean_way = in_picture[:, :, ANGLES.index(ANGLE)]
    outwards = head.rotation[:, :2, 0, None] * face.new_tensor([-1.0, 1.0])  # (B, 2 axes, 2 sides)
    turned_to = ((mean_way * outwards.mT).sum(-1) > 0) & (mean_way.norm(dim=-1) > LEAST_SLANT)
    by_row = root.unflatten(1, (2, ROWS, COLUMNS))[:, :, :, 0]  # (B, 2, R, 3)
    rows = Rows(head.apply(by_row.flatten(1, 2)).view_as(by_row), head.scale, F.normalize(mean_way, dim=-1))
    strips = visible_strips(person, rows, picture_palette(person, face, head))
    y = by_row[..., 1]
    middle = middle_rows(y)
    width = ear_widths(strips, y, middle) * turned_to[..., None]
    angle = (slant * BREADTH - width.amax(-1, keepdim=True)).abs().argmin(-1, keepdim=True)  # (B, 2, 1)
    breadth = width / slant.gather(-1, angle).clamp_min(LEAST_SLANT)
    place = sheets(root, mesh.across, breadth, angles[angle[..., 0]])
    has_ear = width.amax(-1) > 0
    hidden = ~turned_to | ((strips.outline * middle).sum(-1) < NO_HAIR)
    borrowed = hidden & ~has_ear & has_ear.flip(1)  # (B, 2)
    borrowed = borrowed.to(place.dtype).repeat_interleave(ROWS * COLUMNS, 1)
    other = place.unflatten(1, (2, -1)).flip(1).flatten(1, 2)
    stands_out = (place - root).unflatten(1, (2, -1)).flip(1).flatten(1, 2) * place.new_tensor([-1.0, 1.0, 1.0])
    shown = torch.lerp(place, other, borrowed[..., None])
    return Ears(torch.lerp(place, root + stands_out, borrowed[..., None]), shown, borrowed)


def middle_rows(y: Tensor) -> Tensor:
    """Weights (B, 2, R), summing to 1, of the rows at the middle of ears. y: (B, 2, R) of the rows, canonical units."""
    middle = ((y > SHOWN_ROWS[0]) & (y < SHOWN_ROWS[1])).to(y.dtype)
    return middle / middle.sum(-1, keepdim=True).clamp_min(1)


def ear_widths(strips: Strips, y: Tensor, middle: Tensor) -> Tensor:
    """How wide the rows of both ears are, (B, 2, R), canonical units; 0 where there is no ear.

    y: (B, 2, R) of the rows, canonical units. middle: from `middle_rows`.
    """
    width, skin = strips.width, strips.skin
    mean = (width * middle).sum(-1, keepdim=True)
    is_ear = (mean > LEAST_WIDTH) & ((skin * middle).sum(-1, keepdim=True) > LEAST_SKIN)
    # Skin that goes on above in the same breadth is the side of a head.
    above, least, most = width[..., :1], SIDE_OF_HEAD[0] * mean, SIDE_OF_HEAD[1] * mean
    is_ear &= (above < least) | (above > most) | (skin[..., :1] < MOSTLY_SKIN)
    like_middle = (width > LIKE_MIDDLE[0] * mean) & (width < LIKE_MIDDLE[1] * mean) & (skin > MOSTLY_SKIN)
    return width * (is_ear & ((y > SHOWN_ROWS[0]) | like_middle))


class Rows(NamedTuple):
    """Where the rows of both ears are in B pictures.

    root: (B, 2, R, 3) canvas units. scale: (B,) canvas units of one canonical unit. way: (B, 2, 2) unit vectors away
    from the face.
    """

    root: Tensor
    scale: Tensor
    way: Tensor


class Strips(NamedTuple):
    """What B pictures show beside the face in the rows of both ears.

    width: (B, 2, R) canonical units, before hair or background begin. skin: (B, 2, R) 0..1, the share of skin in that.
    outline: (B, 2, R) canonical units, before the background begins.
    """

    width: Tensor
    skin: Tensor
    outline: Tensor


def visible_strips(person: Tensor, rows: Rows, palette: Palette) -> Strips:
    """What pictures (B, 4, S, S), premultiplied RGB and alpha, show beside the face.

    palette: from `picture_palette`.
    """
    batch = len(person)
    step = torch.linspace(0, REACH, STEPS, device=person.device)
    steps = (step * rows.scale[:, None])[:, None, None, :, None] * rows.way[:, :, None, None]  # (B, 2, 1, K, 2)
    points = rows.root[:, :, :, None, :2] + steps
    colour, alpha = F.grid_sample(person, points.flatten(1, 2), "bilinear", "zeros", False).split([3, 1], 1)
    straight = (colour / alpha.clamp_min(1e-3)).flatten(2).mT  # (B, N, 3)
    hair, skin = (torch.cdist(straight, part).amin(-1).view(batch, 2, ROWS, STEPS) for part in palette)
    inside = (alpha.view(batch, 2, ROWS, STEPS) > OPAQUE).to(step.dtype).cumprod(-1)
    like_skin = inside * (skin < LIKE_SKIN) * (skin <= hair)
    share = like_skin.cumsum(-1) / torch.arange(1, STEPS + 1, device=step.device)  # of what lies before each step
    outline = inside.sum(-1) * (REACH / (STEPS - 1))
    on_outline = like_skin.sum(-1) / inside.sum(-1).clamp_min(1)
    before_hair = (like_skin * (share > SKIN_BEFORE_HAIR) * step).amax(-1)
    last_skin = (like_skin * step).amax(-1)
    ends = (outline < NEAR_OUTLINE) | ((outline < FAR_OUTLINE) & (outline - last_skin < BEYOND_SKIN))
    width = torch.where(ends, outline * (on_outline > SOME_SKIN), before_hair)
    skin_share = torch.where(ends, on_outline, (share * (step == before_hair[..., None])).amax(-1))
    around = F.pad(width, (1, 1), "replicate").unfold(-1, 3, 1)
    return Strips(around.median(-1).values, skin_share, outline)

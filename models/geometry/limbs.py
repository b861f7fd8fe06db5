"""Limbs as layers: each piece, a segment of an arm or a leg or a finger, as a ribbon with a texture of its own,
completed behind what covers it; and the body without them, filled where they were. Made once per picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.body import shoulder_width
from models.geometry.clothes import continue_torso
from models.geometry.constants import gather_rows
from models.geometry.grid import smoothstep, to_box
from models.geometry.hem import find_hem
from models.geometry.hidden_hands import HiddenHands
from models.geometry.inpaint import blur, dilate, pull_push
from models.geometry.limb_claims import (
    CAP_FADE,
    DARK,
    SKIN_LIGHT,
    Areas,
    claim_pixels,
    is_skin,
    palm_ends,
    piece_behind,
    torso_hull,
    within,
)
from models.geometry.limb_curve import (
    FINGERS,
    FOREARM_PIECES,
    LEG_PIECES,
    LIMB_PIECES,
    LIMBS,
    LINES,
    PIECE_LINES,
    PIECES,
    SECOND_JOINTS,
    SEGMENTS_OF_LIMB,
    THIRD_JOINTS,
    finger_polylines,
    limb_polylines,
)
from models.geometry.limb_parts import ON_PERSON, pixels_of_forearms
from models.geometry.limb_textures import paint_tiles
from models.geometry.ribbons import COLUMNS, ROWS, bounding_boxes, draw_ribbons, place_vertices, ribbon_across
from models.geometry.skin_light import FaceSkin
from models.geometry.strays import find_strays
from models.geometry.torso_outline import TorsoRows, draw_outline, torso_rows

RIM = 2  # pixels around a limb over which the body layer loses its soft edge with it
SURROUNDED = (0.8, 0.9)  # alpha around limbs: background goes on behind them, the torso does
CLEAR = 0.05  # alpha up to which a pixel is what the plate lacks around a limb, which goes with the limb
PALM_FROM, PALM_MIDDLE = 2.05, 0.7  # s of an arm, and half widths: where skin tells the colour of a hand
WARMTH, MOST_OFF = (0.45, 1.8), 0.1  # strength of the hue of skin over that of the face's, and what is of another hue
ENOUGH_SKIN, MOSTLY_SKIN = (1e-4, 4e-4), (0.4, 0.6)  # of the picture, and of what it shows there: less tells nothing
ARM_PIECES = 2 * SEGMENTS_OF_LIMB
SOLID = 0.9  # alpha from which a pixel is the person's own, and no edge


class Outlines(NamedTuple):
    """Where the limbs of B pictures end to both sides.

    radii: (B, L, `LIMB_SAMPLES`, 2), half widths at the samples of s towards negative and positive d, canvas units, of
        L = 4 limbs, or of 14 with the fingers.
    shown: (B, K), 0 or 1, whether the picture shows a piece well enough to move it; K = 8, or 18 with the fingers.
    inside: (B, 4), left, upper, right and lower border of the picture itself; beyond, limbs are unseen. Canvas units.
    hidden: (B, 2), 0 or 1, whether the left and the right hand hang beyond that border, so that they are painted; their
        fingers count as shown. None: no hand does.
    unseen: (B, 2), 0 or 1, whether the left and the right arm are behind the torso, where the picture shows nothing of
        them; they count as shown. None: no arm is.
    """

    radii: Tensor
    shown: Tensor
    inside: Tensor
    hidden: Tensor | None = None
    unseen: Tensor | None = None


class Limbs(NamedTuple):
    """The limbs of B pictures, K = `PIECES`, T pixels along a side of a tile, V = `ROWS` · `COLUMNS` vertices.

    tiles: (B, K, 4, T, T), premultiplied RGB and alpha.
    boxes: (B, K, 3), what of the canvas the tiles show in the picture: centre x, y and half side.
    polylines: (B, `LINES`, 5, 2), of limbs and fingers in the picture.
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
    """The limbs of pictures that show none, S = size pixels. Views of single values: they hold no memory of their own,
    and are not to be written to.
    """
    tile, vertices = size // 2, ROWS * COLUMNS
    zero = torch.zeros((), device=device)
    return Limbs(
        zero.expand(count, PIECES, 4, tile, tile),
        torch.tensor([0.0, 0.0, 1.0], device=device).expand(count, PIECES, 3),
        zero.expand(count, LINES, 5, 2),
        zero.expand(count, PIECES, vertices),
        zero.expand(count, PIECES, vertices, 2),
        zero.expand(count, PIECES),
    )


def known_outlines(outlines: Outlines | None, body: Tensor) -> Outlines | None:
    """Outlines without those of bodies whose joints (B, 33, 4) are guessed; None if none are left."""
    if outlines is None:
        return None
    shown = outlines.shown * (body[..., 3].amax(1, keepdim=True) > 0)
    return outlines._replace(shown=shown) if bool(shown.any()) else None


class Uncovered(NamedTuple):
    """What limbs leave behind on the body layer of B pictures.

    share: (B, 1, S, S), 0..1, how much of the person goes with the limbs.
    behind: (B, 4, S, S), premultiplied, what is there instead; without meaning where the share is 0.
    torso: the torso's outline, also behind the limbs.
    strays: (B, 1, S, S) bool, what is no part of the person, see `find_strays`.
    """

    share: Tensor
    behind: Tensor
    torso: TorsoRows
    strays: Tensor


def build_limbs(
    person: Tensor, head: Tensor, body: Tensor, hands: Tensor, outlines: Outlines, skin: FaceSkin
) -> tuple[Limbs, Uncovered]:
    """The limbs of B pictures, and what they leave behind on the body layer.

    person (B, 4, S, S): premultiplied colours of the person and alpha. head (B, 1, S, S): coverage by the head's
    surface, 0..1. body (B, 33, 4): joints. hands (B, 2, 21, 4): their points; used where the outlines have fingers.
    skin: the face's.
    """
    radii, shown, inside, hidden, unseen = outlines
    size = person.shape[-1]
    polylines, pieces = limb_polylines(body), shown.shape[1]
    if pieces == PIECES:
        polylines = torch.cat([polylines, finger_polylines(hands)], 1)
    across = ribbon_across(radii)
    rest = place_vertices(polylines, across)
    boxes = bounding_boxes(rest)
    on_tile = to_box(rest.flatten(0, 1), boxes.flatten(0, 1)).unflatten(0, boxes.shape[:2])
    drawn, hull = draw_ribbons(rest, radii, size), torso_hull(body, size)
    ends = palm_ends(polylines, hands, shown)
    in_picture = shown  # painted fingers are drawn, but no pixel of the picture is theirs
    if hidden is not None and pieces == PIECES:
        fingers = shown[:, LIMB_PIECES:] * (1 - hidden.repeat_interleave(FINGERS, 1))
        in_picture = torch.cat([shown[:, :LIMB_PIECES], fingers], 1)
    if unseen is not None:
        behind_torso = F.pad(unseen.repeat_interleave(SEGMENTS_OF_LIMB, 1), (0, shown.shape[1] - 2 * SEGMENTS_OF_LIMB))
        in_picture = in_picture * (1 - behind_torso)
    bare = is_skin(person, skin.colour, head[:, 0], hull)
    forearms = pixels_of_forearms(person, drawn, boxes)
    hem = find_hem(person, drawn, rest, body, shown, pixels_of_arms(drawn, in_picture))
    areas = Areas(person[:, 3], head[:, 0], hull, within(inside, size), bare, forearms, hem)
    claim = claim_pixels(drawn, areas, body, in_picture, palm_ends(polylines, hands, in_picture))
    if unseen is not None:
        claim = claim._replace(covered=torch.maximum(claim.covered, arms_behind(drawn, person[:, 3:], behind_torso)))
    hidden_hands = None
    if hidden is not None and pieces == PIECES:
        palms = gather_rows(ends, FOREARM_PIECES)
        colours = hand_colours(person, claim.visible, drawn, skin.colour)
        hidden_hands = HiddenHands(hidden, palms, inside, colours, skin.light, skin.shaded)
    tiles = paint_tiles(person, claim, rest, on_tile, boxes, shown, radii, hidden_hands)
    none = no_limbs(len(body), size, body.device)
    own = (tiles, boxes, polylines, across, on_tile, shown)
    found = Limbs(*(torch.cat([part, empty[:, part.shape[1] :]], 1) for part, empty in zip(own, none, strict=True)))
    on_arms = claim.visible[:, :ARM_PIECES]
    farther = piece_behind(body[..., 2], shoulder_width(body))[:, :ARM_PIECES, None, None] * on_arms
    farther = farther.amax(1, keepdim=True)
    # What turns with the torso below it are the legs as well.
    whole = torso_rows(person[:, 3:], claim.taken * on_arms.amax(1, keepdim=True), farther, body)
    strays = find_strays(person[:, 3:], claim.taken, shown, body)
    rows = torso_rows(person[:, 3:], claim.taken, farther, body)
    behind = behind_limbs(person * ~strays, claim.taken, farther, rows, body)
    # What the picture shows of legs has nothing of the torso before it.
    legs = gather_rows(claim.visible, LEG_PIECES).amax(1, keepdim=True) * (1 - on_arms.amax(1, keepdim=True))
    behind = behind * (1 - legs * claim.taken)
    return channels_last(found), Uncovered(share_of_limbs(person[:, 3:], claim.taken), behind, whole, strays)


def pixels_of_arms(drawn: Tensor, shown: Tensor) -> Tensor:
    """(B, S, S) bool, what lies within the outlines of arms that are shown (B, K). drawn: from `draw_ribbons`."""
    _, fraction, _, inside = drawn[:, :ARM_PIECES].unbind(2)
    return ((inside * shown[:, :ARM_PIECES, None, None] > 0.5) & (fraction.abs() < 1)).any(1)


def hand_colours(person: Tensor, visible: Tensor, drawn: Tensor, skin: Tensor) -> Tensor:
    """(B, 2, 3) the colours of the left and the right hand: of the skin that the picture shows in the middle of them or
    of the other one, else the face's (B, 3).

    person (B, 4, S, S), premultiplied. visible (B, K, S, S), drawn (B, K, 4, S, S): of the pieces, see `draw_ribbons`.
    """
    s, fraction = gather_rows(drawn, FOREARM_PIECES)[:, :, :2].unbind(2)
    middle = gather_rows(visible, FOREARM_PIECES) * (s > PALM_FROM) * (fraction.abs() < PALM_MIDDLE)
    middle = torch.cat([middle, middle.amax(1, keepdim=True)], 1)  # (B, 3, S, S): each, and both
    weight = middle * as_warm_as(person, skin)[:, None]  # of colours that have alpha in them
    count, every = (weight * person[:, None, 3]).sum((2, 3)), middle.sum((2, 3)).clamp_min(1)
    shown = torch.einsum("bhyx,bcyx->bhc", weight, person[:, :3]) / count.clamp_min(1e-3)[..., None]
    enough = smoothstep(*ENOUGH_SKIN, count / person.shape[-1] ** 2) * smoothstep(*MOSTLY_SKIN, count / every)
    either = torch.lerp(skin[:, None], shown[:, 2:], enough[:, 2:, None])
    return torch.lerp(either, shown[:, :2], enough[:, :2, None])


def as_warm_as(person: Tensor, skin: Tensor) -> Tensor:
    """(B, S, S) bool, where a person (B, 4, S, S), premultiplied, has the hue of skin (B, 3), about as strongly, in any
    light.
    """
    logs = (person[:, :3] / person[:, 3:].clamp_min(1e-3) + DARK).log()
    own = (skin + DARK).log()
    light = (logs.mean(1) - own.mean(1)[:, None, None]).abs()
    hue, own_hue = logs - logs.mean(1, keepdim=True), own - own.mean(1, keepdim=True)
    strength = torch.einsum("bcyx,bc->byx", hue, own_hue) / own_hue.square().sum(1).clamp_min(1e-4)[:, None, None]
    off = (hue - strength[:, None] * own_hue[..., None, None]).abs().amax(1)
    alike = (strength > WARMTH[0]) & (strength < WARMTH[1]) & (off < MOST_OFF)
    return alike & (light < SKIN_LIGHT) & (person[:, 3] > ON_PERSON)


def arms_behind(drawn: Tensor, alpha: Tensor, unseen: Tensor) -> Tensor:
    """(B, K, S, S) 0..1, coverage by pieces behind a person, who hides them: nothing of them is beyond the outline.

    drawn (B, K, 4, S, S): from `draw_ribbons`. alpha (B, 1, S, S): of the person. unseen (B, K): 0 or 1, which pieces.
    """
    s, fraction, radius, inside = drawn.unbind(2)
    shape = ((1 - fraction.abs()) * radius * (drawn.shape[-1] / 2) + 0.5).clamp(0, 1)
    return shape * (inside > 0.5) * alpha * smoothstep(*CAP_FADE, s) * unseen[..., None, None]


def channels_last(limbs: Limbs) -> Limbs:
    """The limbs with the channels of their tiles last in memory, which `packed_texels` and Triton read fastest."""
    return limbs._replace(tiles=limbs.tiles.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3))


def first_pieces(limbs: Limbs, pieces: int) -> Limbs:
    """The first 8 pieces of limbs, or all 18 (views, no copies)."""
    lines = PIECE_LINES[pieces - 1] + 1
    return Limbs(*(part[:, : lines if name == "polylines" else pieces] for name, part in limbs._asdict().items()))


def without_layers(body: Tensor, shown: Tensor) -> Tensor:
    """Joints (B, 33, 4) with the far joints of limbs that are layers (B, K) invisible: the sheet of the body then moves
    with the torso there.
    """
    upper, lower = shown[:, :LIMB_PIECES].unflatten(1, (LIMBS, 2)).unbind(2)
    visibility = body[..., 3].clone()
    for joints, layer in ((SECOND_JOINTS, upper), (THIRD_JOINTS, lower)):
        visibility[:, joints] *= 1 - layer
    return torch.cat([body[..., :3], visibility.unsqueeze(-1)], -1)


def behind_limbs(person: Tensor, taken: Tensor, farther: Tensor, rows: TorsoRows, body: Tensor) -> Tensor:
    """The torso behind what limbs take (B, 1, S, S), 0 or 1: (B, 4, S, S), premultiplied; elsewhere without meaning.

    person: (B, 4, S, S) the person's own colours, premultiplied. farther (B, 1, S, S): 0 or 1, what is on arms behind
    the torso. rows: the torso's, of joints (B, 33, 4). It goes on within its outline, and above and below that wherever
    more of the person than of the background surrounds the limbs; elsewhere there is nothing.
    """
    size, outline = person.shape[-1], draw_outline(rows, body, person.shape[-1])
    straight = person[:, :3] / person[:, 3:].clamp_min(1e-3)
    clear = dilate(taken, RIM + size // 128) < 0.5
    around = pull_push(person[:, 3:], clear.to(person.dtype))
    around = blur(around, size // 128)
    alpha = torch.lerp(smoothstep(*SURROUNDED, around), outline.torso, outline.known)
    # Two soft edges side by side would let the background through: the body goes on a little under what lies before it.
    solid = (person[:, 3:] > SOLID).to(alpha.dtype)
    under = blur(dilate(solid * (1 - taken), RIM), 1) * solid
    alpha = torch.maximum(alpha, under * (1 - farther))
    off_torso = (outline.torso < 0.5) & (outline.known > 0.5)  # held by a hand, or another limb
    known = (clear & ~off_torso).to(person.dtype) * solid
    share = F.avg_pool2d(known, 2)  # at half the resolution: what is continued is smooth
    filled = continue_torso(F.avg_pool2d(straight * known, 2) / share.clamp_min(0.25), share > 0, rows, body)
    filled = F.interpolate(filled, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.cat([filled * alpha, alpha], 1)


def share_of_limbs(alpha: Tensor, taken: Tensor) -> Tensor:
    """(B, 1, S, S) 0..1, what goes with the limbs: what they take (B, 1, S, S), 0 or 1, and the soft edge around it.

    alpha: (B, 1, S, S), of the person.
    """
    edge = torch.maximum(dilate(taken, RIM) * (alpha < SOLID), dilate(taken, alpha.shape[-1] // 50) * (alpha < CLEAR))
    return torch.maximum(taken, blur(torch.maximum(taken, edge), 1))

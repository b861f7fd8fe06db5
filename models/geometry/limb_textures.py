"""The textures of limbs: from the picture where it shows them, else from the limb on the other side, else smoothly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, draw_mesh
from models.geometry.constants import gather_rows
from models.geometry.grid import box_grid
from models.geometry.hidden_hands import HiddenHands, paint_hidden_hands, shapes_on_tiles
from models.geometry.inpaint import blur, dilate, pull_push
from models.geometry.limb_claims import Claim, finger_pieces
from models.geometry.limb_curve import PIECE_TWINS
from models.geometry.ribbons import COLUMNS, ROWS, ribbon_rows, ribbon_triangles

TILE_WINDOW = 96  # texels, of a ribbon's largest triangle on its tile
EDGE = 2  # texels around what the picture shows in which alpha is the person's own
SHOWN = 0.5  # alpha from which a texel shows the limb
END_BEGINS = 2.05  # s from which a hand or foot that nothing shows is left out: a guess would be a stump


def paint_tiles(
    person: Tensor,
    claim: Claim,
    rest: Tensor,
    on_tile: Tensor,
    boxes: Tensor,
    shown: Tensor,
    radii: Tensor,
    hands: HiddenHands | None = None,
) -> Tensor:
    """The tiles (B, K, 4, T, T), premultiplied RGB and alpha, T half the picture's side.

    person (B, 4, S, S): premultiplied colours and alpha. rest, on_tile (B, K, V, 2): the ribbons' vertices in the
    picture, and on their tiles; boxes (B, K, 3): what the tiles show of it. shown (B, K): 0 or 1. radii (B, L, ·, 2):
    see `Outlines`. hands: those that the picture hides; None where there are none.
    """
    side, batch = person.shape[-1] // 2, (len(boxes), boxes.shape[1])
    own = box_grid(boxes.flatten(0, 1), side)
    mirrored, s = mirrored_places(rest, on_tile, side)
    covered, visible = sample(torch.stack([claim.covered, claim.visible], 2), own).split(1, 1)
    other = swap_sides(claim.visible.unsqueeze(2))
    exists = swap_sides(shown).flatten()[:, None, None, None]
    colours, twin = sample_person(person, own, batch), sample_person(person, mirrored, batch)
    twin_visible = sample(other, mirrored) * exists * (s < claim.ends.flatten()[:, None, None, None])
    known = ((visible > 0.99) & (colours[:, 3:] > SHOWN)).to(colours.dtype)
    from_twin = ((twin_visible > 0.99) & (twin[:, 3:] > SHOWN)).to(colours.dtype)
    from_twin = from_twin * (1 - dilate(known, EDGE))  # beside own texels a line of its edge would show
    straight, twin_straight = (each[:, :3] / each[:, 3:].clamp_min(1e-3) for each in (colours, twin))
    straight = torch.where(known > 0, straight, twin_straight)
    filled = pull_push(straight, torch.maximum(known, from_twin)).clamp(0, 1)
    fingers = finger_pieces(boxes.shape[1], s.device).repeat(len(boxes))[:, None, None, None]
    guessed = ((s < END_BEGINS) | fingers).to(s.dtype)
    hidden = torch.lerp(guessed, twin[:, 3:], blur(twin_visible, 1).clamp(0, 1))
    alpha = covered * torch.lerp(hidden, colours[:, 3:], dilate(visible, EDGE)) * shown.flatten()[:, None, None, None]
    if hands is not None:
        shapes = shapes_on_tiles(on_tile, radii, boxes, side)
        straight, whole, picture, places = (part.unflatten(0, batch) for part in (filled, alpha, colours, own))
        filled, alpha = paint_hidden_hands(straight, whole, picture, places, shapes, hands)
        filled, alpha = filled.flatten(0, 1), alpha.flatten(0, 1)
    return torch.cat([filled * alpha, alpha], 1).unflatten(0, batch)


def mirrored_places(rest: Tensor, on_tile: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Where in the picture the limb on the other side shows what belongs to each texel: (B · K, side, side, 2), and the
    texels' s (B · K, 1, side, side). rest, on_tile: see `paint_tiles`.
    """
    twin = swap_sides(rest).unflatten(2, (ROWS, COLUMNS)).flip(3).flatten(2, 3).flatten(0, 1)
    s = ribbon_rows(rest.shape[1], rest.device).repeat_interleave(COLUMNS, 1).repeat(len(rest), 1)
    points = torch.cat([on_tile.flatten(0, 1), torch.zeros_like(s).unsqueeze(-1)], -1)
    values = torch.cat([twin, s.unsqueeze(-1)], -1)
    drawn = draw_mesh(points, [Bucket(ribbon_triangles(rest.device), TILE_WINDOW)], values, side)
    return drawn[:, :2].permute(0, 2, 3, 1), drawn[:, 2:]


def swap_sides(pieces: Tensor) -> Tensor:
    """Values of pieces (B, K, ...) in the order of their twins: each has that of the same piece on the other side."""
    return gather_rows(pieces, PIECE_TWINS[: pieces.shape[1]])


def sample(maps: Tensor, places: Tensor) -> Tensor:
    """Canvas maps of the pieces (B, K, C, S, S) at canvas points (B · K, T, T, 2): (B · K, C, T, T)."""
    return F.grid_sample(maps.flatten(0, 1), places, "bilinear", "zeros", False)


def sample_person(person: Tensor, places: Tensor, batch: tuple[int, int]) -> Tensor:
    """The person (B, 4, S, S) at canvas points (B · K, T, T, 2): (B · K, 4, T, T), 0..1. batch: B, K."""
    count, pieces = batch
    rows = places.reshape(count, pieces * places.shape[1], places.shape[2], 2)
    drawn = F.grid_sample(person, rows, "bicubic", "zeros", False).clamp(0, 1)
    return drawn.unflatten(2, (pieces, -1)).transpose(1, 2).flatten(0, 1)

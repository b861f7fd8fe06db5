"""The openings of a face, mouth and eyes: where they are in a grid, how wide they stand, and the laws they move by."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import gather_rows, scatter_rows
from models.geometry.topology import INNER_LIPS, LEFT_IRIS, LEFT_LID, RIGHT_IRIS, RIGHT_LID, topology

EYES = ((RIGHT_LID, RIGHT_IRIS), (LEFT_LID, LEFT_IRIS))
LIP_PAIRS = tuple((INNER_LIPS[k], INNER_LIPS[-k]) for k in range(1, 10))  # upper, lower
UPPER_LIP, LOWER_LIP = (tuple(pair[side] for pair in LIP_PAIRS) for side in (0, 1))
# MediaPipe's lids never quite meet: below this share of the neutral opening a driver's eye is closed.
LIDS_CLOSED, LIDS_TRUE = 0.28, 0.7
LIDS_NARROWER = (0.6, 1.6)  # a driver's eyes against the picture's: differences beyond are taken for such
LIDS_WIDE = 0.5  # eyes are hardly ever higher than this share of their width …
LIDS_ROOM = (1.2, 2.0)  # … but even those that are so at rest open this many times as far, and none further than that

MOUTH_WIDE = 0.85  # canonical units: no mouth is wider …
MOUTH_ROOM = (1.1, 2.0)  # … but even those that are so at rest widen this many times, and none more than that

SOFT_BORDER_GAIN = 4  # a quarter of coverage by the picture's own opening already counts as shown: its border is soft


def erode(opening: Tensor) -> Tensor:
    """An opening (B, 1, n, n) without its border of one cell, which shows lashes or lips."""
    return -F.max_pool2d(-opening, 3, 1, 1)


def lid_pairs(ring: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The upper lid's landmarks between the corners, and those underneath them."""
    return ring[1:8], ring[:8:-1]


def opening(ring: Tensor, cells: int) -> Tensor:
    """Coverage 0..1 (B, 1, cells, cells) of the inside of (B, N, 2) rings, in units of the box, exact along columns.

    A ring starts in one corner of the opening and returns underneath from the other, at N/2.
    """
    line = (torch.arange(cells, device=ring.device, dtype=ring.dtype) * 2 + 1) / cells - 1
    upper, lower = edges(ring, line)
    y, reach = line[None, :, None], 1.0 / cells
    inside = (torch.minimum(y + reach, lower) - torch.maximum(y - reach, upper)) / (2 * reach)
    return inside.clamp(0, 1).unsqueeze(1)


def edges(ring: Tensor, line: Tensor) -> tuple[Tensor, Tensor]:
    """y of the upper and of the lower side of (B, N, 2) rings above each x of line (G,): (B, 1, G) each."""
    half = ring.shape[1] // 2
    upper = height(ring[:, : half + 1], line)[:, None]
    return upper, height(torch.cat([ring[:, half:], ring[:, :1]], 1), line)[:, None]


def height(chain: Tensor, line: Tensor) -> Tensor:
    """y of a polyline (B, N, 2) above each x of line (G,): (B, G); far below where it has none."""
    x, y = chain[..., 0], chain[..., 1]
    step = x[:, 1:] - x[:, :-1]
    t = (line[None, None] - x[:, :-1, None]) / torch.where(step.abs() < 1e-6, torch.full_like(step, 1e-6), step)[
        ..., None
    ]
    on = (t >= 0) & (t < 1)
    value = torch.lerp(y[:, :-1, None], y[:, 1:, None], t.clamp(0, 1))
    count = on.sum(1)
    return torch.where(count > 0, (value * on).sum(1) / count.clamp_min(1), 1e3)


def lid_opening(local: Tensor, ring: tuple[int, ...]) -> Tensor:
    """(B,) mean opening of an eye, in the units of local (B, 478, 3), from the middle of its lids."""
    upper, lower = lid_pairs(ring)
    return (
        (gather_rows(local, lower[2:5]) - gather_rows(local, upper[2:5]))[..., :2].norm(dim=-1).mean(-1).clamp_min(1e-4)
    )


def eye_width(local: Tensor, ring: tuple[int, ...]) -> Tensor:
    """(B,) distance of the eye's corners."""
    return (local[:, ring[0]] - local[:, ring[8]]).norm(dim=-1).clamp_min(1e-4)


def mouth_width(local: Tensor) -> Tensor:
    """(B,) distance of the mouth's corners."""
    return (local[:, 61] - local[:, 291]).norm(dim=-1).clamp_min(1e-4)


def lid_law(ratio: Tensor, narrower: Tensor) -> Tensor:
    """The driver's lid opening as a share of his neutral → the picture's: the same when wide, 0 when his lids meet.

    narrower: his neutral opening, of his eyes' width, in the picture's. Lids that follow the gaze go as far down before
    any eye, so that large eyes begin to close by a smaller share than narrow ones.
    """
    steep = LIDS_TRUE * (ratio - LIDS_CLOSED) / (LIDS_TRUE - LIDS_CLOSED)
    ratio = torch.where(ratio < LIDS_TRUE, steep.clamp_min(0), ratio)
    return torch.where(ratio < 1, ratio ** narrower.clamp(*LIDS_NARROWER), ratio)


def widest(rest: Tensor) -> Tensor:
    """(B,) how many times as far as in rest (B, 478, 3) eyes may open: large eyes of drawn people little further."""
    share = torch.stack([lid_opening(rest, ring) / eye_width(rest, ring) for ring, _ in EYES]).mean(0)
    return (LIDS_WIDE / share).clamp(*LIDS_ROOM)


def within(ratio: Tensor, most: Tensor) -> Tensor:
    """How far a lid is open, or a mouth wide, as a share of its neutral, nearing `most` (B,) softly above 1; at least
    0.
    """
    room = most - 1
    beyond = (ratio - 1).clamp_min(0) / room
    return torch.where(ratio > 1, 1 + room * beyond / (1 + beyond**4) ** 0.25, ratio.clamp_min(0))


def narrow_mouth(local: Tensor, rest: Tensor) -> Tensor:
    """A mouth of local (B, 478, 3) no wider than any mouth is: one that smiles in rest smiles little more."""
    width = mouth_width(rest)
    ratio, most = mouth_width(local) / width, (MOUTH_WIDE / width).clamp(*MOUTH_ROOM)
    narrower = within(ratio, most) / ratio - 1
    corners = gather_rows(local, (INNER_LIPS[0], INNER_LIPS[10]))[..., 0].mean(1, keepdim=True)
    step = (local[..., 0] - corners) * mouth_share(local.device) * narrower[:, None]
    return local + F.pad(step[..., None], (0, 2))


def close_lids(local: Tensor, rest: Tensor, ratio: Tensor, ring: tuple[int, ...]) -> Tensor:
    """Set an eye of local (B, 478, 3) to `ratio` (B,) of its opening in rest; the upper lid does most of the way."""
    upper, lower = lid_pairs(ring)
    above, below = gather_rows(local, upper), gather_rows(local, lower)
    error = (gather_rows(rest, lower) - gather_rows(rest, upper)) * ratio[:, None, None] - (below - above)
    return scatter_rows(local, upper + lower, torch.cat([above - 0.8 * error, below + 0.2 * error], 1))


def part_lips(local: Tensor, rest: Tensor) -> Tensor:
    """Lips of local (B, 478, 3) that cross each other more than in rest go back half each."""
    (above, below), still = ((gather_rows(shape, UPPER_LIP), gather_rows(shape, LOWER_LIP)) for shape in (local, rest))
    gap, least = (lower[..., 1:2] - upper[..., 1:2] for upper, lower in ((above, below), still))
    crossed = (least.clamp_max(0) - gap).clamp_min(0) / 2
    down = torch.cat([torch.zeros_like(crossed), crossed, torch.zeros_like(crossed)], -1)
    return scatter_rows(local, UPPER_LIP + LOWER_LIP, torch.cat([above - down, below + down], 1))


@cache
@torch.inference_mode(False)  # made in a frame, it must also serve a training step
def mouth_share(device: torch.device) -> Tensor:
    """(478,) how much each landmark belongs to the mouth, 0..1."""
    canonical = topology(device).canonical
    centre = canonical[[13, 14, 78, 308]].mean(0)
    away = ((canonical[:, :2] - centre[:2]) / canonical.new_tensor([0.55, 0.5])).square().sum(-1)
    share = torch.exp(-away.square())
    share[478 - 10 :] = 0
    return share


@cache
@torch.inference_mode(False)  # made in a frame, it must also serve a training step
def eye_share(ring: tuple[int, ...], device: torch.device) -> Tensor:
    """(478,) how much each landmark belongs to the skin around an eye, 0..1."""
    canonical = topology(device).canonical
    away = torch.cdist(canonical[:, :2], canonical[list(ring), :2]).amin(-1)
    share = torch.exp(-(away / 0.1).square())
    share[478 - 10 :] = 0
    return share

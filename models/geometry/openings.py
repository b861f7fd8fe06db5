"""The openings of a face, mouth and eyes: their coverage of a grid, their sizes, and how far they may open.

Shapes are landmarks (B, 478, 3) in canonical units, with the head's motion taken out.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import gather_rows, scatter_rows
from models.geometry.grid import smoothstep
from models.geometry.topology import (
    INNER_LIPS,
    LEFT_INNER_MOUTH_CORNER,
    LEFT_IRIS,
    LEFT_JAW,
    LEFT_LID,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    MESH,
    RIGHT_INNER_MOUTH_CORNER,
    RIGHT_IRIS,
    RIGHT_JAW,
    RIGHT_LID,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
    topology,
)

EYES = ((RIGHT_LID, RIGHT_IRIS), (LEFT_LID, LEFT_IRIS))
LIP_PAIRS = tuple((INNER_LIPS[k], INNER_LIPS[-k]) for k in range(1, 10))  # landmarks of the upper and the lower lip
UPPER_LIP_EDGE, LOWER_LIP_EDGE = (tuple(pair[side] for pair in LIP_PAIRS) for side in (0, 1))
INNER_MOUTH_CORNERS = (RIGHT_INNER_MOUTH_CORNER, LEFT_INNER_MOUTH_CORNER)

# A lid's opening as a share of its neutral. MediaPipe's lids never quite meet: below LIDS_SHUT the eye is closed.
# From LIDS_TRUE on the tracked share is taken as it is; between the two it falls linearly to 0.
LIDS_SHUT, LIDS_TRUE = 0.28, 0.7
MIN_USUAL_OPENNESS = 0.2  # of the driver's eyes in a neutral; less is not measured well enough to divide by
NEUTRAL_SQUINTS = (0.1, 0.2)  # log of the openness in a neutral: as usual below, squinting or staring above
PICTURE_SQUINTS = (0.13, 0.18)  # height over width of the picture's eye: half shut below, open above
EYE_SHAPE_RANGE = (0.6, 1.6)  # the driver's neutral opening over the picture's, both over the eye's width: limits
EYE_OPENING_LIMIT = 0.5  # an eye's opening hardly ever exceeds this share of its width
EYE_GROWTH_RANGE = (1.2, 2.0)  # an eye's largest opening over its opening at rest: limits, for any eye
MOUTH_WIDTH_LIMIT = 0.575  # of the face's width below the ears: hardly any mouth is wider
MOUTH_GROWTH_RANGE = (1.1, 2.0)  # a mouth's largest width over its width at rest: limits, for any mouth
UPPER_LID_SHARE, LOWER_LID_SHARE = 0.8, 0.2  # of the way by which `close_lids` sets an opening
NO_SUCH_X = 1e3  # y of a polyline where it has no point, below all boxes


def lid_pairs(ring: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The upper lid's landmarks between the corners of an eye's ring, and the lower lid's below each of them."""
    return ring[1:8], ring[:8:-1]


def opening(ring: Tensor, cells: int) -> Tensor:
    """Coverage 0..1 (B, 1, cells, cells) of the inside of rings (B, N, 2) in box units, exact along columns.

    A ring starts in one corner of the opening, passes over the top to the other corner, at N/2, and returns underneath.
    """
    line = (torch.arange(cells, device=ring.device, dtype=ring.dtype) * 2 + 1) / cells - 1
    upper, lower = ring_edges(ring, line)
    lower = torch.where(lower < NO_SUCH_X, lower, upper)  # beside a corner that a turn has folded over the other side
    y, half_cell = line[None, :, None], 1.0 / cells
    inside = (torch.minimum(y + half_cell, lower) - torch.maximum(y - half_cell, upper)) / (2 * half_cell)
    return inside.clamp(0, 1).unsqueeze(1)


def erode(coverage: Tensor) -> Tensor:
    """The coverage (B, 1, n, n) of an opening without its border of one pixel, which shows lashes."""
    return -F.max_pool2d(-coverage, 3, 1, 1)


def ring_edges(ring: Tensor, line: Tensor) -> tuple[Tensor, Tensor]:
    """y of the upper and of the lower side of rings (B, N, 2) at each x of line (G,) or (B, G): (B, 1, G) each."""
    half = ring.shape[1] // 2
    upper = polyline_y(ring[:, : half + 1], line)[:, None]
    return upper, polyline_y(torch.cat([ring[:, half:], ring[:, :1]], 1), line)[:, None]


def polyline_y(chain: Tensor, line: Tensor) -> Tensor:
    """y of polylines (B, N, 2) at each x of line (G,) or (B, G): (B, G); `NO_SUCH_X` where they have no such x."""
    x, y = chain[..., 0], chain[..., 1]
    step = x[:, 1:] - x[:, :-1]
    step = torch.where(step.abs() < 1e-6, torch.full_like(step, 1e-6), step)
    t = (line.view(-1, 1, line.shape[-1]) - x[:, :-1, None]) / step[..., None]
    on = (t >= 0) & (t < 1)
    value = torch.lerp(y[:, :-1, None], y[:, 1:, None], t.clamp(0, 1))
    count = on.sum(1)
    return torch.where(count > 0, (value * on).sum(1) / count.clamp_min(1), NO_SUCH_X)


def lid_opening(local: Tensor, ring: tuple[int, ...]) -> Tensor:
    """Openings (B,) of an eye in shapes (B, 478, 3), in their units: mean over three pairs in the lids' middle.

    `streamer.tracking.eyelids.eye_aspect_ratio` measures one face in numpy, in widths of the eye.
    """
    upper, lower = lid_pairs(ring)
    gaps = gather_rows(local, lower[2:5]) - gather_rows(local, upper[2:5])
    return gaps[..., :2].norm(dim=-1).mean(-1).clamp_min(1e-4)


def eye_width(local: Tensor, ring: tuple[int, ...]) -> Tensor:
    """(B,) distance of the eye's corners."""
    return (local[:, ring[0]] - local[:, ring[8]]).norm(dim=-1).clamp_min(1e-4)


def mouth_width(local: Tensor) -> Tensor:
    """(B,) distance of the mouth's corners."""
    return (local[:, RIGHT_MOUTH_CORNER] - local[:, LEFT_MOUTH_CORNER]).norm(dim=-1).clamp_min(1e-4)


def lid_aspect(local: Tensor, ring: tuple[int, ...]) -> Tensor:
    """(B,) height over width of an eye. `streamer.tracking.eyelids.lid_aspects` measures one face in numpy."""
    return lid_opening(local, ring) / eye_width(local, ring)


def lips_gap(local: Tensor) -> Tensor:
    """(B,) height of the mouth's opening in shapes (B, 478, 3), in their units; 0 for lips that touch or cross."""
    return (local[:, LOWER_LIP_INNER, 1] - local[:, UPPER_LIP_INNER, 1]).clamp_min(0)


def squints(aspect: Tensor) -> Tensor:
    """0..1 how far the eyes of pictures, height over width `aspect` (B,), are half shut in them."""
    return 1 - smoothstep(*PICTURE_SQUINTS, aspect)


def usual_openness(neutral: Tensor) -> Tensor:
    """The openness (B,) of the driver's eye at which the picture's is as it is shown: that of the neutral, or 1 where
    the driver squinted or stared in it. neutral (B,): in the driver's own range.
    """
    deviates = smoothstep(*NEUTRAL_SQUINTS, neutral.clamp_min(1e-3).log().abs())
    return torch.lerp(neutral, torch.ones_like(neutral), deviates).clamp_min(MIN_USUAL_OPENNESS)


def lid_transfer(share: Tensor, shape_ratio: Tensor) -> Tensor:
    """The picture's lid opening as a share of its rest, from the driver's share of the neutral opening, (B,) each.

    The share is taken over as it is when wide, and is 0 when the driver's lids meet. shape_ratio (B,): the driver's
    neutral opening over the picture's, both relative to the eye's width. Lids that follow the gaze go equally far down
    before any eye, so that wide eyes begin to close by a smaller share than narrow ones.
    """
    closing = LIDS_TRUE * (share - LIDS_SHUT) / (LIDS_TRUE - LIDS_SHUT)
    return begin_to_close(torch.where(share < LIDS_TRUE, closing.clamp_min(0), share), shape_ratio)


def begin_to_close(share: Tensor, shape_ratio: Tensor) -> Tensor:
    """Shares (B,) of an open eye, 0 where lids meet, for the picture's eye; shape_ratio (B,): see `lid_transfer`."""
    return torch.where(share < 1, share ** shape_ratio.clamp(*EYE_SHAPE_RANGE), share)


def max_opening(rest: Tensor) -> Tensor:
    """Limits (B,) of the eyes' opening over that at rest, for shapes at rest (B, 478, 3): near 1 for wide eyes."""
    share = torch.stack([lid_opening(rest, ring) / eye_width(rest, ring) for ring, _ in EYES]).mean(0)
    return (EYE_OPENING_LIMIT / share).clamp(*EYE_GROWTH_RANGE)


def soft_limit(ratio: Tensor, limit: Tensor) -> Tensor:
    """Ratios (B,) of a size to that at rest, smoothly limited from 1 to limit (B,); below 1 unchanged, at least 0."""
    room = limit - 1
    beyond = (ratio - 1).clamp_min(0) / room
    return torch.where(ratio > 1, 1 + room * beyond / (1 + beyond**4) ** 0.25, ratio.clamp_min(0))


def narrow_mouth(local: Tensor, rest: Tensor) -> Tensor:
    """Shapes (B, 478, 3) with mouths narrowed to a plausible width: a mouth that smiles at rest smiles little more, nor
    do its lips rise much more.
    """
    width, jaw = mouth_width(rest), (rest[:, RIGHT_JAW] - rest[:, LEFT_JAW]).norm(dim=-1)
    ratio, limit = mouth_width(local) / width, (MOUTH_WIDTH_LIMIT * jaw / width).clamp(*MOUTH_GROWTH_RANGE)
    limited = soft_limit(ratio, limit)
    centre = gather_rows(local, INNER_MOUTH_CORNERS)[..., 0].mean(1, keepdim=True)
    share = mouth_share(local.device)
    narrower = (local[..., 0] - centre) * share * (limited / ratio - 1)[:, None]
    dropped = ((ratio - limited) / (ratio - 1).clamp_min(1e-3)).clamp(0, 1)  # share of the smile that is not made
    lower = (rest - local)[..., 1].clamp_min(0) * share * dropped[:, None]
    return local + torch.stack([narrower, lower, torch.zeros_like(lower)], -1)


def close_lids(local: Tensor, rest: Tensor, ratio: Tensor, ring: tuple[int, ...]) -> Tensor:
    """Shapes (B, 478, 3) with the lids of one eye set to `ratio` (B,) of their opening in rest (B, 478, 3).

    The upper lid moves `UPPER_LID_SHARE` of the way. `streamer.tracking.eyelids.close_lids` moves the lids of one face
    in numpy by a share of the way towards each other.
    """
    upper, lower = lid_pairs(ring)
    above, below = gather_rows(local, upper), gather_rows(local, lower)
    error = (gather_rows(rest, lower) - gather_rows(rest, upper)) * ratio[:, None, None] - (below - above)
    return scatter_rows(
        local, upper + lower, torch.cat([above - UPPER_LID_SHARE * error, below + LOWER_LID_SHARE * error], 1)
    )


def uncross_lips(local: Tensor, rest: Tensor) -> Tensor:
    """Shapes (B, 478, 3) whose lips cross each other no more than in rest: either lip moves back half the way."""
    (above, below), (rest_above, rest_below) = (
        (gather_rows(shape, UPPER_LIP_EDGE), gather_rows(shape, LOWER_LIP_EDGE)) for shape in (local, rest)
    )
    gap, rest_gap = below[..., 1:2] - above[..., 1:2], rest_below[..., 1:2] - rest_above[..., 1:2]
    crossed = (rest_gap.clamp_max(0) - gap).clamp_min(0) / 2
    down = torch.cat([torch.zeros_like(crossed), crossed, torch.zeros_like(crossed)], -1)
    return scatter_rows(local, UPPER_LIP_EDGE + LOWER_LIP_EDGE, torch.cat([above - down, below + down], 1))


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def mouth_share(device: torch.device) -> Tensor:
    """(478,) how much each landmark belongs to the mouth, 0..1; 0 for the irises."""
    canonical = topology(device).canonical
    centre = canonical[[UPPER_LIP_INNER, LOWER_LIP_INNER, *INNER_MOUTH_CORNERS]].mean(0)
    distance = ((canonical[:, :2] - centre[:2]) / canonical.new_tensor([0.55, 0.5])).square().sum(-1)
    share = torch.exp(-distance.square())
    share[MESH:] = 0
    return share


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensor must also be usable in training
def eye_share(ring: tuple[int, ...], device: torch.device) -> Tensor:
    """(478,) how much each landmark belongs to the skin around the eye with this ring, 0..1; 0 for the irises."""
    canonical = topology(device).canonical
    distance = torch.cdist(canonical[:, :2], canonical[list(ring), :2]).amin(-1)
    share = torch.exp(-(distance / 0.1).square())
    share[MESH:] = 0
    return share

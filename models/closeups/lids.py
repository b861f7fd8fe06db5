"""Lids that close: the skin of the picture's own lids, drawn from their edge outwards over the eye.

The warp moves a lid on cells that are a third of an open eye high. A shut eye then keeps its lashes where the open lid
had them, above a smear of lash and iris. Here each pixel beside the opening is taken from the picture at the same share
of the way from the lid's edge to where the warp is right again: lashes lie on the line at which the lids meet.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.closeups.inputs import (
    DISPLACEMENT_SCALE,
    INPUT_DISPLACEMENT,
    NOW_INNER_RING,
    REST_INNER_RING,
    CloseupInput,
    CloseupReference,
    area_share,
)
from models.closeups.window import RIGHT_EYE_VIEW
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.openings import NO_SUCH_X, opening, ring_edges

UPPER_REACH, LOWER_REACH = 0.6, 0.3  # window units from a lid's edge to where the warp alone moves the skin
CLOSING = (0.05, 0.22)  # area of the opening now over that at rest: lids are drawn below, left to the warp above
CORNER_REACH = 0.12  # window units beyond the eye's corners, over which drawn lids fade
SHARE_ERROR = 0.05  # of that share, measured with fewer pixels
LASH_DROP = 0.06  # window units below the lids' line, at which lashes of a shut eye end: they turn down with the lid
TURNING = (0.1, 0.5)  # area of the opening now over that at rest: lashes are turned down below, stand up above
RIM = 0.05  # window units: the rim of the lower lid at rest, which shows the ball's white
MAX_STIFFNESS = 4.0  # of the skin beside a lid's edge over that of all of it
MIN_WIDTH = 0.1  # window units between an eye's corners: nearer ones, in profile, are taken for as far apart
EDGE = 1e-3  # window units by which columns stay inside of the corners
FULL_REACH = 0.6  # share of the reach up to which drawn lids cover what lies beneath


def open_shares(eyes: CloseupInput) -> Tensor:
    """Area of the openings of B eyes over that at rest: (B, 1, 1, 1)."""
    return area_share(eyes.maps[:, NOW_INNER_RING], eyes.maps[:, REST_INNER_RING])


def may_be_shut(shares: Tensor) -> bool:
    """Whether `lid_skin` covers anything of eyes with these `open_shares`. On a device always true: to ask would
    synchronise host and device.
    """
    return shares.device.type != "cpu" or bool((shares < CLOSING[1] + SHARE_ERROR).any())


def lid_skin(eyes: CloseupInput, reference: CloseupReference) -> tuple[Tensor, Tensor]:
    """Skin of the lids of B eyes at m pixels a side: colours (B, 3, m, m) 0..1, and coverage (B, 1, m, m) 0..1.

    m is the side of `CloseupReference.fine`. The coverage is 0 for open eyes, inside the opening, and far from it.
    """
    side, count = reference.fine.shape[-1], len(RIGHT_EYE_VIEW.inner)
    rest, now = eyes.landmarks[:, 0, :count], eyes.landmarks[:, 1, :count]
    grid = unit_grid(side, rest.device)
    x, y = grid[:, :, :, 0], grid[:, :, :, 1]  # (1, m, m)
    half = count // 2
    start, rest_start = now[:, :1, 0], rest[:, :1, 0]  # (B, 1): the outer corners, which lie to the left
    width, rest_width = (each[:, half : half + 1, 0].sub(each[:, :1, 0]).clamp_min(MIN_WIDTH) for each in (now, rest))
    stretch = rest_width / width  # (B, 1)
    inside = torch.minimum(torch.maximum(x[:, 0], start + EDGE), start + width - EDGE)
    aligned = torch.stack([start + (rest[..., 0] - rest_start) / stretch, rest[..., 1]], -1)  # at the columns of now
    (upper, lower), (rest_upper, rest_lower) = (_edges(ring, inside) for ring in (now, aligned))  # (B, m) each
    share = area_share(opening(now, side), opening(rest, side))
    upper = upper + LASH_DROP * (1 - smoothstep(*TURNING, share))[:, 0, 0]
    lower = torch.maximum(upper, lower)
    rest_x = rest_start + (x[:, 0] - start) * stretch  # (B, m)
    displacement = eyes.maps[:, INPUT_DISPLACEMENT] / DISPLACEMENT_SCALE
    middle = (upper + lower)[:, None] / 2
    is_upper = y < middle
    sources, nearness = [], []
    for edge, rest_edge, reach in ((upper, rest_upper, -UPPER_REACH), (lower, rest_lower + RIM, LOWER_REACH)):
        anchor = torch.stack([x[:, 0].expand_as(edge), edge + reach], -1)  # (B, m, 2) where the warp is right
        moved = F.grid_sample(displacement, anchor[:, None], "bilinear", "border", False)[:, :, 0].permute(0, 2, 1)
        at_anchor, at_edge = anchor + moved, torch.stack([rest_x, rest_edge], -1)
        # Lashes keep their size: beside the edge the skin moves rigidly, further away it stretches.
        stiffness = (abs(reach) / (at_anchor - at_edge)[..., 1].abs().clamp_min(RIM)).clamp(1, MAX_STIFFNESS)
        near = (1 - (y - edge[:, None]) / reach).clamp(0, 1)  # (B, m, m): 1 on the edge, 0 at the anchor
        sources.append(torch.lerp(at_anchor[:, None], at_edge[:, None], (near ** stiffness[:, None])[..., None]))
        nearness.append(near)
    source = torch.where(is_upper[..., None], sources[0], sources[1])
    near = torch.where(is_upper, nearness[0], nearness[1])
    colour = F.grid_sample(reference.fine, source, "bilinear", "border", False)
    beyond = (x[:, 0] - inside).abs()[:, None]  # (B, 1, m) outside of the corners
    cover = smoothstep(0, 1 - FULL_REACH, near) * (1 - smoothstep(0, CORNER_REACH, beyond))
    closing = 1 - smoothstep(*CLOSING, share)
    visible = opening(now, side) * smoothstep(*RIGHT_EYE_VIEW.visible_opening, share)
    cover = cover[:, None] * closing * (1 - visible)
    return colour, cover


def _edges(ring: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """y of the upper and of the lower side of rings (B, N, 2) at their own columns x (B, m): (B, m) each; that of the
    corner where a side begins, where it has no such x.
    """
    corners = ring[:, 0, 1], ring[:, ring.shape[1] // 2, 1]
    upper, lower = (
        torch.where(y[:, 0] < NO_SUCH_X, y[:, 0], corner[:, None])
        for y, corner in zip(ring_edges(ring, x), corners, strict=True)
    )
    return upper, lower

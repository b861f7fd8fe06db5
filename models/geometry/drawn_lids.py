"""Lids of flat drawings: a line of lashes that comes down over the eye like a curtain, with flat skin behind it.

The eye itself stays in its place, as behind a person's lid. The lines are measured once in the picture
(streamer/rigging/drawn_lids.py), in the coordinates of the eye: half sizes of its landmarks' ring, from its middle.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

COLUMNS = 64  # at which the lines are measured
REACH = 1.4  # half widths of the eye to both sides of its middle, over which these columns are spread


class DrawnLids(NamedTuple):
    """The lids of the right and of the left eye of B pictures, as their windows see them.

    top: (B, 2, K) of the lashes; edge: of the eye below them; fall: how far they come down until the eye is shut.
    skin: (B, 2, 3) RGB 0..1, what a lid shows. drawn: (B, 2), 1 for eyes that have such lids, 0 for others.
    """

    top: Tensor
    edge: Tensor
    fall: Tensor
    skin: Tensor
    drawn: Tensor

    @staticmethod
    def none(count: int, device: torch.device | str = "cpu") -> DrawnLids:
        """Of so many pictures without any."""
        line, colour = torch.zeros(count, 2, COLUMNS, device=device), torch.zeros(count, 2, 3, device=device)
        return DrawnLids(line, line, line, colour, torch.zeros(count, 2, device=device))

    def to(self, device: torch.device | str) -> DrawnLids:
        """The same on another device."""
        return DrawnLids(*(each.to(device) for each in self))

    def of_eye(self, eye: int) -> DrawnLids:
        """Those of the right (0) or of the left (1) eye, without axis 1."""
        return DrawnLids(*(each[:, eye] for each in self))


class Lowered(NamedTuple):
    """What each place (B, n, m) shows of an eye whose lids are lowered: lashes_y, where lashes that may lie there come
    from; eye_y, where the eye comes from; lashes, skin: shares 0..1 of lashes over the eye, and of skin over both.
    """

    lashes_y: Tensor
    eye_y: Tensor
    lashes: Tensor
    skin: Tensor


def lower_lids(lids: DrawnLids, x: Tensor, y: Tensor, opening: Tensor, pixel: Tensor) -> Lowered:
    """Lower the lids of one eye of B pictures (`DrawnLids.of_eye`).

    x, y (B, n, m): places. opening (B, 1, 1): 0 shut, 1 as at rest, above it wider: the eye is stretched. pixel
    (B, 1, 1): height of a pixel, over which edges are soft.
    """
    lines = torch.stack([lids.top, lids.edge, lids.fall], 1)[:, :, None]  # (B, 3, 1, K)
    along = torch.stack([x / REACH, torch.zeros_like(x)], -1)
    top, edge, fall = F.grid_sample(lines, along, "bilinear", "border", False).unbind(1)  # (B, n, m) each
    down = (1 - opening) * fall
    shut_at = edge + fall
    stretch = fall / (shut_at - edge - down).clamp_min(pixel)  # of a wide eye, above 0 at its columns alone
    wide = (down < 0).to(y.dtype)
    eye_y = torch.lerp(y, shut_at - (shut_at - y) * stretch, wide * (y < shut_at) * (y > edge + down))
    lashes = _below(y, top, pixel) * _below(edge + down, y, pixel)
    skin = (_below(y, top, pixel) - _below(y, top + down, pixel)).clamp_min(0)
    return Lowered(y - down, eye_y, lashes, skin)


def _below(y: Tensor, line: Tensor, pixel: Tensor) -> Tensor:
    """0..1, whether y lies below a line."""
    return ((y - line) / pixel + 0.5).clamp(0, 1)

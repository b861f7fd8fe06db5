"""Keeps a driver's head motion within the frame: it eases off towards the border, so that the head is never cut.

The head with its hair is a sphere on the head's own axes. The frame's sides are lines on the canvas. Motion that stays
away from them is not changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.geometry.grid import ease_beyond
from models.geometry.topology import HeadTransform

FREE_SHARE = 0.5  # of the room between the head at rest and a side: within this share of it motion is not changed
MIN_ROOM = 0.08  # radii of the head that it may move towards a side even if the picture leaves less, or cuts it there
UNBOUNDED = 1e3  # canvas units: a side so far away bounds nothing


@dataclass(frozen=True)
class FrameBounds:
    """The heads of B characters and the frames that they stay in.

    head: (B, 4), x, y, z of the middle of head and hair, and their radius, canonical units.
    sides: (B, 4), left, upper, right and lower side of the frame, canvas units; ±`UNBOUNDED` where there is none.
    """

    head: Tensor
    sides: Tensor


def keep_in_frame(rest: HeadTransform, wanted: HeadTransform, bounds: FrameBounds) -> tuple[HeadTransform, Tensor]:
    """The wanted heads with a size and a place at which they stay in their frames, and (B,) the share 0..1 of their
    displacement that is left.

    rest: the heads in the picture. Size first: it is at most what the frame holds. Then the place, along each axis for
    itself. Rotation is unchanged, and so is all motion within `FREE_SHARE` of the room; the rest is continuously
    differentiable in the wanted motion.
    """
    centre, radius = bounds.head[:, None, :3], bounds.head[:, 3] * rest.scale
    at_rest, moved = rest.apply(centre)[:, 0, :2], wanted.apply(centre)[:, 0, :2]
    spare = (1 + MIN_ROOM) * radius[:, None]
    low = torch.minimum(bounds.sides[:, :2], at_rest - spare)
    high = torch.maximum(bounds.sides[:, 2:], at_rest + spare)
    most = ((high - low).amin(-1) / 2 / radius).log()  # log of the largest growth
    zoom = (wanted.scale / rest.scale).log()
    zoom = ease(zoom, most, FREE_SHARE * most).exp()
    room_low, room_high = at_rest - radius[:, None] - low, high - at_rest - radius[:, None]
    radius = (radius * zoom)[:, None]
    half = (high - low) / 2 - radius  # of what is left for the middle of the head, which zoom may use up
    kept = ease(moved, high - radius, torch.minimum((1 - FREE_SHARE) * room_high, half))
    kept = -ease(-kept, -low - radius, torch.minimum((1 - FREE_SHARE) * room_low, half))
    scale = rest.scale * zoom
    offset = scale[:, None] * (wanted.rotation @ bounds.head[:, :3, None])[:, :2, 0]
    shift = torch.cat([kept - offset, wanted.shift[:, 2:]], -1)
    before, after = ((place - at_rest).norm(dim=-1) for place in (moved, kept))
    share = ((after + 1e-6) / (before + 1e-6)).clamp_max(1)
    return HeadTransform(scale, wanted.rotation, shift), share


def ease(value: Tensor, limit: Tensor, band: Tensor) -> Tensor:
    """Values that approach a limit and never exceed it: unchanged up to `band` before it, from there on by tanh."""
    band = band.clamp_min(1e-6)
    return ease_beyond(value, limit - band, band)

"""The layers of a picture: the background without the person, the person, the person without the head, and the mouth's
dark.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.grid import smoothstep
from models.geometry.inpaint import blur, dilate, pull_push
from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER

LIP_LINE = (UPPER_LIP_INNER, LOWER_LIP_INNER, 82, 312, 87, 317)  # the lips' inner edges, in their middle
REMOVED_COVERAGE = 0.999  # pixels that the head covers by less keep what the picture shows
SOLID_BEHIND = (0.3, 0.5)  # alpha filled in behind the head: none of it, all of it


def clean_plate(image: Tensor, matte: Tensor) -> Tensor:
    """The background (B, 3, S, S) of a picture without the person, whose place is filled from around it."""
    radius = max(1, image.shape[-1] // 100)
    person = dilate((matte > 0.03).to(image.dtype), radius)
    return pull_push(image, 1 - person)


class PersonLayers(NamedTuple):
    """The person of B pictures as textures (B, 4, 2S−1, 2S−1): premultiplied RGB and alpha, with a sharp interpolated
    sample between each two pixels, so that sampled bilinearly they are neither blurred nor shifted.

    head: the person as the picture shows them; the head's surface is drawn from it. body: without the head, and with
    neck and hair continued behind it.
    """

    head: Tensor
    body: Tensor


def person_over_plate(image: Tensor, matte: Tensor, plate: Tensor) -> Tensor:
    """What makes an image (B, 3, S, S) over its plate: premultiplied colours and the matte, (B, 4, S, S).

    Before its own background a picture at rest is then exact, whatever the plate is. Before another, the colours of low
    alpha are wrong, since they are the old background's.
    """
    return torch.cat([image - (1 - matte) * plate, matte], 1)


def continued_behind(cut: Tensor, head: Tensor) -> Tensor:
    """What stands behind the head (B, 4, S, S), premultiplied colour and alpha; elsewhere without meaning.

    cut: (B, 4, S, S) the person's own colours, premultiplied. head (B, 1, S, S): coverage of the head's surface, 0..1.
    Where neck or long hair surround it they go on behind it; where the background does, there is nothing.
    """
    shown = head < REMOVED_COVERAGE
    filled = pull_push(cut, shown.to(cut.dtype))
    alpha = filled[:, 3:]
    dense = smoothstep(*SOLID_BEHIND, alpha) * blur(alpha_below(cut[:, 3:], shown), cut.shape[-1] // 128)
    return torch.cat([filled[:, :3] / alpha.clamp_min(1e-3) * dense, dense], 1).clamp(0, 1)


def replace_head(person: Tensor, behind: Tensor, head: Tensor) -> Tensor:
    """The person (B, 4, S, S), premultiplied, with `behind` instead of the head.

    head: its coverage (B, 1, S, S), 0..1.
    """
    return torch.where(head < REMOVED_COVERAGE, person, behind)


def alpha_below(alpha: Tensor, shown: Tensor) -> Tensor:
    """Alpha (B, 1, S, S) of the nearest pixel at or below each one that is shown (B, 1, S, S) bool: a neck goes up
    straight behind a head, and does not spread to the jaw's width.
    """
    size = alpha.shape[2]
    row = torch.arange(size, device=alpha.device)[:, None].expand_as(shown)
    nearest = torch.where(shown, row, size - 1).flip(2).cummin(2).values.flip(2)
    return alpha.gather(2, nearest)


def double_resolution(maps: Tensor) -> Tensor:
    """(B, C, S, S) → (B, C, 2S−1, 2S−1): pixels at even places, 6-tap Lanczos samples half-way between at odd ones."""
    taps = maps.new_tensor([0.02446, -0.13587, 0.61141, 0.61141, -0.13587, 0.02446])
    taps = taps / taps.sum()
    for axis in (2, 3):
        length = maps.shape[axis]
        padded = F.pad(maps, (2, 2, 0, 0) if axis == 3 else (0, 0, 2, 2), "replicate")
        half_way = sum(t * padded.narrow(axis, k, length - 1) for k, t in enumerate(taps))
        doubled = maps.new_empty([*maps.shape[:axis], 2 * length - 1, *maps.shape[axis + 1 :]])
        even, odd = [slice(None)] * 4, [slice(None)] * 4
        even[axis], odd[axis] = slice(0, None, 2), slice(1, None, 2)
        doubled[tuple(even)], doubled[tuple(odd)] = maps, half_way
        maps = doubled
    return maps


def as_texture(maps: Tensor) -> Tensor:
    """Maps (B, 4, S, S) as a texture (B, 4, 2S−1, 2S−1), channels last: four neighbours in one cache line."""
    return double_resolution(maps).contiguous(memory_format=torch.channels_last)


def mouth_colour(image: Tensor, face: Tensor) -> Tensor:
    """(B, 3) 0..1 a plausible colour of the mouth's dark interior: the lip line's, darkened."""
    lips = F.grid_sample(image, face[:, None, list(LIP_LINE), :2], "bilinear", "border", False)
    return lips[:, :, 0].mean(-1) * 0.35

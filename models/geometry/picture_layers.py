"""The layers of a picture: the background without the person, the person at twice the resolution, the mouth's dark."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from models.geometry.inpaint import dilate, pull_push
from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER

LIP_LINE = (UPPER_LIP_INNER, LOWER_LIP_INNER, 82, 312, 87, 317)  # the lips' inner edges, in their middle


def clean_plate(image: Tensor, matte: Tensor) -> Tensor:
    """The background (B, 3, S, S) of a picture without the person, whose place is filled from around it."""
    radius = max(1, image.shape[-1] // 100)
    person = dilate((matte > 0.03).to(image.dtype), radius)
    return pull_push(image, 1 - person)


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


def mouth_colour(image: Tensor, face: Tensor) -> Tensor:
    """(B, 3) 0..1 a plausible colour of the mouth's dark interior: the lip line's, darkened."""
    lips = F.grid_sample(image, face[:, None, list(LIP_LINE), :2], "bilinear", "border", False)
    return lips[:, :, 0].mean(-1) * 0.35

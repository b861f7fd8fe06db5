"""A blush: light on cheeks and nose that has a colour, in the picture's own colours.

Blood under the skin takes green and blue from what it reflects. Fair skin darkens a little by that, dark skin rather
gains red; what is drawn with flat colours is painted more strongly, and a picture without colours stays without. Where
the blush lies is fixed on the canonical face; what does not look like the cheeks' skin, as hair before them, has none.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep, unit_grid
from models.geometry.shading import SKIN_SIDE, SQUARE_CENTRE, SQUARE_HALF, skin_square

# Canonical units: middle of the left cheek's blush, half sizes of its ellipse, and how much it rises outwards.
CHEEK, CHEEK_SIZE, CHEEK_RISE = (0.43, 0.41), (0.30, 0.19), 0.25
NOSE, NOSE_SIZE, NOSE_SHARE = (0.0, 0.3), (0.34, 0.1), 0.5  # across the bridge of the nose, and its strength
MEASURED = 0.5  # of the blush's strength, from which on the colour of the skin is measured
# Factors of red, green and blue: on dark and on fair skin, and in a picture without colours; lightness 0..1 of the two.
ON_DARK, ON_FAIR, WITHOUT_COLOUR, DARK_FAIR = (1.26, 0.88, 0.92), (1.02, 0.79, 0.82), (0.86, 0.86, 0.86), (0.2, 0.6)
FLAT_GAIN = 1.3  # of the factors' logs, where skin is of one colour
COLOURED = (0.02, 0.06)  # mean of the most over the least of red, green and blue, 0..1: grey pictures, coloured ones
LUMA = (0.299, 0.587, 0.114)
# Distance from the skin's colour, of shares of red and green, and of the log of lightness: skin, no skin.
HUE_DISTANCE, LIGHT_DISTANCE, DARKEST = (0.05, 0.11), (0.55, 1.1), 0.05


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensors must also be usable in training
def blush_strength(device: torch.device) -> Tensor:
    """How strongly each cell of the square of `skin_square` blushes, (1, 1, m, m) 0..1."""
    x, y = (unit_grid(SKIN_SIDE, device)[0] * SQUARE_HALF + const_floats(SQUARE_CENTRE, device)).unbind(-1)
    across = (x.abs() - CHEEK[0]) / CHEEK_SIZE[0]
    down = (y - CHEEK[1] + CHEEK_RISE * (x.abs() - CHEEK[0])) / CHEEK_SIZE[1]
    cheeks = torch.exp(-(across.square() + down.square()))
    nose = NOSE_SHARE * torch.exp(-(((x - NOSE[0]) / NOSE_SIZE[0]).square() + ((y - NOSE[1]) / NOSE_SIZE[1]).square()))
    skin = skin_square(device)[2]
    return torch.maximum(cheeks, nose) * F.avg_pool2d(skin[None, None], 3, 1, 1) * skin


def blush_logs(chart: Tensor, on_chart: Tensor, image: Tensor, matte: Tensor, has_shading: Tensor) -> Tensor:
    """(B, 3, m, m) logs of the factors by which a full blush changes red, green and blue, on the square of
    `models/geometry/shading.py`.

    chart (B, 4, C, C), on_chart (B, V, 2): of the heads, see `HeadSurface`. image (B, 3, S, S) and matte
    (B, 1, S, S): of the pictures, 0..1. has_shading (B,): see `Rig`.
    """
    strength, (corners, weights, _) = blush_strength(chart.device), skin_square(chart.device)
    place = (on_chart[:, corners] * weights[..., None]).sum(2).view(-1, SKIN_SIDE, SKIN_SIDE, 2)
    colour = F.grid_sample(chart[:, :3], place, "bilinear", "border", False)
    cheeks = colour.flatten(2)[..., (strength > MEASURED).flatten()]
    skin = cheeks.median(-1).values[..., None, None]  # (B, 3, 1, 1)
    like = (1 - smoothstep(*HUE_DISTANCE, (_hue(colour) - _hue(skin)).norm(dim=1, keepdim=True))) * (
        1 - smoothstep(*LIGHT_DISTANCE, (_log_light(colour) - _log_light(skin)).abs())
    )
    luma = (skin[..., 0, 0] * const_floats(LUMA, skin.device)).sum(1, keepdim=True)
    dark, fair, grey = (const_floats(each, skin.device).log() for each in (ON_DARK, ON_FAIR, WITHOUT_COLOUR))
    own = torch.lerp(dark, fair, smoothstep(*DARK_FAIR, luma))  # (B, 3)
    chroma = ((image.amax(1) - image.amin(1)) * matte[:, 0]).mean((1, 2)) / matte.mean((1, 2, 3)).clamp_min(1e-3)
    own = torch.lerp(grey, own, smoothstep(*COLOURED, chroma)[:, None])
    own = own * torch.lerp(torch.full_like(has_shading, FLAT_GAIN), torch.ones_like(has_shading), has_shading)[:, None]
    return own[..., None, None] * (strength * F.avg_pool2d(like, 3, 1, 1))


def blush_gain(logs: Tensor, share: Tensor, canonical: Tensor) -> Tensor:
    """Factors (B, 3, G, G) of red, green and blue at canonical coordinates (B, 3, G, G), 1 beyond the square, from
    logs (B, 3, m, m) of `blush_logs` and the share (B,) 0..1 of a full blush.
    """
    points = (canonical[:, :2].permute(0, 2, 3, 1) - const_floats(SQUARE_CENTRE, logs.device)) / SQUARE_HALF
    return (share[:, None, None, None] * F.grid_sample(logs, points, "bilinear", "zeros", False)).exp()


def any_blush(share: Tensor) -> bool:
    """Whether anybody blushes, of shares (B,). On a device always true: to ask would synchronise host and device."""
    return share.device.type != "cpu" or bool((share > 0).any())


def _hue(colour: Tensor) -> Tensor:
    """(B, 2, h, w) shares of red and green in colours (B, 3, h, w)."""
    return (colour[:, :2] + DARKEST) / (colour.sum(1, keepdim=True) + 3 * DARKEST)


def _log_light(colour: Tensor) -> Tensor:
    return (colour.mean(1, keepdim=True) + DARKEST).log()

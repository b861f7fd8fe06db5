"""The last step at full resolution: move the person, blend what was painted, lay it over the background.

`warp_composite` is the one place to call. Its torch reference is the specification and what training differentiates;
the twins `warp_numba` (CPU) and `warp_triton` (CUDA) do it in one pass. Small maps are stretched to the canvas inside,
so that none need be made at its size.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.backend import choose

EDGE = 0.12  # the maps of a box fade to nothing over this share of it at its border
RIM = 0.995  # … but where that is the canvas's own border, from here on
FIRM = 1e-3  # alphas of nothing and of everything have finite odds
STEEP = 12.0  # logits beyond it say no more


class Maps(NamedTuple):
    """What is known of a square box of the canvas, each map at a resolution of its own.

    flow (B, 2, ·, ·): backward displacement in canvas units. keep (B, 1, ·, ·) 0..1 and paint (B, 3, ·, ·): the person
    is keep · moved + (1 − keep) · paint. odds (B, 1, ·, ·): factor of the alpha's odds, α : 1 − α; None: 1. missing (B,
    1, ·, ·) 0..1 with dark (B, 3): what the picture does not show and is this dark before anything is painted over it;
    None: it shows all. front (B, 2, ·, ·): the flow of what stands in front of all that `flow` moves, continued beyond
    its edge, with area (B, 1, ·, ·) 0..1, how much of a cell it takes; None: nothing does. Where one flow ends and
    another begins, a map of both would be torn from cell to cell; so they part at a line as sharp as the pixels.
    """

    flow: Tensor
    keep: Tensor
    paint: Tensor
    odds: Tensor | None = None
    missing: Tensor | None = None
    dark: Tensor | None = None
    front: Tensor | None = None
    area: Tensor | None = None


def odds(logit: Tensor) -> Tensor:
    """A correction of the alpha in logits, as a factor of its odds."""
    return logit.clamp(-STEEP, STEEP).exp()


def warp_composite(
    layer: Tensor,
    maps: Maps,
    background: Tensor,
    wide: Tensor | None = None,
    box: Tensor | None = None,
    trim: bool = False,
    backend: str = "auto",
) -> Tensor:
    """Person over background, (B, 4, S, S): RGB and alpha, 0..1.

    layer (B, 4, 2S−1, 2S−1): premultiplied RGB and alpha of the person, with a sample half way between each two pixels
    (`models.geometry.rig.between`). background (B, 3, S, S). maps: of the boxes (B, 3), centre x, y and half side in
    canvas
    units, fading to the flow `wide` (B, 2, ·, ·) of the whole canvas at their borders inside it; without a box they are
    of the canvas themselves. Where alpha grows beyond what was moved, the moved colour is completed with the
    background, so that growing alpha alone changes nothing. trim: drop what the layer carries where it is all but
    clear: remains of the picture's own background, which belong before no other. backend: see `kernels.backend`.
    Raises ValueError for an unknown one and for sizes that do not fit.
    """
    size = background.shape[-1]
    if layer.shape[-1] != 2 * size - 1:
        raise ValueError(f"a background of side {size} wants a layer of side {2 * size - 1}, got {layer.shape[-1]}")
    if (box is None) != (wide is None):
        raise ValueError("a box and the flow beyond it come together")
    if (maps.missing is None) != (maps.dark is None):
        raise ValueError("what is missing and how dark it is come together")
    if (maps.front is None) != (maps.area is None):
        raise ValueError("what stands in front and how much of a cell it takes come together")
    told = [part for part in maps if part is not None]
    twin = choose(backend, layer, background, *told, twins=("numba", "triton"))
    draw = reference if twin == "reference" else import_module(f"kernels.warp_{twin}").composite
    return draw(layer, maps, background, wide, box, trim)


def reference(
    layer: Tensor, maps: Maps, background: Tensor, wide: Tensor | None, box: Tensor | None, trim: bool
) -> Tensor:
    """`warp_composite` in torch."""
    size = background.shape[-1]
    flow, keep, paint = (stretch(part, size, box) for part in maps[:3])
    paint = (1 - keep) * paint
    if maps.missing is not None and maps.dark is not None:
        hidden = keep * stretch(maps.missing, size, box)
        keep, paint = keep - hidden, paint + hidden * maps.dark[:, :, None, None]
    factor = None if maps.odds is None else stretch(maps.odds, size, box)
    front = None if maps.front is None else stretch(maps.front, size, box)
    if box is not None and wide is not None:
        inside, beyond = within(box, size), stretch(wide, size)
        flow = torch.lerp(beyond, flow, inside)
        front = None if front is None else torch.lerp(beyond, front, inside)
        keep, paint = 1 - (1 - keep) * inside, paint * inside
        factor = None if factor is None else 1 + (factor - 1) * inside
    moved = warp(layer, flow)
    if front is not None and maps.area is not None:
        moved = torch.lerp(moved, warp(layer, front), crisp(maps.area, size, box))
    colour, alpha = moved[:, :3], moved[:, 3:].clamp(0, 1)
    if trim:
        colour = colour * (alpha * 10).clamp_max(1)
    if factor is not None:
        firm = alpha.clamp(FIRM, 1 - FIRM)
        wanted = firm * factor / (firm * factor + 1 - firm)
        colour = colour * (wanted / firm).clamp_max(1) + (wanted - firm).clamp_min(0) * background
        alpha = (alpha + wanted - firm).clamp(0, 1)
    colour = keep * colour + paint * alpha
    return torch.cat([colour + (1 - alpha) * background, alpha], 1).clamp(0, 1)


def stretch(maps: Tensor, size: int, box: Tensor | None = None) -> Tensor:
    """Maps (B, C, h, w) of boxes (B, 3), or of the canvas, at the canvas's pixels (B, C, size, size); beyond a box its
    border is repeated.
    """
    if box is None:
        return F.interpolate(maps, (size, size), mode="bilinear", align_corners=False)
    return F.grid_sample(maps, places(box, size), "bilinear", "border", False)


def crisp(area: Tensor, size: int, box: Tensor | None = None) -> Tensor:
    """How much of each of the canvas's pixels is taken (B, 1, size, size), 0..1, from the same of cells (B, 1, h, w) of
    boxes (B, 3), or of the canvas.
    """
    half = area.new_ones(1, 1, 1, 1) if box is None else box[:, 2:, None, None]
    finer = (size / area.shape[-1] * half).clamp_min(1)
    return ((stretch(area, size, box) - 0.5) * finer + 0.5).clamp(0, 1)


def places(box: Tensor, size: int) -> Tensor:
    """(B, size, size, 2) the canvas's pixels in the units of the boxes (B, 3), −1..1 inside."""
    line = (torch.arange(size, device=box.device, dtype=box.dtype) * 2 + 1) / size - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return (torch.stack([x, y], -1) - box[:, None, None, :2]) / box[:, None, None, 2:]


def within(box: Tensor, size: int) -> Tensor:
    """(B, 1, size, size) 1 inside the boxes (B, 3), falling smoothly to 0 at borders that are not the canvas's own."""
    place = places(box, size)
    low, high = (box[:, None, None, :2] + sign * box[:, None, None, 2:] for sign in (-1, 1))
    away = torch.maximum(torch.where(low > -RIM, -place, -1), torch.where(high < RIM, place, -1)).amax(-1)
    t = ((1 - away) / EDGE).clamp(0, 1)
    return (t * t * (3 - 2 * t)).unsqueeze(1)


def warp(layer: Tensor, flow: Tensor) -> Tensor:
    """Sample a doubled layer (B, C, 2S−1, 2S−1) at y + flow (B, 2, S, S): (B, C, S, S). Zero flow returns the even
    samples.
    """
    size = flow.shape[-1]
    line = torch.arange(size, device=flow.device, dtype=flow.dtype) * (2 / max(size - 1, 1)) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([x + flow[:, 0] * (size / (size - 1)), y + flow[:, 1] * (size / (size - 1))], -1)
    return F.grid_sample(layer, grid, "bilinear", "border", True)

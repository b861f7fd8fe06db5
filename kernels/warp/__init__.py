"""The last step at full resolution: move the person, blend in the painted pixels, composite over the background.

The torch reference is the specification and what training differentiates; the numba and Triton kernels do it in one
pass, and resize the small maps inside, so that no map need be made at the size of the canvas.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.warp import reference
from kernels.warp.maps import Maps, odds

__all__ = ["Maps", "odds", "warp_composite"]


def warp_composite(
    layer: Tensor,
    maps: Maps,
    background: Tensor,
    canvas_flow: Tensor | None = None,
    box: Tensor | None = None,
    trim: bool = False,
    front_layer: Tensor | None = None,
    chart: Tensor | None = None,
    middle: Tensor | None = None,
    backend: str = "auto",
) -> Tensor:
    """The person composited over the background: (B, 4, S, S) RGB and alpha, 0..1.

    layer: (B, 4, 2S−1, 2S−1) premultiplied RGB and alpha of the person, with a sample half way between each two pixels.
    background: (B, 3, S, S) RGB, 0..1.
    maps: cover the boxes (B, 3), centre x, y and half side in canvas units; without a box they cover the canvas.
    canvas_flow: (B, 2, h, w) flow of the whole canvas, to which the maps of a box fade at those of its borders that are
    not the border of the canvas.
    trim: fade out colours of the layer where its alpha is nearly 0. They are remains of the reference picture's own
    background, and wrong in front of any other.
    front_layer: as layer, of the surface in front; None: that is drawn from the layer, too.
    chart: (B, 4, C, C) premultiplied RGB and alpha, 0..1, of the surface in front, read at `maps.chart_position`
    between its texels; beyond their centres the border is repeated. C is free, and at least 2.
    middle: (B, 4, S, S) premultiplied RGB and alpha, 0..1, of what stands between the layer and the surface in front,
    as it is drawn now: it is not moved. None: nothing.
    backend: see `kernels.backend`.

    Where the edit raises alpha above that of the moved layer, the missing premultiplied colour is taken from the
    background, so that raising alpha alone changes no colour. Raises ValueError for an unknown backend and for sizes
    that do not fit.
    """
    size = background.shape[-1]
    if layer.shape[-1] != 2 * size - 1:
        raise ValueError(f"a background of side {size} wants a layer of side {2 * size - 1}, got {layer.shape[-1]}")
    if front_layer is not None and front_layer.shape != layer.shape:
        raise ValueError(f"both layers want one shape, got {tuple(layer.shape)} and {tuple(front_layer.shape)}")
    if (box is None) != (canvas_flow is None):
        raise ValueError("a box and the flow beyond it come together")
    if (maps.missing is None) != (maps.dark is None):
        raise ValueError("what is missing and how dark it is come together")
    if (maps.front_flow is None) != (maps.front_coverage is None):
        raise ValueError("what stands in front and how much of a cell it takes come together")
    charted = [part is not None for part in (chart, maps.chart_position, maps.chart_share)]
    if any(charted) and not (all(charted) and maps.front_flow is not None):
        raise ValueError("a chart, the positions and the share on it, and what stands in front come together")
    if chart is not None and (chart.shape[-1] != chart.shape[-2] or chart.shape[-1] < 2):
        raise ValueError(f"a chart must be square and at least 2 texels wide, got {tuple(chart.shape)}")
    if middle is not None and middle.shape != (len(background), 4, size, size):
        raise ValueError(f"a middle for {len(background)} pictures of side {size}, got {tuple(middle.shape)}")
    given = [part for part in (*maps, front_layer, chart, middle) if part is not None]
    chosen = choose(backend, layer, background, *given, backends=("numba", "triton"))
    if chosen == "triton":
        from kernels.warp import triton_kernel  # noqa: PLC0415  (triton is optional)

        return triton_kernel.warp_composite(layer, maps, background, canvas_flow, box, trim, front_layer, chart, middle)
    if chosen == "numba":
        from kernels.warp import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.warp_composite(layer, maps, background, canvas_flow, box, trim, front_layer, chart, middle)
    return reference.warp_composite(layer, maps, background, canvas_flow, box, trim, front_layer, chart, middle)

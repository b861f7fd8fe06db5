"""Light and shadow laid over a picture: the person's colours, and what shines on them, multiplied by a small map.

`shade` is the one place to call. Its torch reference is the specification; the twins `shade_numba` (CPU) and
`shade_triton` (CUDA) pass over the picture once.
"""

from __future__ import annotations

from importlib import import_module

from torch import Tensor

from kernels.backend import choose
from kernels.warp import places, stretch

LIGHT = 0.1  # of 0..1: what surfaces throw back whatever their colour; dark ones change by a larger factor than fair


def shade(picture: Tensor, gain: Tensor, box: Tensor | None = None, backend: str = "auto") -> None:
    """Change the person's colours, in place: inside the box by alpha · (gain − 1) · (colour + `LIGHT`), within 0..1.

    picture (B, 4, S, S): RGB and alpha, 0..1, contiguous. gain (B, 1, n, n), positive, over the boxes (B, 3), centre
    x, y and half side in canvas units; without a box over the canvas. backend: see `kernels.backend`. Raises ValueError
    for an unknown one, for a picture that is not contiguous and for sizes that do not fit.
    """
    if not picture.is_contiguous():
        raise ValueError("the picture must be contiguous")
    batch, side = len(picture), gain.shape[-1]
    if gain.shape != (batch, 1, side, side) or (box is not None and box.shape != (batch, 3)):
        shapes = ", ".join(str(tuple(part.shape)) for part in (gain, box) if part is not None)
        raise ValueError(f"{batch} pictures want as many square gains, and boxes, got {shapes}")
    told = [gain] if box is None else [gain, box]
    twin = choose(backend, picture, *told, twins=("numba", "triton"))
    lay = reference if twin == "reference" else import_module(f"kernels.shade_{twin}").lay
    lay(picture, gain, box)


def reference(picture: Tensor, gain: Tensor, box: Tensor | None) -> None:
    """`shade` in torch."""
    size = picture.shape[-1]
    change = stretch(gain, size, box) - 1
    if box is not None:
        change = change * (places(box, size).abs().amax(-1) < 1).to(change.dtype).unsqueeze(1)
    colour, alpha = picture[:, :3], picture[:, 3:]
    colour += alpha * change * (colour + LIGHT)
    colour.clamp_(0, 1)

"""Paint a small square window, which may be rotated, over a picture: the last step of the close-ups.

The torch reference is the specification; the numba and Triton kernels touch only the pixels that the window covers.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.overlay import reference

__all__ = ["overlay"]


def overlay(picture: Tensor, window: Tensor, cover: Tensor, paint: Tensor, backend: str = "auto") -> None:
    """Paint over the person in a picture, in place: inside the window colour += cover · alpha · (paint − colour).

    picture: (B, 4, S, S) RGB and alpha, 0..1, contiguous.
    window: (B, 6), canvas units: centre x, y; the vectors x, y from there to the middle of the right edge and of the
    lower edge, at right angles and of one length.
    cover, paint: (B, 1, n, n) and (B, 3, n, n), 0..1, over the window.
    backend: see `kernels.backend`.

    Raises ValueError for an unknown backend, for a picture that is not contiguous and for sizes that do not fit.
    """
    if not picture.is_contiguous():
        raise ValueError("the picture must be contiguous")
    batch, side = len(picture), cover.shape[-1]
    if window.shape != (batch, 6) or cover.shape != (batch, 1, side, side) or paint.shape != (batch, 3, side, side):
        shapes = ", ".join(str(tuple(part.shape)) for part in (window, cover, paint))
        raise ValueError(f"{batch} pictures want as many windows with cover and paint of one side, got {shapes}")
    chosen = choose(backend, picture, window, cover, paint, backends=("numba", "triton"))
    if chosen == "triton":
        from kernels.overlay import triton_kernel  # noqa: PLC0415  (triton is optional)

        triton_kernel.overlay(picture, window, cover, paint)
    elif chosen == "numba":
        from kernels.overlay import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        numba_kernel.overlay(picture, window, cover, paint)
    else:
        reference.overlay(picture, window, cover, paint)

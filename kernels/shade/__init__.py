"""Change the light on the person: multiply colours by small maps of gains, one for all colours or one for each.

The torch reference is the specification; the numba and Triton kernels pass over the picture once.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.shade import reference
from kernels.shade.reference import SPECULAR_REFLECTANCE

__all__ = ["SPECULAR_REFLECTANCE", "shade"]


def shade(picture: Tensor, gain: Tensor, box: Tensor | None = None, backend: str = "auto") -> None:
    """Change the person's colours, in place: inside the box by alpha · (gain − 1) · (colour + `SPECULAR_REFLECTANCE`),
    then clamp them to 0..1.

    picture: (B, 4, S, S) RGB and alpha, 0..1, contiguous.
    gain: (B, 1, n, n), or (B, 3, n, n) of red, green and blue, positive, over the boxes (B, 3), centre x, y and half
    side in canvas units; without a box over the canvas.
    backend: see `kernels.backend`.

    Raises ValueError for an unknown backend, for a picture that is not contiguous and for sizes that do not fit.
    """
    if not picture.is_contiguous():
        raise ValueError("the picture must be contiguous")
    batch, side = len(picture), gain.shape[-1]
    if gain.shape not in ((batch, 1, side, side), (batch, 3, side, side)) or (
        box is not None and box.shape != (batch, 3)
    ):
        shapes = ", ".join(str(tuple(part.shape)) for part in (gain, box) if part is not None)
        raise ValueError(f"{batch} pictures want as many square gains, and boxes, got {shapes}")
    given = [gain] if box is None else [gain, box]
    chosen = choose(backend, picture, *given, backends=("numba", "triton"))
    if chosen == "triton":
        from kernels.shade import triton_kernel  # noqa: PLC0415  (triton is optional)

        triton_kernel.shade(picture, gain, box)
    elif chosen == "numba":
        from kernels.shade import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        numba_kernel.shade(picture, gain, box)
    else:
        reference.shade(picture, gain, box)

"""Compose pictures and images that stand behind and before them, such as limbs, which cover few of the pixels.

The torch reference is the specification, and runs on a GPU; the numba kernel passes once over rows that are covered.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.layers import reference

__all__ = ["lay_between", "lay_over"]


def lay_over(colours: Tensor, above: Tensor, backend: str = "auto") -> Tensor:
    """Opaque colours (B, 3, S, S) under an image `above` (B, 4, S, S), premultiplied RGB and alpha: (B, 3, S, S).

    All values are 0..1; where alpha is 0, so are the colours of `above`. backend: see `kernels.backend`. Raises
    ValueError for an unknown backend and for sizes that do not fit.
    """
    _check_images(colours.shape, 3, above)
    if choose(backend, colours, above, backends=("numba",)) == "numba":
        from kernels.layers import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.lay_over(colours, above)
    return reference.lay_over(colours, above)


def lay_between(picture: Tensor, behind: Tensor, before: Tensor, backend: str = "auto") -> None:
    """Add to a picture, in place, the coverage of an image whose colours are behind it, and an image before it.

    picture: (B, 4, S, S) RGB, already over its background, and the person's alpha, contiguous. behind, before: as
    `above` in `lay_over`. Raises ValueError as `lay_over`, and for a picture that is not contiguous.
    """
    if not picture.is_contiguous():
        raise ValueError("the picture must be contiguous")
    _check_images(picture.shape, 4, behind, before)
    if choose(backend, picture, behind, before, backends=("numba",)) == "numba":
        from kernels.layers import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        numba_kernel.lay_between(picture, behind, before)
    else:
        reference.lay_between(picture, behind, before)


def _check_images(shape: tuple[int, ...], channels: int, *images: Tensor) -> None:
    batch, found, *size = shape
    if found != channels or any(tuple(image.shape) != (batch, 4, *size) for image in images):
        shapes = ", ".join(str(tuple(each)) for each in (shape, *(image.shape for image in images)))
        raise ValueError(f"a picture of {channels} channels wants images of 4 of the same size, got {shapes}")

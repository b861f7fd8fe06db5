"""Samples of maps in those pixels alone in which they count, as what stands inside an opening.

The torch reference is the specification; the numba kernel skips all other pixels.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.masked_samples import reference

__all__ = ["sample_where"]


def sample_where(maps: Tensor, place: Tensor, wanted: Tensor, backend: str = "auto") -> Tensor:
    """Maps (B, C, h, w) at places (k·B, n, m, 2), x and y in −1..1 over them: (k·B, C, n, m), bilinear, with the border
    repeated, where `wanted` (k·B, 1, n, m) is above 0, and 0 elsewhere. k whole batches one after another.

    backend: see `kernels.backend`. Raises ValueError for an unknown one, and for sizes that do not fit.
    """
    if len(place) % len(maps) or wanted.shape != (len(place), 1, *place.shape[1:3]):
        shapes = ", ".join(str(tuple(part.shape)) for part in (maps, place, wanted))
        raise ValueError(f"maps want whole batches of places, and one share for each, got {shapes}")
    if choose(backend, maps, place, wanted, backends=("numba",)) == "numba":
        from kernels.masked_samples import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.sample_where(maps, place, wanted)
    return reference.sample_where(maps, place, wanted)

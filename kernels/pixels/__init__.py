"""Convert planes of floats to interleaved bytes, the format that encoders and virtual cameras take."""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.pixels import reference

__all__ = ["to_bytes"]


def to_bytes(planes: Tensor, backend: str = "auto") -> Tensor:
    """(B, C, H, W) float, 0..1 → (B, H, W, C) uint8, rounded and clamped. backend: see `kernels.backend`.

    Raises ValueError for an unknown backend.
    """
    if choose(backend, planes, backends=("numba",)) == "numba":
        from kernels.pixels import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.to_bytes(planes)
    return reference.to_bytes(planes)

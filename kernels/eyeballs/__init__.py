"""Eyeballs that turn behind their lids, on the cells of a box: the flow inside the openings of the eyes.

The torch reference is the specification; the numba kernel touches only the cells in which an eye is open.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.eyeballs import reference
from kernels.eyeballs.eyeballs import Eyeballs

__all__ = ["Eyeballs", "draw_eyeballs"]


def draw_eyeballs(
    flow: Tensor, opened: Tensor, taken: Tensor, balls: Eyeballs, box: Tensor, backend: str = "auto"
) -> Tensor:
    """A flow (B, 2, n, n), canvas units, with that of the eyeballs inside the eyes' openings, as far as the picture's
    own openings show what it samples.

    opened: (B, 2, n, n), 0..1, coverage by the right and by the left opening now. taken: (B, 1, n, n), 0..1, the share
    of each cell that is drawn from elsewhere. box: (B, 3), of the cells. backend: see `kernels.backend`; an unknown one
    raises ValueError.
    """
    if choose(backend, flow, opened, taken, box, *balls, backends=("numba",)) == "numba":
        from kernels.eyeballs import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.draw_eyeballs(flow, opened, taken, balls, box)
    return reference.draw_eyeballs(flow, opened, taken, balls, box)

"""Further pictures of the same character."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class View(NamedTuple):
    """A further picture of the same character, each on a canvas of its own.

    image: (B, 3, S, S), RGB 0..1.
    matte: (B, 1, S, S), the person's coverage 0..1.
    face: (B, 478, 3), landmarks in units of its own canvas.
    """

    image: Tensor
    matte: Tensor
    face: Tensor

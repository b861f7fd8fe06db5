"""What `draw_eyeballs` takes of the eyeballs of heads."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Eyeballs(NamedTuple):
    """The right and the left eyeball of B heads.

    now, rest: (B, 2, 2), where their pupils are and where they are in the picture, canvas units. to_rest: (B, 2, 2),
    by which a way on an eyeball becomes one in the picture. shown: (B, 2, n, n), 0..1, the openings of the eyes in the
    picture, over boxes focus (B, 3), centre x, y and half side, canvas units. share: (B,) 0..1, of what is drawn.
    """

    now: Tensor
    rest: Tensor
    to_rest: Tensor
    shown: Tensor
    focus: Tensor
    share: Tensor

"""What `closeup_maps` takes of each kind of close-up."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class WindowMaps(NamedTuple):
    """The maps of one kind of close-up of B pictures.

    window: (B, 6) as in `kernels.overlay`. influence: (B, 1, n, n), 0..1, over the window. flow: (B, 2, m, m) over the
    window, window units.
    """

    window: Tensor
    influence: Tensor
    flow: Tensor

"""`lay_over` and `lay_between` in torch: the specification, and the backend for a GPU."""

from __future__ import annotations

from torch import Tensor


def lay_over(colours: Tensor, above: Tensor) -> Tensor:
    """See `kernels.layers.lay_over`."""
    return colours * (1 - above[:, 3:]) + above[:, :3]


def lay_between(picture: Tensor, behind: Tensor, before: Tensor) -> None:
    """See `kernels.layers.lay_between`."""
    picture[:, 3:] += (1 - picture[:, 3:]) * behind[:, 3:]
    picture.mul_(1 - before[:, 3:]).add_(before)

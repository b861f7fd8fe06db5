"""Detects access to the host in work that a CUDA graph records, where the device must not be waited for."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from kernels.mesh import Bucket

_FROM_HOST = {torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor}
_SYNCHRONISING = {
    Tensor.tolist, Tensor.item, Tensor.cpu, Tensor.numpy, Tensor.nonzero, torch.nonzero,
    Tensor.__bool__, Tensor.__float__, Tensor.__int__,
}  # fmt: skip


class HostAccessGuard(TorchFunctionMode):
    """Fails on tensors that are made from values of the host, and on every operation that waits for the device."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        values = args[1] if func is Tensor.new_tensor else next(iter(args), None)
        from_host = func in _FROM_HOST and not isinstance(values, Tensor)
        assert not from_host and func not in _SYNCHRONISING, f"{func} in what is to be recorded"
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            parts = args[1] if isinstance(args[1], tuple) else (args[1],)
            assert not any(isinstance(part, list) for part in parts), "an index from the host in what is to be recorded"
            masks = [part for part in parts if isinstance(part, Tensor) and part.dtype == torch.bool]
            assert not masks, "a mask as an index in what is to be recorded"
            indexed = func is Tensor.__setitem__ and any(isinstance(part, Tensor) for part in parts)
            # Setting a number at indices copies it from the host to the device; `index_fill_` does not.
            assert not indexed or isinstance(args[2], Tensor), "a number from the host in what is to be recorded"
        return func(*args, **(kwargs or {}))


def uncovered_mesh(points: Tensor, buckets: list[Bucket], values: Tensor, size: int) -> Tensor:
    """Instead of `draw_mesh`, whose reference reads values to find the covered cells: a drawing of the right shape."""
    assert all(bucket.visible is None or len(bucket.visible) == len(points) for bucket in buckets)
    return points.new_empty(len(points), values.shape[-1], size, size)

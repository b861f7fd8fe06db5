"""Small tensors that code makes of Python numbers, made once instead of whenever the code runs.

Each of them is a copy from the host, for which the device waits, and which a CUDA graph cannot record.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Constants(TorchFunctionMode):
    """Inside this context `torch.tensor`, `new_tensor` and indices in lists give the tensor of the first time.

    It keeps what it made for as long as it lives. Nothing may write into such a tensor.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Hashable, Tensor] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.tensor:
            return self._keep((_frozen(args[0]), *sorted((k, str(v)) for k, v in kwargs.items())), func, args, kwargs)
        if func is Tensor.new_tensor and not kwargs:
            return self._keep((_frozen(args[1]), args[0].dtype, args[0].device), func, args, kwargs)
        if func is Tensor.__getitem__ or func is Tensor.__setitem__:
            args = (args[0], self._index(args[1], args[0].device), *args[2:])
        return func(*args, **kwargs)

    def _keep(self, key: tuple[Hashable, ...], func: Callable[..., Tensor], args: Sequence[Any], kwargs: Any) -> Tensor:
        if key[0] is None:  # not made of numbers alone
            return func(*args, **kwargs)
        if key not in self._kept:
            self._kept[key] = func(*args, **kwargs)
        return self._kept[key]

    def _index(self, index: Any, device: torch.device) -> Any:
        if isinstance(index, tuple):
            return tuple(self._index(part, device) for part in index)
        if not isinstance(index, list) or not all(type(number) is int for number in index):
            return index
        return self._keep(("index", *index, device), torch.tensor, (index,), {"device": device, "dtype": torch.long})


def _frozen(data: Any) -> Hashable:
    """Nested sequences of numbers as nested tuples; None where there is anything else inside."""
    if isinstance(data, (bool, int, float)):
        return (type(data), data)
    if not isinstance(data, (list, tuple)):
        return None
    parts = tuple(_frozen(part) for part in data)
    return None if any(part is None for part in parts) else parts

"""Records the torch operations of a function as they run, with the tensors that they read and write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from kernels.tape import opaque

READS_BY_THE_HOST = ("aten._local_scalar_dense", "aten.is_nonzero", "aten.nonzero", "aten.equal")


KEPT_WHOLE = (torch.ops.aten.upsample_bilinear2d.vec,)  # their decompositions are slower than they are


class NotRecordable(RuntimeError):
    """A function whose operations depend on the values of its inputs, or on how it was called."""


@dataclass(frozen=True)
class Call:
    """One operation. function: an aten overload, or what is decorated with `recorded_whole`. read: all tensors among
    the arguments. results: new tensors, or the argument that was written into.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    read: list[Tensor]
    results: tuple[Tensor, ...]
    mutates: bool

    @property
    def name(self) -> str:
        """As "aten.add.Tensor"; of a kernel, that of the function."""
        return str(self.function) if isinstance(self.function, torch._ops.OpOverload) else self.function.__name__


def written_arguments(operation: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> list[Tensor]:
    """The tensors that an aten overload writes into."""
    expected = operation._schema.arguments
    given = {parameter.name: value for parameter, value in zip(expected, arguments, strict=False)} | keywords
    written = [parameter.name for parameter in expected if parameter.alias_info and parameter.alias_info.is_write]
    return [given[name] for name in written if isinstance(given.get(name), Tensor)]


@cache
def is_composite(operation: Any) -> bool:
    """Whether an aten overload is made of others, which torch does not tell apart in inference mode."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), "CompositeImplicitAutograd")


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    if not isinstance(value, (tuple, list)):
        return []
    return [tensor for part in value for tensor in tensors_in(part)]


def storage_of(tensor: Tensor) -> int:
    """A number that tensors have in common which share their memory, as long as one of them lives."""
    return tensor.untyped_storage()._cdata


class Recorder(TorchDispatchMode):
    """Collects in `calls` what depends on the inputs; all else is computed now, once, and is a constant of the
    recording. Views are no calls: their tensors share the storage of what they show.

    before: for a storage of a constant into which an operation writes, its values before the first time.
    """

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.before: dict[int, Tensor] = {}
        self._changing = {storage_of(tensor) for tensor in inputs}
        self._alive: list[Any] = []  # else another tensor would get the storage of one that has died

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch would import its compiler to keep it out of here, which takes two seconds and 120 MB."""
        return False

    def depends_on_input(self, tensor: Tensor) -> bool:
        return storage_of(tensor) in self._changing

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        with torch.utils._python_dispatch._disable_current_modes():
            result = function(*arguments)
        self._remember(Call(function, arguments, {}, tensors_in(arguments), tuple(tensors_in(result)), mutates=False))
        return result

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in KEPT_WHOLE and is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        mutates = func._schema.is_mutable
        read = tensors_in((args, kwargs))
        changing = any(self.depends_on_input(tensor) for tensor in read)
        if changing and str(func).startswith(READS_BY_THE_HOST):
            raise NotRecordable(f"{func} reads a value that changes from call to call")
        if mutates and changing:
            for tensor in written_arguments(func, args, kwargs):
                self._save_constant(tensor)
        result = func(*args, **kwargs)
        self._remember(Call(func, args, kwargs, read, tuple(tensors_in(result)), mutates))
        return result

    def _save_constant(self, written: Tensor) -> None:
        """Keep the values of a constant before what depends on an input is written into it."""
        if not self.depends_on_input(written):
            whole = torch.empty(0, dtype=written.dtype).set_(written.untyped_storage())
            self.before[storage_of(written)] = whole.clone()

    def _remember(self, call: Call) -> None:
        self._alive.append(call)
        read = call.read
        if not any(self.depends_on_input(tensor) for tensor in read):
            return
        if not call.mutates and all(self._is_view(result, read) for result in call.results):
            return
        self._changing.update(storage_of(result) for result in call.results)
        self.calls.append(call)

    @staticmethod
    def _is_view(result: Tensor, read: Sequence[Tensor]) -> bool:
        return any(storage_of(result) == storage_of(tensor) for tensor in read)

    def __enter__(self) -> Any:
        opaque.begin(self)
        return super().__enter__()

    def __exit__(self, *exception: Any) -> None:
        opaque.end()
        super().__exit__(*exception)

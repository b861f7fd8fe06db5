"""What the translations of torch's operations into instructions share.

An instruction names its tensors by `View`s; where these lie is decided afterwards (`kernels.tape.tape`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from kernels.tape import codes
from kernels.tape.recorder import storage_of


@dataclass(frozen=True)
class View:
    """Part of a storage, or of a constant: where it begins and its strides, in elements."""

    storage: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    constant: Tensor | None = None

    def axis(self, dim: int) -> View:
        """With a single dimension left out, at index 0."""
        return self._with(self.offset, _without(self.shape, dim), _without(self.strides, dim))

    def part(self, dim: int, start: int, length: int) -> View:
        """Elements `start` up to `start + length` along a dimension."""
        shape = (*self.shape[:dim], length, *self.shape[dim + 1 :])
        return self._with(self.offset + start * self.strides[dim], shape, self.strides)

    def reversed(self, dims: Sequence[int]) -> View:
        """Backwards along some dimensions."""
        offset = self.offset + sum((self.shape[dim] - 1) * self.strides[dim] for dim in dims)
        strides = tuple(-stride if dim in dims else stride for dim, stride in enumerate(self.strides))
        return self._with(offset, self.shape, strides)

    def expanded(self, shape: Sequence[int]) -> View:
        """Broadcast to a shape."""
        lead = len(shape) - len(self.shape)
        strides = [0] * lead
        for dim, (have, want) in enumerate(zip(self.shape, shape[lead:], strict=True)):
            strides.append(0 if have == 1 and want != 1 else self.strides[dim])
        return self._with(self.offset, tuple(shape), tuple(strides))

    def arranged(self, shape: Sequence[int], strides: Sequence[int]) -> View:
        """The same memory with other shape and strides."""
        return self._with(self.offset, tuple(shape), tuple(strides))

    def _with(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> View:
        return View(self.storage, offset, shape, strides, self.constant)


def _without(values: tuple[int, ...], dim: int) -> tuple[int, ...]:
    return values[:dim] + values[dim + 1 :]


@dataclass(frozen=True)
class Instruction:
    """A row of the program. shape: padded to `codes.DIMS`. operands: the written view, then those read, likewise."""

    code: int
    shape: tuple[int, ...]
    operands: tuple[View, ...]
    extras: tuple[int, ...] = ()


class Untranslated(Exception):
    """An operation, or a form of one, that is left to torch."""


@dataclass
class Lowering:
    """Translates calls one by one. changing: whether a tensor depends on the inputs."""

    changing: Callable[[Tensor], bool]
    constants: dict[Any, View] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)

    def view(self, value: Any) -> View:
        """Of a tensor or a number that is read."""
        if isinstance(value, bool | int | float):
            return self._constant(float(value), lambda: torch.tensor(float(value), dtype=torch.float32))
        if value.dtype not in (torch.float32, torch.bool, torch.int64, torch.int32):
            raise Untranslated(str(value.dtype))
        if self.changing(value):
            return View(storage_of(value), value.storage_offset(), tuple(value.shape), value.stride())
        if value.dtype == torch.float32:
            return View(0, 0, tuple(value.shape), value.stride(), value)
        key = (storage_of(value), value.storage_offset(), tuple(value.shape), value.stride(), "floats")
        return self._constant(key, lambda: value.float().contiguous())

    def index(self, value: Tensor) -> View:
        """Of a constant index, int64."""
        if self.changing(value) or value.dtype != torch.int64:
            raise Untranslated("an index that changes")
        return View(0, 0, tuple(value.shape), value.stride(), value)

    def by_columns(self, view: View) -> View:
        """The matrices (batch, rows, columns) of a constant, copied so that columns lie together."""
        constant = view.constant
        assert constant is not None
        matrices = constant.as_strided(view.shape, view.strides, constant.storage_offset() + view.offset)
        key = (storage_of(matrices), matrices.storage_offset(), view.shape, view.strides, "columns")
        copied = self._constant(key, matrices.mT.contiguous)
        batch, columns, rows = copied.shape
        return copied.arranged((batch, rows, columns), (rows * columns, 1, rows))

    def _constant(self, key: Any, make: Callable[[], Tensor]) -> View:
        if key not in self.constants:
            tensor = make()
            self.constants[key] = View(0, 0, tuple(tensor.shape), tensor.stride(), tensor)
        return self.constants[key]

    def emit(self, code: int, out: View, *read: View, extras: tuple[int, ...] = ()) -> None:
        """An instruction over the shape of `out`, which the views that are read are broadcast to."""
        if 0 not in out.shape:
            views = (out, *(view.expanded(out.shape) for view in read))
            self.instructions.append(Instruction(code, *simplified(out.shape, views), extras))

    def emit_exact(self, code: int, shape: Sequence[int], views: Sequence[View], extras: tuple[int, ...]) -> None:
        """An instruction whose dimensions each have a meaning; shape and views have `codes.DIMS` of them."""
        if 0 not in shape:
            self.instructions.append(Instruction(code, tuple(shape), tuple(views), extras))


def simplified(shape: Sequence[int], views: Sequence[View]) -> tuple[tuple[int, ...], tuple[View, ...]]:
    """Fewest dimensions that mean the same, the longest last, or the last one if it is long enough."""
    dims = [dim for dim, size in enumerate(shape) if size != 1]
    merged: list[tuple[int, list[int]]] = []  # size, and the stride in each view
    for dim in dims:
        strides = [view.strides[dim] for view in views]
        if merged and all(outer == inner * shape[dim] for outer, inner in zip(merged[-1][1], strides, strict=True)):
            merged[-1] = (merged[-1][0] * shape[dim], strides)
        else:
            merged.append((shape[dim], strides))
    if len(merged) > codes.DIMS:
        raise Untranslated("too many dimensions")
    if merged and merged[-1][0] < 16:
        longest = max(range(len(merged)), key=lambda n: merged[n][0])
        merged.append(merged.pop(longest))
    missing = codes.DIMS - len(merged)
    sizes = (1,) * missing + tuple(size for size, _ in merged)
    leading = (0,) * missing
    padded = [leading + tuple(each[n] for _, each in merged) for n in range(len(views))]
    return sizes, tuple(view.arranged(sizes, each) for view, each in zip(views, padded, strict=True))

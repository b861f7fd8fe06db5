"""Tensors inside of what holds them: dataclasses, tuples and lists, however deep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

Held = TypeVar("Held")


def each(value: Held, change: Callable[[Tensor], Tensor]) -> Held:
    """The same structure with every tensor changed; what is no tensor stays."""
    return _each(value, change)


def tensors(value: object) -> Iterator[Tensor]:
    """Every tensor inside, in the order of the fields."""
    if isinstance(value, Tensor):
        yield value
    else:
        for part in _parts(value):
            yield from tensors(part)


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _each(getattr(value, f.name), change) for f in fields(value) if f.init})
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a NamedTuple
        return type(value)(*(_each(part, change) for part in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_each(part, change) for part in value)
    return value


def _parts(value: object) -> list[Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, f.name) for f in fields(value)]
    return list(value) if isinstance(value, (list, tuple)) else []

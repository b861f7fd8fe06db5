"""Tensors nested in dataclasses, tuples and lists, to any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

from torch import Tensor

Tree = TypeVar("Tree")


def map_tensors(tree: Tree, change: Callable[[Tensor], Tensor]) -> Tree:
    """The same structure with `change` applied to every tensor; other values are kept."""
    return _map(tree, change)


def iter_tensors(tree: object) -> Iterator[Tensor]:
    """Every tensor inside, in the order of the fields."""
    if isinstance(tree, Tensor):
        yield tree
    else:
        for part in _parts(tree):
            yield from iter_tensors(part)


@cache
def field_names(kind: Any) -> tuple[str, ...] | None:
    """The names of a dataclass's fields; None of another type. Kept, since hundreds are asked for in a frame."""
    return tuple(field.name for field in fields(kind) if field.init) if is_dataclass(kind) else None


def _map(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return change(tree)
    names = field_names(tree.__class__)
    if names is not None:
        return type(tree)(**{name: _map(getattr(tree, name), change) for name in names})
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a NamedTuple
        return type(tree)(*(_map(part, change) for part in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map(part, change) for part in tree)
    return tree


def _parts(tree: Any) -> list[Any]:
    names = field_names(tree.__class__)
    if names is not None:
        return [getattr(tree, name) for name in names]
    return list(tree) if isinstance(tree, (list, tuple)) else []

"""Tensors nested in dataclasses, tuples and lists, to any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
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


def _map(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return change(tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{f.name: _map(getattr(tree, f.name), change) for f in fields(tree) if f.init})
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a NamedTuple
        return type(tree)(*(_map(part, change) for part in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map(part, change) for part in tree)
    return tree


def _parts(tree: object) -> list[Any]:
    if is_dataclass(tree) and not isinstance(tree, type):
        return [getattr(tree, f.name) for f in fields(tree)]
    return list(tree) if isinstance(tree, (list, tuple)) else []

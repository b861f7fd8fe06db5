"""Functions of a picture and of what changes from frame to frame, run on a CPU as recorded programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from kernels.backend import choose
from kernels.tape.tape import NotRecordable, Tape
from streamer.generation.tensor_tree import field_names, iter_tensors, map_tensors

Result = TypeVar("Result")


@dataclass(frozen=True)
class _Recording:
    """A tape, and the structure of its results with empty tensors; without a tape the function itself is called."""

    tape: Tape | None
    results: Any = None


class RecordedFunction(Generic[Result]):
    """`function(*pictures, *inputs)`, the same values from a `kernels.tape.tape.Tape`, which is recorded for each tuple
    of pictures and each form of the inputs: their shapes, and all that is no tensor. So the first call for a picture
    costs a quarter of a second, and what depends on the picture alone is computed then.

    pictures: objects of which nothing changes, as a rig; without any there is one recording for all. inputs: float32
    tensors in dataclasses, tuples and lists, and what is no tensor. The function is called as it is on other devices,
    without numba, and where the host must look at values.
    """

    def __init__(self, function: Callable[..., Result]) -> None:
        self._function = function
        self._recordings: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # nested, one level for each picture
        self._without_picture: dict[tuple[Any, ...], _Recording] = {}

    def __call__(self, pictures: tuple[Any, ...], *inputs: Any) -> Result:
        leaves = list(_leaves(inputs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if not tensors or choose("auto", *tensors, backends=("numba",)) != "numba":
            return self._function(*pictures, *inputs)
        form = tuple(leaf.shape if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        recordings: Any = self._recordings if pictures else self._without_picture
        for number, picture in enumerate(pictures, 1):
            recordings = recordings.setdefault(picture, {} if number == len(pictures) else WeakKeyDictionary())
        if form not in recordings:
            recordings[form] = self._record(pictures, inputs, tensors)
        recording = recordings[form]
        if recording.tape is None:
            return self._function(*pictures, *inputs)
        results = iter(recording.tape(*tensors))
        return map_tensors(recording.results, lambda _: next(results))

    def _record(self, pictures: tuple[Any, ...], inputs: tuple[Any, ...], tensors: list[Tensor]) -> _Recording:
        results: list[Any] = []

        def function(*values: Tensor) -> list[Tensor]:
            remaining = iter(values)
            results.append(self._function(*pictures, *map_tensors(inputs, lambda _: next(remaining))))
            return list(iter_tensors(results[-1]))

        try:
            tape = Tape(function, tensors)
        except NotRecordable:
            return _Recording(None)
        return _Recording(tape, map_tensors(results[-1], lambda _: torch.empty(0)))


def _leaves(tree: Any) -> Iterator[Any]:
    """Tensors and all else that is no structure, in the order of `iter_tensors`."""
    if isinstance(tree, Tensor):
        yield tree
        return
    names = field_names(tree.__class__)
    if names is None and not isinstance(tree, (list, tuple)):
        yield tree
        return
    for part in tree if names is None else (getattr(tree, name) for name in names):
        yield from _leaves(part)

"""Functions of a picture and of what changes from frame to frame, run on a CPU as recorded programs."""

from __future__ import annotations

from collections.abc import Callable
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
        tensors: list[Tensor] = []
        leaves: list[Any] = []
        _collect(inputs, tensors, leaves)
        compared = tensors if torch.is_grad_enabled() else tensors[:1]  # of all, whether one needs a gradient
        if not tensors or choose("auto", *compared, backends=("numba",)) != "numba":
            return self._function(*pictures, *inputs)
        form = tuple(leaves)
        recordings: Any = self._recordings if pictures else self._without_picture
        for number, picture in enumerate(pictures, 1):
            if picture not in recordings:
                recordings[picture] = {} if number == len(pictures) else WeakKeyDictionary()
            recordings = recordings[picture]
        recording = recordings.get(form)
        if recording is None:
            recording = recordings[form] = self._record(pictures, inputs, tensors)
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


def _collect(tree: Any, tensors: list[Tensor], form: list[Any]) -> None:
    """Append all tensors of a tree to `tensors`, in the order of `iter_tensors`, and to `form` their shapes and all
    else that is no structure.
    """
    if isinstance(tree, Tensor):
        tensors.append(tree)
        form.append(tree.shape)
        return
    names = field_names(tree.__class__)
    if names is not None:
        for name in names:
            _collect(getattr(tree, name), tensors, form)
    elif isinstance(tree, (list, tuple)):
        for part in tree:
            _collect(part, tensors, form)
    else:
        form.append(tree)

"""Functions that a recording takes as one call, instead of the operations inside them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

Function = Callable[..., Any]


class CallRecorder(Protocol):
    """What is recording at the moment; see `kernels.tape.recorder`."""

    def call(self, function: Function, arguments: tuple[Any, ...]) -> Any:
        """Run the function, and remember it with its arguments and its result."""
        ...


class _Recorders(threading.local):
    """Of this thread, the innermost one last."""

    def __init__(self) -> None:
        self.stack: list[CallRecorder] = []


_recorders = _Recorders()


def recorded_whole(function: Function) -> Function:
    """Decorator for kernels: a pure function of positional arguments that returns a new tensor. A replay calls it with
    the tensors of now; all other arguments, and those tensors that depend on no input, are as when it was recorded.
    """

    @wraps(function)
    def call(*arguments: Any) -> Any:
        return _recorders.stack[-1].call(function, arguments) if _recorders.stack else function(*arguments)

    return call


def begin(recorder: CallRecorder) -> None:
    """Have `recorded_whole` functions in this thread report to this recorder until `end`."""
    _recorders.stack.append(recorder)


def end() -> None:
    """Stop reporting to the recorder of the latest `begin`."""
    _recorders.stack.pop()

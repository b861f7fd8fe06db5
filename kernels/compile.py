"""Compiles functions with numba and keeps the result on the disk, wherever it can be kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core import event

from kernels.cache_folder import temporary_cache_folder
from kernels.code_cache import CodeCache

_log = logging.getLogger(__name__)

Function = Callable[..., Any]


class _Counter(event.Listener):  # type: ignore[misc]  # numba has no types
    """Counts the functions that numba compiles in this process; what it loads from the disk is none of them."""

    count = 0

    def on_start(self, _event: event.Event) -> None:
        """A function begins to be compiled."""

    def on_end(self, _event: event.Event) -> None:
        """A function is compiled."""
        self.count += 1


_counter = _Counter()
event.register("numba:compile", _counter)


def compiled_functions() -> int:
    """How many functions numba has compiled in this process, because the disk did not contain them; those of
    libraries, too.
    """
    return _counter.count


def compile_cached(**options: Any) -> Callable[[Function], Function]:
    """Decorator: `numba.njit` without the interpreter's lock, whose machine code is kept for the next start.

    options: of `numba.njit`. The code is kept, see `CodeCache`, in the module's `__pycache__`, else in the user's cache
    folder, else in `temporary_cache_folder`; where nothing can be written, the function is compiled at every start.
    """

    def decorate(function: Function) -> Function:
        compiled = njit(nogil=True, **options)(function)
        try:
            compiled._cache = CodeCache(function)
        except RuntimeError:  # numba finds no folder that it can write
            folder = temporary_cache_folder()
            if folder is None:
                _warn_uncached()
                return compiled
            keep_compiled_code_in(folder)
            compiled._cache = CodeCache(function)
        return compiled

    return decorate


@cache
def _warn_uncached() -> None:
    _log.warning("Compiled code cannot be kept, so every start takes longer: let NUMBA_CACHE_DIR be a writable folder.")


def keep_compiled_code_in(folder: Path) -> None:
    """The folder in which numba keeps what is compiled from now on by its own means, as libraries' functions are."""
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # numba makes it from the environment

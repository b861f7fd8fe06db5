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
from numba.core.sigutils import normalize_signature

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


def lacks_code(function: Any, signature: str) -> bool:
    """Whether code of a function of `compile_cached` can be kept, and is not yet. signature: types of its arguments, as
    numba writes them.
    """
    kept = function._cache
    return isinstance(kept, CodeCache) and not kept.has(_types(signature), function.targetctx)


def compile_for(function: Any, signature: str) -> None:
    """Load or compile a function of `compile_cached` for arguments of these types, and keep its code."""
    function.compile(_types(signature))


def _types(signature: str) -> tuple[Any, ...]:
    return tuple(normalize_signature(f"void({signature})")[0])


@cache
def _warn_uncached() -> None:
    _log.warning("Compiled code cannot be kept, so every start takes longer: let NUMBA_CACHE_DIR be a writable folder.")


def keep_compiled_code_in(folder: Path) -> None:
    """The folder in which numba keeps what is compiled from now on by its own means, as libraries' functions are."""
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]  # numba makes it from the environment

"""The two methods of the library `pymatting` that are used here, without the time that importing all of it takes.

`import pymatting` has numba compile all methods that the library has: 44 s on the first start of a machine, 0.7 s on
each later one. The modules of these two alone take 11 s and 0.2 s. They are imported from inside of packages whose
`__init__.py` was not run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from kernels.cache_folder import temporary_cache_folder
from kernels.compile import keep_compiled_code_in
from streamer.runtime.bare_packages import bare_packages

_PACKAGES = ("alpha", "foreground", "laplacian", "preconditioner", "solver", "util")
_lock = threading.Lock()


class Methods(NamedTuple):
    """What pymatting gives: the functions `estimate_alpha_cf`, `ichol` and `estimate_foreground_ml`."""

    alpha: Callable[..., Any]
    preconditioner: Callable[..., Any]
    foreground: Callable[..., Any]


def pymatting_methods() -> Methods | None:
    """pymatting's functions, compiled at the first call; None where numba finds no folder to keep compiled code in."""
    with _lock:  # two pictures may be prepared at once
        return _import()


@cache
def _import() -> Methods | None:
    try:
        return _import_functions()
    except RuntimeError:  # neither the library's folder nor the user's cache folder can be written
        folder = temporary_cache_folder()
        if folder is None:
            return None
        keep_compiled_code_in(folder)
        return _import_functions()


def _import_functions() -> Methods:
    with bare_packages("pymatting", _PACKAGES):
        from pymatting.alpha.estimate_alpha_cf import estimate_alpha_cf  # noqa: PLC0415  (compiles when imported)
        from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml  # noqa: PLC0415  (as above)
        from pymatting.preconditioner.ichol import ichol  # noqa: PLC0415  (as above)
    return Methods(estimate_alpha_cf, ichol, estimate_foreground_ml)

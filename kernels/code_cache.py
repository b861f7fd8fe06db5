"""The kept machine code of a function, which is fresh while all sources are as they were that went into it.

numba itself looks at the function's own file alone, but what that calls from other files, and their constants, are
compiled into it, too.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

ROOT = Path(__file__).resolve().parents[1]  # of the packages
_IMPORT = re.compile(r"^\s*(?:from|import) ((?:kernels|training)\.[\w.]+)", re.MULTILINE)  # of those with compiled code


class CodeCache(FunctionCache):  # type: ignore[misc]  # numba has no types
    """Keeps the machine code of one function, in the folder that numba chooses. Raises RuntimeError if there is none.

    function: a Python function of a module.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp(), source_digest(Path(function.__code__.co_filename))
        self._cache_file = _CodeFiles(self._cache_path, self._impl.filename_base, stamp)


class _CodeFiles(IndexDataCacheFile):  # type: ignore[misc]
    """An index and the code of each signature. What was kept of other sources goes with the first of them."""

    def save(self, key: Any, data: Any) -> None:
        """See numba."""
        if not self._load_index():
            self._remove_stale()
        super().save(key, data)

    def _remove_stale(self) -> None:
        """Remove the code of this function, also of when it stood in another line, made by this version of Python."""
        place, _, version = self._index_name.removesuffix(".nbi").rpartition(".")
        for path in Path(self._cache_path).glob(f"{place.rpartition('-')[0]}-*.{version}.*"):
            path.unlink(missing_ok=True)


@cache
def source_digest(path: Path) -> bytes:
    """SHA-256 of `sources_of` a file."""
    digest = hashlib.sha256()
    for each in sorted(sources_of(path)):
        digest.update(each.read_bytes())
    return digest.digest()


def sources_of(path: Path) -> set[Path]:
    """A source file and those that it imports from packages with compiled code, directly or not."""
    found, waiting = set[Path](), [path.resolve()]
    while waiting:
        if (now := waiting.pop()) not in found and now.is_file():
            found.add(now)
            waiting.extend(_imported(now))
    return found


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Where the modules may be that a source file imports."""
    modules = [ROOT.joinpath(*name.split(".")) for name in _IMPORT.findall(path.read_text(encoding="utf-8"))]
    return tuple(place for each in modules for place in (each.with_suffix(".py"), each / "__init__.py"))

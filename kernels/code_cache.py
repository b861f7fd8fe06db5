"""The kept machine code of a function, which is fresh while all sources are as they were that went into it.

numba itself looks at the function's own file alone, but what that calls from other files, and their constants, are
compiled into it, too.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

ROOT = Path(__file__).resolve().parents[1]  # of the packages
_PACKAGES = ("kernels", "training")  # those with compiled code


class CodeCache(FunctionCache):  # type: ignore[misc]  # numba has no types
    """Keeps the machine code of one function, in the folder that numba chooses. Raises RuntimeError if there is none.

    function: a Python function of a module.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp(), source_digest(Path(function.__code__.co_filename))
        self._cache_file = _CodeFiles(self._cache_path, self._impl.filename_base, stamp)

    def has(self, types: tuple[Any, ...], target: Any) -> bool:
        """Whether the code for arguments of these types of numba is kept. target: the context of the dispatcher."""
        target.refresh()
        return self._cache_file.has(self._index_key(types, target.codegen()))


class _CodeFiles(IndexDataCacheFile):  # type: ignore[misc]
    """An index and the code of each signature. What was kept of other sources goes with the first of them."""

    def has(self, key: Any) -> bool:
        """Whether there is code for a key of the index."""
        name = self._load_index().get(key)
        return name is not None and Path(self._data_path(name)).is_file()

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
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)  # each of which may be a module
    modules = [ROOT.joinpath(*name.split(".")) for name in names if name.partition(".")[0] in _PACKAGES]
    return tuple(place for each in modules for place in (each.with_suffix(".py"), each / "__init__.py"))

"""A folder for compiled code where neither the installation nor the user's cache folder can be written, as in a
container with a read-only file system.

Compiled code is executed when it is loaded (numba's index files are pickles), so the folder must be one that no other
user of the machine can write into or make beforehand.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path


@cache
def temporary_cache_folder() -> Path | None:
    """A folder in the temporary directory that only this user can read and write; None where none can be made.

    It is the same one at every start, unless something else has its name: then it is a new one, which is removed when
    the process ends.
    """
    try:
        temporary = Path(tempfile.gettempdir())
        user = os.getuid() if hasattr(os, "getuid") else None  # elsewhere each user has a temporary directory
        folder = temporary / ("kagami-cache" if user is None else f"kagami-cache-{user}")
        folder.mkdir(0o700, exist_ok=True)
        if (user is None or _belongs_to(folder, user)) and is_writable(folder):
            return folder
    except OSError:
        pass
    try:
        folder = Path(tempfile.mkdtemp(prefix="kagami-cache-"))
    except OSError:
        return None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it does not exist."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _belongs_to(folder: Path, user: int) -> bool:
    """Whether this is a folder, no link to one, that is the user's and closed to all others."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077

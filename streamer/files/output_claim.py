"""A result under a temporary name, claimed by the run that makes it: a second run with the same result is refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class OutputClaim:
    """An empty file or folder beside the result, `.part` longer, made here or taken over from a run that was killed.

    It stays claimed until `publish` or `discard`, or until the process ends, however it does; on Windows, and on disks
    that know no locks, nobody else is kept away. part: its path. Raises BlockingIOError if another run has it, and
    OSError if it cannot be made.
    """

    def __init__(self, path: Path, is_folder: bool) -> None:
        self._path, self.part, self._is_folder = path, path.with_name(path.name + ".part"), is_folder
        self._descriptor: int | None = None
        self._is_held = True
        while not self._take():
            pass
        if is_folder:
            for left in self.part.iterdir():
                left.unlink()

    def publish(self) -> None:
        """Give it the name of the result, in whose place it comes. Raises OSError."""
        if self._is_folder and self._path.exists():
            shutil.rmtree(self._path)
        self.part.replace(self._path)
        self._release()

    def discard(self) -> None:
        """Delete it; does nothing after `publish`, or when called again."""
        if not self._is_held:
            return
        if self._is_folder:
            shutil.rmtree(self.part, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                self.part.unlink()
        self._release()

    def _take(self) -> bool:
        """Make and lock it; False if the run that had it has just renamed or deleted it."""
        if self._is_folder:
            self.part.mkdir(exist_ok=True)
        else:
            self.part.touch()
        if sys.platform == "win32":
            return True
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self.part, os.O_RDONLY)
            with contextlib.ExitStack() as undo:
                undo.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise
                except OSError:  # a disk without locks
                    pass
                if os.path.samestat(os.fstat(descriptor), self.part.stat()):
                    self._descriptor = descriptor
                    undo.pop_all()
        return self._descriptor is not None

    def _release(self) -> None:
        self._is_held = False
        if self._descriptor is not None:
            os.close(self._descriptor)

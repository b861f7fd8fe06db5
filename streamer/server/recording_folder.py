"""The folder of `--record`: made, tried and measured before the engine is loaded."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from streamer.errors import SettingsError

KEPT_FREE_BYTES = 10**9  # that recordings leave on their disk


def prepare_folder(folder: Path) -> None:
    """Make the folder where it does not exist, for this user alone. Raises SettingsError where files cannot be written
    into it, or too little is free.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        problem = space_problem(folder, free_bytes(folder))
    except OSError as error:
        raise SettingsError(
            f"--record is {folder}, where nothing can be written ({error.strerror or error}): choose another folder."
        ) from error
    if problem is not None:
        raise SettingsError(f"--record cannot begin: {problem} or choose another folder.")


def free_bytes(folder: Path) -> int:
    """How much may be written to the folder's disk. Raises OSError."""
    return shutil.disk_usage(folder).free


def space_problem(folder: Path, free: int) -> str | None:
    """What is to be said where recordings would take what is kept. free: bytes."""
    if free >= KEPT_FREE_BYTES:
        return None
    kept = f"{KEPT_FREE_BYTES / 1e9:.0f} GB"
    return f"only {free / 1e9:.1f} GB are free at {folder}, of which recordings leave {kept}: free some space"

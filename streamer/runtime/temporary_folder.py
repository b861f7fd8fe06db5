"""Checks that this machine has a temporary folder, without which MediaPipe cannot be imported."""

from __future__ import annotations

import sys
import tempfile

from streamer.errors import SettingsError


def check_temporary_folder(system: str = sys.platform) -> None:
    """Raises SettingsError if no temporary folder takes a file: all are read-only, missing, or on full disks.

    system: as `sys.platform`.
    """
    try:
        tempfile.TemporaryFile().close()
    except OSError as error:
        variable = "TEMP" if system == "win32" else "TMPDIR"
        raise SettingsError(
            f"No temporary folder can be written ({error.strerror or error}): free some space, or let {variable} be a "
            "folder that this user may write."
        ) from error

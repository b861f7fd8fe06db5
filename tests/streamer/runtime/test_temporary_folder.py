"""A machine without a temporary folder is told in one sentence."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from streamer.errors import SettingsError
from streamer.runtime.temporary_folder import check_temporary_folder


def test_folder_that_can_be_written_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    check_temporary_folder()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_missing_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"^No temporary folder can be written \(No such file or directory\): free"):
        check_temporary_folder()


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_disk_that_is_full_or_read_only_is_a_sentence(monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    for system, variable in (("linux", "TMPDIR"), ("win32", "TEMP")):
        with pytest.raises(SettingsError, match=rf"\({os.strerror(reason)}\): free some space, or let {variable} be"):
            check_temporary_folder(system)

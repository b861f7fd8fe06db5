"""The folder of `--record` is made and tried before anything is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from streamer.errors import SettingsError
from streamer.server.recording_folder import KEPT_FREE_BYTES, prepare_folder


def test_folder_is_made_with_those_above_it_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    prepare_folder(folder)
    prepare_folder(folder)
    assert folder.is_dir() and not list(folder.iterdir())


def test_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError) as caught:
        prepare_folder(tmp_path / "file")
    assert str(caught.value).startswith(f"--record is {tmp_path}/file, where nothing can be written (")
    assert str(caught.value).endswith("): choose another folder.")


def test_disk_without_room_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=KEPT_FREE_BYTES - 10**8))
    with pytest.raises(SettingsError) as caught:
        prepare_folder(tmp_path)
    assert str(caught.value) == (
        f"--record cannot begin: only 0.9 GB are free at {tmp_path}, of which recordings leave 1 GB: free some space "
        "or choose another folder."
    )

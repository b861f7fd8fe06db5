"""A report is written completely or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.common.jsonfile import UnwritableError, json_file


def test_report_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.json"
    with json_file(path) as write:
        assert not path.exists()
        write({"fps_out": 25.0})
    assert json.loads(path.read_text()) == {"fps_out": 25.0}
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_run_keeps_the_old_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), json_file(path):
        raise RuntimeError
    with pytest.raises(TypeError), json_file(path) as write:
        write(object())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_path_nothing_is_written() -> None:
    with json_file(None) as write:
        write({})


def test_an_unwritable_path_is_an_error_on_entry(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "report.json"
    for path, sentence in {
        tmp_path: f"{tmp_path} is a folder: give --json the name of a file.",
        below: f"{below} cannot be written (File exists): choose another place with --json.",
    }.items():
        with pytest.raises(UnwritableError) as caught, json_file(path):
            raise AssertionError("the block must not run")
        assert str(caught.value) == sentence

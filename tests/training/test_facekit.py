"""A wrong face model is told in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.facekit import FacekitError, load_facekit
from training.samples import main


def test_missing(tmp_path):
    with pytest.raises(FacekitError, match=r"^There is no face model at .*; give the ict_facekit.npz file with"):
        load_facekit(tmp_path / "nothing.npz")


def test_damaged(tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(FacekitError, match=r"is not a readable \.npz archive"):
        load_facekit(path)


def test_not_an_archive_but_one_array(tmp_path):
    path = tmp_path / "one.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(FacekitError, match=r"is not a readable \.npz archive"):
        load_facekit(path)


def test_another_archive(tmp_path):
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(FacekitError, match="has no array 'base', so it is not the compact ICT-FaceKit file"):
        load_facekit(tmp_path / "other.npz")


def test_wrong_shape(tmp_path):
    np.savez(tmp_path / "small.npz", base=np.zeros((5, 3)))
    with pytest.raises(FacekitError, match=r"array 'base' has shape \(5, 3\), not \(26719, 3\)"):
        load_facekit(tmp_path / "small.npz")


def test_the_command_line_says_it_and_fails(tmp_path, capsys):
    assert main(["--facekit", str(tmp_path / "none.npz"), "--out", str(tmp_path / "data")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: There is no face model at") and captured.err.count("\n") == 1
    assert not (tmp_path / "data").exists()

"""Weights are looked at before torch is imported: those that were chosen, or the shipped ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from streamer.errors import SettingsError
from streamer.generation import weights_file
from streamer.generation.weights_file import SHIPPED, check_weights, shipped_weights


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation's weights, which is empty."""
    monkeypatch.setattr(weights_file, "CHECKPOINTS", tmp_path)
    return tmp_path


def test_check_weights_accepts_what_is_shipped() -> None:
    for device in ("auto", *SHIPPED):
        check_weights(None, device)
    check_weights(shipped_weights("cpu"), "cuda")


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda"])
def test_check_weights_names_shipped_weights_that_are_missing(install: Path, device: str) -> None:
    with pytest.raises(SettingsError, match=r"is not there; train one .* or use --generator geometry\.$") as caught:
        check_weights(None, device)
    assert str(install) in str(caught.value)


def test_check_weights_takes_either_shipped_file_where_the_device_is_not_known(install: Path) -> None:
    shutil.copy(Path(__file__).parents[3] / "checkpoints" / SHIPPED["cpu"], install / SHIPPED["cuda"])
    check_weights(None, "auto")
    check_weights(None, "cuda")
    with pytest.raises(SettingsError):
        check_weights(None, "cpu")

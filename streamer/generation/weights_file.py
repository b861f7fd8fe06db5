"""Which file of weights is used, and a first look at it before torch is imported."""

from __future__ import annotations

from pathlib import Path

from models.checkpoint_header import CheckpointError, read_header
from streamer.errors import SettingsError

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
SHIPPED = {"cpu": "tiny.safetensors", "cuda": "base.safetensors"}  # by the device that draws


def shipped_weights(device: str) -> Path:
    """The weights that come with Kagami. device: the type of one, "cpu" or "cuda"."""
    return CHECKPOINTS / SHIPPED[device]


def check_weights(path: Path | None, device: str) -> None:
    """Raises SettingsError if no file that may be used can be a network's weights, which themselves are read later.

    path: that was chosen; None for the shipped one. device: as in the settings; for "auto" one that can be used is
    enough, since only torch knows the device.
    """
    shipped = SHIPPED if device == "auto" else [device]
    problems = []
    for each in [path] if path is not None else map(shipped_weights, shipped):
        try:
            read_header(each)
        except CheckpointError as error:
            problems.append(error)
        else:
            return
    raise SettingsError(str(problems[0])) from problems[0]

"""A first look at a file of weights, before torch is imported."""

from __future__ import annotations

from pathlib import Path

from models.checkpoint_header import CheckpointError, read_header
from streamer.errors import SettingsError


def check_weights(path: Path) -> None:
    """Raises SettingsError if the file can be no network's weights. The weights themselves are read later."""
    try:
        read_header(path)
    except CheckpointError as error:
        raise SettingsError(str(error)) from error

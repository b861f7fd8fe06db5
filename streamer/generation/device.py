"""Which device draws."""

from __future__ import annotations

import torch

from streamer.errors import SettingsError


def choose_device(wanted: str) -> str:
    """The torch device name for a `--device` flag: "auto", "cpu" or "cuda". Raises SettingsError without CUDA."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "No CUDA device is usable here: choose --device cpu or install the driver and the [cuda] extra."
        )
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted

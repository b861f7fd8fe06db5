"""Which device draws, and what it is called."""

from __future__ import annotations

import logging
from functools import cache

import torch

from streamer.errors import SettingsError
from streamer.runtime.cpu import processor_name

_log = logging.getLogger(__name__)


def choose_device(wanted: str) -> str:
    """The torch device name for a `--device` flag: "auto", "cpu" or "cuda", which auto takes where it is usable.

    Raises SettingsError for "cuda" where it is not.
    """
    if wanted == "cpu":
        return "cpu"
    problem = cuda_problem()
    if problem is None:
        return "cuda"
    if wanted == "cuda":
        raise SettingsError(f"--device cuda finds no usable GPU ({problem}): mend that, or choose --device cpu.")
    if torch.cuda.is_available():
        _log.warning("The GPU cannot be used (%s), and the processor draws.", problem)
    return "cpu"


def cuda_problem() -> str | None:
    """Why no GPU can be used; None if one can: it has computed a sum."""
    if torch.version.cuda is None and torch.version.hip is None:
        return "this PyTorch was built without CUDA"
    if not torch.cuda.is_available():
        return "PyTorch sees no NVIDIA GPU with a driver that is new enough"
    try:
        if torch.ones(2, device="cuda").sum().item() == 2:
            return None
    except RuntimeError as error:
        return str(error).strip().partition("\n")[0].rstrip(".:")
    return "it computes wrong sums"


@cache
def device_name(device: torch.device) -> str:
    """What people call a device: the model of the GPU, or of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()

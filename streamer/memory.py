"""How much memory the server holds."""

from __future__ import annotations

import psutil
import torch


def memory_bytes() -> dict[str, int]:
    """Bytes by kind. `rss`: this process's resident set. `cuda_reserved`, only where CUDA is in use: what torch holds
    of the current GPU's memory, its own reserve included, the driver's context and other libraries not.
    """
    held = {"rss": psutil.Process().memory_info().rss}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        held["cuda_reserved"] = torch.cuda.memory_reserved()
    return held

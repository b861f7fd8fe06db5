"""In which numbers the network computes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from streamer.options import Precision


def best_precision(device: torch.device) -> Precision:
    """bfloat16 where CUDA has it in hardware (capability 8 and above), else float32."""
    able = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    return "bfloat16" if able else "float32"


def dtype_of(precision: Precision) -> torch.dtype:
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]


def computing_in(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Products and convolutions inside are done in that precision, what must be exact (norms, softmax) in float32."""
    if precision == "float32":
        return nullcontext()
    # No cache of casts: `lighten` has cast the weights for good, and a CUDA graph must not record a cast that is kept.
    return torch.autocast(device.type, dtype_of(precision), cache_enabled=False)


def lighten(network: nn.Module, precision: Precision) -> None:
    """Keep the weights of products and convolutions in the precision they are used in, instead of casting them for
    every frame. In place.
    """
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.to(dtype_of(precision))


def be_exact() -> None:
    """Float32 on CUDA means float32, for the whole process: no TF32, whose 10 bits would move landmarks by a tenth of
    a pixel. Where that is fast enough bfloat16 is faster.
    """
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]

"""The floating-point precision of the network."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from streamer.options import Precision


def best_precision(device: torch.device) -> Precision:
    """bfloat16 on CUDA devices that have it in hardware (compute capability 8.0 and above), else float32."""
    has_bfloat16 = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    return "bfloat16" if has_bfloat16 else "float32"


def dtype_of(precision: Precision) -> torch.dtype:
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]


def autocast_to(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Autocast for matrix products and convolutions; norms and softmax stay in float32."""
    if precision == "float32":
        return nullcontext()
    # No cache of casts: `cast_weights` has cast the weights already, and a CUDA graph must not record a cached cast.
    return torch.autocast(device.type, dtype_of(precision), cache_enabled=False)


def cast_weights(network: nn.Module, precision: Precision) -> None:
    """Cast the weights of linear layers and convolutions in place, so that autocast need not do it for every frame."""
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.to(dtype_of(precision))


def disable_tf32() -> None:
    """Make float32 on CUDA exact for the whole process: the 10-bit mantissa of TF32 would move landmarks by a tenth of
    a pixel. Where float32 is too slow, bfloat16 is the choice.
    """
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]

"""What stands between a block's products: adaLN's norm and modulate, gate and add (Peebles & Xie 2023), layer norm.

In plain torch each is several passes over the tokens; here one, and an addition and the norm after it are one together.
The MLP's bias and GELU are no kernel: cuBLAS adds the bias within the product, so one that adds it here would move as
many bytes as torch's own GELU does.

A `scale` is either (B, 1, C), of adaLN, which multiplies by 1 + scale, or (C,), a layer norm's own weights; its shift
has the same shape. What is normed comes in x's dtype, or under autocast, where a product comes next, in the product's.
All raise what `kernels.backend.choose` and `launching` raise.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from kernels.backend import choose

LAYER_EPSILON = 1e-5  # of the layer norm


def norm_modulate(x: Tensor, scale: Tensor, shift: Tensor, backend: str = "auto") -> Tensor:
    """Layer norm (Ba et al. 2016) of x (B, N, C) over C, times scale, plus shift: (B, N, C)."""
    if choose(backend, x, scale, shift) == "triton":
        from kernels.modulate_triton import norm_modulate as launch  # noqa: PLC0415  (triton is optional)

        return launch(x, scale, shift)
    if scale.dim() == 1:
        return F.layer_norm(x, x.shape[-1:], scale, shift, LAYER_EPSILON)
    return F.layer_norm(x, x.shape[-1:], eps=LAYER_EPSILON) * (1 + scale) + shift


def gate_add(x: Tensor, branch: Tensor, gate: Tensor | None, backend: str = "auto") -> Tensor:
    """x + gate · branch in x's dtype. x, branch: (B, N, C), perhaps of different dtypes; gate: (B, 1, C), None = 1."""
    gates = () if gate is None else (gate,)
    if choose(backend, x, branch, *gates) == "triton":
        from kernels.modulate_triton import gate_add as launch  # noqa: PLC0415

        return launch(x, branch, gate)
    return x + branch if gate is None else x + gate * branch


def add_norm(
    x: Tensor, branch: Tensor, gate: Tensor | None, scale: Tensor, shift: Tensor, backend: str = "auto"
) -> tuple[Tensor, Tensor]:
    """`gate_add`, and `norm_modulate` of its result."""
    gates = () if gate is None else (gate,)
    if choose(backend, x, branch, scale, shift, *gates) == "triton":
        from kernels.modulate_triton import add_norm as launch  # noqa: PLC0415

        return launch(x, branch, gate, scale, shift)
    x = gate_add(x, branch, gate, "reference")
    return x, norm_modulate(x, scale, shift, "reference")

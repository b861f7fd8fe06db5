"""What adaLN (Peebles & Xie 2023) does around attention and MLP: norm and modulate before, gate and add after.

In plain torch these are six passes over the tokens; here two, `norm_modulate` and `gate_add`. The MLP's bias and GELU
are no kernel: cuBLAS adds the bias within the product, so one that adds it here would move as many bytes as torch's own
GELU does.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from kernels.backend import choose

LAYER_EPSILON = 1e-5  # of the layer norm


def norm_modulate(x: Tensor, scale: Tensor, shift: Tensor, backend: str = "auto") -> Tensor:
    """Layer norm (Ba et al. 2016) over C without weights, times 1 + scale, plus shift.

    x: (B, N, C). scale, shift: (B, 1, C). Returns (B, N, C); in x's dtype, or under autocast, where a product comes
    next, already in the product's. Raises what `kernels.backend.choose` and `launching` raise.
    """
    if choose(backend, x, scale, shift) == "triton":
        from kernels.modulate_triton import norm_modulate as launch  # noqa: PLC0415  (triton is optional)

        return launch(x, scale, shift)
    return F.layer_norm(x, x.shape[-1:], eps=LAYER_EPSILON) * (1 + scale) + shift


def gate_add(x: Tensor, gate: Tensor, branch: Tensor, backend: str = "auto") -> Tensor:
    """x + gate · branch. x, branch: (B, N, C), perhaps of different dtypes; gate: (B, 1, C). Returns (B, N, C), x's
    dtype. Raises what `kernels.backend.choose` and `launching` raise.
    """
    if choose(backend, x, gate, branch) == "triton":
        from kernels.modulate_triton import gate_add as launch  # noqa: PLC0415

        return launch(x, gate, branch)
    return x + gate * branch

"""The element-wise operations between a transformer block's matrix products: layer norm, adaLN's modulation, and the
gated residual addition (Peebles & Xie 2023).

In plain torch each is several passes over the tokens; the Triton kernel does each in one, and an addition and the norm
after it in one together. The MLP's bias and GELU have no kernel: cuBLAS adds the bias within the product, so a kernel
for them would move as many bytes as torch's own GELU does.

A `scale` is either (B, 1, C), of adaLN, which multiplies by 1 + scale, or (C,), the weight of a layer norm; its shift
has the same shape. A normed result has x's dtype, or under autocast the dtype of the matrix product that follows it.
All functions raise what `kernels.backend.choose` and `launching` raise.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.modulate import reference

__all__ = ["add_norm", "gate_add", "norm_modulate"]


def norm_modulate(x: Tensor, scale: Tensor, shift: Tensor, backend: str = "auto") -> Tensor:
    """Layer norm (Ba et al. 2016) of x (B, N, C) over C, times scale, plus shift: (B, N, C)."""
    if choose(backend, x, scale, shift) == "triton":
        from kernels.modulate import triton_kernel  # noqa: PLC0415  (triton is optional)

        return triton_kernel.norm_modulate(x, scale, shift)
    return reference.norm_modulate(x, scale, shift)


def gate_add(x: Tensor, branch: Tensor, gate: Tensor | None, backend: str = "auto") -> Tensor:
    """x + gate · branch in x's dtype. x, branch: (B, N, C), perhaps of different dtypes; gate: (B, 1, C), None = 1."""
    gates = () if gate is None else (gate,)
    if choose(backend, x, branch, *gates) == "triton":
        from kernels.modulate import triton_kernel  # noqa: PLC0415  (triton is optional)

        return triton_kernel.gate_add(x, branch, gate)
    return reference.gate_add(x, branch, gate)


def add_norm(
    x: Tensor, branch: Tensor, gate: Tensor | None, scale: Tensor, shift: Tensor, backend: str = "auto"
) -> tuple[Tensor, Tensor]:
    """`gate_add`, and `norm_modulate` of its result: (B, N, C) each."""
    gates = () if gate is None else (gate,)
    if choose(backend, x, branch, scale, shift, *gates) == "triton":
        from kernels.modulate import triton_kernel  # noqa: PLC0415  (triton is optional)

        return triton_kernel.add_norm(x, branch, gate, scale, shift)
    return reference.add_norm(x, branch, gate, scale, shift)

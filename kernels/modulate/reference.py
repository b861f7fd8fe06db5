"""`norm_modulate`, `gate_add` and `add_norm` in torch: the specification and the CPU backend."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

LAYER_NORM_EPSILON = 1e-5


def norm_modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """See `kernels.modulate.norm_modulate`."""
    if scale.dim() == 1:
        return F.layer_norm(x, x.shape[-1:], scale, shift, LAYER_NORM_EPSILON)
    return F.layer_norm(x, x.shape[-1:], eps=LAYER_NORM_EPSILON) * (1 + scale) + shift


def gate_add(x: Tensor, branch: Tensor, gate: Tensor | None) -> Tensor:
    """See `kernels.modulate.gate_add`."""
    return x + branch if gate is None else x + gate * branch


def add_norm(x: Tensor, branch: Tensor, gate: Tensor | None, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """See `kernels.modulate.add_norm`."""
    added = gate_add(x, branch, gate)
    return added, norm_modulate(added, scale, shift)

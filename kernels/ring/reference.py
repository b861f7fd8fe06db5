"""`ring_attention` and `store_kv` in torch: the specification, and the backend for a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.attention import Rope, attend, head_norm
from kernels.ring.state import RingState
from kernels.ring.storage import byte_view, dequantise, quantise


def ring_attention(
    query: Tensor, keys: Tensor, values: Tensor, state: RingState, rope: Rope, keyed: int, references: int,
    norm: Tensor | None, scale: Tensor | None,
) -> Tensor:  # fmt: skip
    """See `kernels.ring.ring_attention`."""
    slots = keys.shape[2] // query.shape[2]
    position, is_occupied = state.slots(references, slots - references - 1)
    if norm is not None:
        query = head_norm(query, norm).to(query.dtype)
    key_scale, value_scale = (None, None) if scale is None else (scale[0], scale[1])
    k = dequantise(keys, key_scale, state.lane).to(query.dtype)
    v = dequantise(values, value_scale, state.lane).to(query.dtype)
    return attend(query, k, v, position, is_occupied, rope, keyed, references)


def store_kv(
    key: Tensor, value: Tensor, keys: Tensor, values: Tensor, state: RingState, references: int,
    norm: Tensor | None, scale: Tensor | None,
) -> None:  # fmt: skip
    """See `kernels.ring.store_kv`."""
    if norm is not None:
        key = head_norm(key, norm)
    tokens = key.shape[2]
    lane = state.lane[:, None]  # (B, 1)
    rows = (references + state.cursor[lane]) * tokens + torch.arange(tokens, device=lane.device)  # (B, N)
    for part, (buffer, new) in enumerate(((keys, key), (values, value))):
        stored = quantise(new, buffer.dtype, None if scale is None else scale[part, state.lane])
        byte_view(buffer)[lane, :, rows] = byte_view(stored).transpose(1, 2)

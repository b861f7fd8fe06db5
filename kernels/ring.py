"""The current frame's attention over the streaming cache, and the write into it.

The cache is one buffer of rows, one row for each lane (stream): S slots of N tokens, R pinned reference slots first,
then the ring of W past frames and the current one. Reference keys are turned (RoPE) when they are pinned; the ring's
keys lie as they were projected and are turned by their slot's age at use. Which slots hold something, how old they are
and which lane each batch entry uses is read from tensors on the device, so streams in different states share a launch,
and a CUDA graph of it stays valid. The torch functions here are the specification and the CPU path.

The cache may be stored in float32, float16, bfloat16, or float8 (e4m3) times a scale for each lane and head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.attention import FP8_LARGEST, Rope, attend, head_norm
from kernels.backend import choose

FLOAT8 = torch.float8_e4m3fn


@dataclass(frozen=True, slots=True)
class Ring:
    """Where B batch entries stand in the cache; all int64, on the cache's device.

    lane: (B,) row of the cache that each entry uses. cursor: (lanes,) slot among W + 1 that the current frame writes.
    filled: (lanes,) past frames held, 0..W. pinned: (lanes,) reference slots in use, 0..R.
    """

    lane: Tensor
    cursor: Tensor
    filled: Tensor
    pinned: Tensor

    def slots(self, references: int, ring: int) -> tuple[Tensor, Tensor]:
        """(B, S) position of each slot (0 = current or reference, negative = past), and whether it holds anything."""
        lane = self.lane[:, None]  # (B, 1)
        age = (self.cursor[lane] - torch.arange(ring + 1, device=lane.device)) % (ring + 1)  # (B, W + 1)
        held = torch.arange(references, device=lane.device) < self.pinned[lane]  # (B, R)
        position = torch.cat([torch.zeros_like(held, dtype=torch.float32), -age.float()], 1)
        return position, torch.cat([held, age <= self.filled[lane]], 1)


def ring_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    ring: Ring,
    rope: Rope,
    keyed: int,
    references: int,
    norm: Tensor | None = None,
    scale: Tensor | None = None,
    backend: str = "auto",
) -> Tensor:
    """softmax(q·k/√D)·v of the current frame over the live slots of its lane, itself included (`store` comes first).

    query: (B, H, N, D) of the current frame, before RoPE, any strides. keys, values: (lanes, H, S·N, D), contiguous,
    S = references + W + 1. keyed: the last `keyed` heads take no RoPE. norm: (D,) weight of the query's `head_norm`,
    None = it is normed. scale: (2, lanes, H) float32, what float8 keys and values are multiplied with.
    Returns (B, H, N, D) in the query's dtype. Raises what `kernels.backend.choose` and `launching` raise.
    """
    tensors = (query, keys, values) if norm is None else (query, keys, values, norm)
    if choose(backend, *tensors) == "triton":
        from kernels.ring_triton import attend_ring  # noqa: PLC0415  (triton is optional)

        state = (ring.lane, ring.cursor, ring.filled, ring.pinned)
        return attend_ring(query, keys, values, *state, rope, keyed, references, norm, scale)
    slots = keys.shape[2] // query.shape[2]
    position, live = ring.slots(references, slots - references - 1)
    if norm is not None:
        query = head_norm(query, norm).to(query.dtype)
    scales = (None, None) if scale is None else (scale[0], scale[1])
    k, v = (loaded(*each, ring.lane).to(query.dtype) for each in zip((keys, values), scales, strict=True))
    return attend(query, k, v, position, live, rope, keyed, references)


def store(
    key: Tensor,
    value: Tensor,
    keys: Tensor,
    values: Tensor,
    ring: Ring,
    references: int,
    norm: Tensor | None = None,
    scale: Tensor | None = None,
    backend: str = "auto",
) -> None:
    """Write the current frame's K and V into its lane's current slot, in place.

    key, value: (B, H, N, D), any strides: a view of a projection's output (B, N, H·D) will do. keys, values:
    (lanes, H, S·N, D), contiguous. norm: (D,) weight of the key's `head_norm`, None = it is normed. scale: as in
    `ring_attention`; what is larger than float8 holds is cut. Of entries that share a lane one
    is kept.
    """
    tensors = (key, value, keys) if norm is None else (key, value, keys, norm)
    if choose(backend, *tensors) == "triton":
        from kernels.ring_triton import store_ring  # noqa: PLC0415

        return store_ring(key, value, keys, values, ring.lane, ring.cursor, references, norm, scale)
    if norm is not None:
        key = head_norm(key, norm)
    tokens = key.shape[2]
    lane = ring.lane[:, None]  # (B, 1)
    place = (references + ring.cursor[lane]) * tokens + torch.arange(tokens, device=lane.device)  # (B, N)
    for part, (buffer, new) in enumerate(((keys, key), (values, value))):
        bits = stored(new, buffer.dtype, None if scale is None else scale[part, ring.lane])
        writable(buffer)[lane, :, place] = writable(bits).transpose(1, 2)
    return None


def loaded(buffer: Tensor, scale: Tensor | None, lane: Tensor) -> Tensor:
    """Rows (B, H, ·, D) of a cache's keys or values as numbers. scale: (lanes, H) of float8."""
    if scale is None:
        return buffer[lane]
    return writable(buffer)[lane].view(FLOAT8).float() * scale[lane, :, None, None]


def stored(new: Tensor, dtype: torch.dtype, scale: Tensor | None = None) -> Tensor:
    """Keys or values (..., H, ·, D) as a cache holds them. scale: (..., H) of float8; what is too large is cut."""
    if scale is None:
        return new.to(dtype)
    return (new.float() / scale[..., None, None]).clamp(-FP8_LARGEST, FP8_LARGEST).to(dtype)


def writable(buffer: Tensor) -> Tensor:
    """A view that torch can index: it cannot index float8."""
    return buffer.view(torch.uint8) if buffer.dtype == FLOAT8 else buffer

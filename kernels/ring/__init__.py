"""The current frame's attention over the streaming KV cache, and the write of its K and V into the cache.

The cache is one buffer with a row for each lane (stream): S slots of N tokens, R pinned reference slots first, then the
ring of W past frames and the current one. Reference keys have RoPE applied when they are pinned; the ring's keys are
stored before RoPE and are rotated to their slot's age whenever they are read. Which slots are occupied, how old they
are and which lane each batch entry uses is read from tensors on the device, so that streams in different states share a
launch, and a CUDA graph of it stays valid.

The cache may be stored in float32, float16, bfloat16, or in float8 (e4m3) times a scale for each lane and head.
"""

from __future__ import annotations

from torch import Tensor

from kernels.attention import Rope
from kernels.backend import choose
from kernels.ring import reference
from kernels.ring.state import RingState
from kernels.ring.storage import FLOAT8, FLOAT8_MAX, byte_view, dequantise, quantise

__all__ = ["FLOAT8", "FLOAT8_MAX", "RingState", "byte_view", "dequantise", "quantise", "ring_attention", "store_kv"]


def ring_attention(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    state: RingState,
    rope: Rope,
    keyed: int,
    references: int,
    norm: Tensor | None = None,
    scale: Tensor | None = None,
    backend: str = "auto",
) -> Tensor:
    """softmax(q·k/√D)·v of the current frame over the occupied slots of its lane, its own included, which `store_kv`
    has written before.

    query: (B, H, N, D) of the current frame, before RoPE, any strides.
    keys, values: (lanes, H, S·N, D), contiguous, S = references + W + 1.
    keyed: the last `keyed` heads have no RoPE.
    references: R, the number of reference slots.
    norm: (D,) weight of the query's `head_norm`; None: the query is normed already.
    scale: (2, lanes, H) float32 factors of float8 keys and values; None for the other dtypes.
    backend: see `kernels.backend`.

    Returns (B, H, N, D) in the query's dtype. Raises what `kernels.backend.choose` and `launching` raise.
    """
    tensors = (query, keys, values) if norm is None else (query, keys, values, norm)
    if choose(backend, *tensors) == "triton":
        from kernels.ring import triton_kernel  # noqa: PLC0415  (triton is optional)

        return triton_kernel.ring_attention(query, keys, values, state, rope, keyed, references, norm, scale)
    return reference.ring_attention(query, keys, values, state, rope, keyed, references, norm, scale)


def store_kv(
    key: Tensor,
    value: Tensor,
    keys: Tensor,
    values: Tensor,
    state: RingState,
    references: int,
    norm: Tensor | None = None,
    scale: Tensor | None = None,
    backend: str = "auto",
) -> None:
    """Write the current frame's K and V into the current slot of its lane, in place.

    key, value: (B, H, N, D), any strides, such as a view of a projection's output (B, N, H·D).
    keys, values: (lanes, H, S·N, D), contiguous.
    norm: (D,) weight of the key's `head_norm`; None: the key is normed already.
    references, scale, backend: as in `ring_attention`; values beyond the range of float8 are clamped.

    Of batch entries that share a lane one is stored, and which one is undefined. Raises what `kernels.backend.choose`
    and `launching` raise.
    """
    tensors = (key, value, keys) if norm is None else (key, value, keys, norm)
    if choose(backend, *tensors) == "triton":
        from kernels.ring import triton_kernel  # noqa: PLC0415  (triton is optional)

        triton_kernel.store_kv(key, value, keys, values, state, references, norm, scale)
    else:
        reference.store_kv(key, value, keys, values, state, references, norm, scale)

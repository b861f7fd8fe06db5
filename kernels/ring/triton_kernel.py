"""`ring_attention` and `store_kv` in Triton; imported only where Triton runs.

Both kernels read lane, cursor, filled and pinned on the device. Attention is flash attention (Dao et al. 2022): one
program holds a block of queries and iterates over the keys of the occupied slots alone, with an online softmax. RoPE is
applied to queries and keys in registers; an angle is that of a slot (time) or of a token (space), so the outer loop
goes over tokens and the inner one over ages, and a token's cosine and sine are loaded once for all ages.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.attention import MAX_AGES, NORM_EPSILON, Rope
from kernels.backend import launching
from kernels.ring.state import RingState
from kernels.ring.storage import FLOAT8_MAX

_EPSILON = tl.constexpr(NORM_EPSILON)
_FLOAT8_MAX = tl.constexpr(FLOAT8_MAX)
_TRITON_DTYPE = {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}
_MIN_PROGRAMS = 100  # fewer leave most of a device idle, so blocks of queries are halved until there are as many


@triton.jit
def _load_tile(base_ptr, row, stride, column, row_mask, column_mask, other: tl.constexpr):  # type: ignore[no-untyped-def]
    mask = row_mask[:, None] & column_mask[None, :]
    return tl.load(base_ptr + row[:, None] * stride + column[None, :], mask=mask, other=other)


@triton.jit
def _load_query(  # type: ignore[no-untyped-def]
    query_ptr, norm_ptr, space_ptr, row, is_row, pair, in_space, stride, tokens,
    WIDTH: tl.constexpr, TIME_PAIRS: tl.constexpr, NORMED: tl.constexpr, DOT: tl.constexpr,
):  # fmt: skip
    """Both halves of a block of queries, normed and rotated to age 0, in the dtype of the products' operands."""
    half: tl.constexpr = WIDTH // 2
    space_pairs: tl.constexpr = half - TIME_PAIRS
    is_pair = pair < half
    a = _load_tile(query_ptr, row, stride, pair, is_row, is_pair, 0.0).to(tl.float32)
    b = _load_tile(query_ptr + half, row, stride, pair, is_row, is_pair, 0.0).to(tl.float32)
    if NORMED:
        factor = tl.rsqrt((tl.sum(a * a, 1) + tl.sum(b * b, 1)) / WIDTH + _EPSILON)[:, None]
        a = a * factor * tl.load(norm_ptr + pair, mask=is_pair, other=0.0).to(tl.float32)[None, :]
        b = b * factor * tl.load(norm_ptr + half + pair, mask=is_pair, other=0.0).to(tl.float32)[None, :]
    cos = _load_tile(space_ptr - TIME_PAIRS, row, space_pairs, pair, is_row, in_space, 1.0)
    sin = _load_tile(space_ptr - TIME_PAIRS + tokens * space_pairs, row, space_pairs, pair, is_row, in_space, 0.0)
    return (a * cos - b * sin).to(DOT), (a * sin + b * cos).to(DOT)


@triton.jit
def _online_softmax(  # type: ignore[no-untyped-def]
    q1, q2, k1, k2, v, is_key, softmax_scale, row_max, row_sum, acc, DOT: tl.constexpr, PRECISION: tl.constexpr
):
    """Add one block of keys and values to the running softmax; returns its new row_max, row_sum and acc."""
    scores = tl.dot(q1, tl.trans(k1.to(DOT)), input_precision=PRECISION)
    scores = tl.dot(q2, tl.trans(k2.to(DOT)), scores, input_precision=PRECISION)
    scores = tl.where(is_key[None, :], scores * softmax_scale, float("-inf"))
    new_max = tl.maximum(row_max, tl.max(scores, 1))
    rescale = tl.exp2(row_max - new_max)
    weight = tl.exp2(scores - new_max[:, None])
    acc = tl.dot(weight.to(DOT), v.to(DOT), acc * rescale[:, None], input_precision=PRECISION)
    return new_max, row_sum * rescale + tl.sum(weight, 1), acc


@triton.jit
def _attention_kernel(  # type: ignore[no-untyped-def]
    query_ptr, keys_ptr, values_ptr, out_ptr, lane_ptr, cursor_ptr, filled_ptr, pinned_ptr, norm_ptr, scale_ptr,
    space_ptr, time_ptr,
    query_batch, query_head, query_token, out_batch, out_head, out_token,
    tokens, slots, references, heads, rope_heads, lanes, softmax_scale,
    WIDTH: tl.constexpr, TIME_PAIRS: tl.constexpr, AGES: tl.constexpr, PADDED_HALF: tl.constexpr,
    PADDED_WIDTH: tl.constexpr, NORMED: tl.constexpr, SCALED: tl.constexpr, DOT: tl.constexpr, PRECISION: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """QUERIES, KEYS: rows of a block. TIME_PAIRS: the first pairs of a head, which rotate with time; the others rotate
    with space. query_*, out_*: strides.
    """
    head, entry = tl.program_id(1), tl.program_id(2).to(tl.int64)
    lane = tl.load(lane_ptr + entry)  # int64: a cache may hold more than 2³¹ numbers
    cursor, filled, pinned = tl.load(cursor_ptr + lane), tl.load(filled_ptr + lane), tl.load(pinned_ptr + lane)
    cursor, filled, pinned = cursor.to(tl.int32), filled.to(tl.int32), pinned.to(tl.int32)
    half: tl.constexpr = WIDTH // 2
    space_pairs: tl.constexpr = half - TIME_PAIRS
    pair, column = tl.arange(0, PADDED_HALF), tl.arange(0, PADDED_WIDTH)
    is_pair, is_column = pair < half, column < WIDTH
    in_time = (pair < TIME_PAIRS) & (head < rope_heads)
    in_space = is_pair & (pair >= TIME_PAIRS) & (head < rope_heads)
    ring_slots = slots - references

    row = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)
    is_row = row < tokens
    query_ptr += entry * query_batch + head * query_head
    q1, q2 = _load_query(
        query_ptr, norm_ptr, space_ptr, row, is_row, pair, in_space, query_token, tokens, WIDTH, TIME_PAIRS, NORMED, DOT
    )

    row_max = tl.full((QUERIES,), float("-inf"), tl.float32)
    row_sum = tl.zeros((QUERIES,), tl.float32)
    acc = tl.zeros((QUERIES, PADDED_WIDTH), tl.float32)
    offset = (lane * heads + head) * slots * tokens * WIDTH
    keys_ptr, values_ptr = keys_ptr + offset, values_ptr + offset
    cos_ptr, sin_ptr = space_ptr - TIME_PAIRS, space_ptr - TIME_PAIRS + tokens * space_pairs
    if SCALED:
        softmax_scale *= tl.load(scale_ptr + lane * heads + head)

    for first in range(0, pinned * tokens, KEYS):  # references: contiguous, with RoPE applied already
        place = first + tl.arange(0, KEYS)
        is_key = place < pinned * tokens
        k1 = _load_tile(keys_ptr, place, WIDTH, pair, is_key, is_pair, 0.0)
        k2 = _load_tile(keys_ptr + half, place, WIDTH, pair, is_key, is_pair, 0.0)
        v = _load_tile(values_ptr, place, WIDTH, column, is_key, is_column, 0.0)
        row_max, row_sum, acc = _online_softmax(
            q1, q2, k1, k2, v, is_key, softmax_scale, row_max, row_sum, acc, DOT, PRECISION
        )

    for first in range(0, tokens, KEYS):
        token = first + tl.arange(0, KEYS)
        is_token = token < tokens
        space_cos = _load_tile(cos_ptr, token, space_pairs, pair, is_token, in_space, 1.0)
        space_sin = _load_tile(sin_ptr, token, space_pairs, pair, is_token, in_space, 0.0)
        for age in range(0, filled + 1):
            time_cos = tl.load(time_ptr + age * TIME_PAIRS + pair, mask=in_time, other=1.0)
            time_sin = tl.load(time_ptr + (AGES + age) * TIME_PAIRS + pair, mask=in_time, other=0.0)
            cos = tl.where(in_time[None, :], time_cos[None, :], space_cos)
            sin = tl.where(in_time[None, :], -time_sin[None, :], space_sin)  # past frames have position −age
            slot = references + (cursor - age + ring_slots) % ring_slots
            place = slot * tokens + token
            a = _load_tile(keys_ptr, place, WIDTH, pair, is_token, is_pair, 0.0).to(tl.float32)
            b = _load_tile(keys_ptr + half, place, WIDTH, pair, is_token, is_pair, 0.0).to(tl.float32)
            v = _load_tile(values_ptr, place, WIDTH, column, is_token, is_column, 0.0)
            k1, k2 = a * cos - b * sin, a * sin + b * cos
            row_max, row_sum, acc = _online_softmax(
                q1, q2, k1, k2, v, is_token, softmax_scale, row_max, row_sum, acc, DOT, PRECISION
            )

    acc = acc / row_sum[:, None]
    if SCALED:
        acc *= tl.load(scale_ptr + (lanes + lane) * heads + head)
    out_ptr += entry * out_batch + head * out_head + row[:, None] * out_token + column[None, :]
    tl.store(out_ptr, acc.to(out_ptr.dtype.element_ty), mask=is_row[:, None] & is_column[None, :])


@triton.jit
def _store_kernel(  # type: ignore[no-untyped-def]
    key_ptr, value_ptr, keys_ptr, values_ptr, lane_ptr, cursor_ptr, norm_ptr, scale_ptr,
    key_batch, key_head, key_token, value_batch, value_head, value_token,
    tokens, slots, references, heads, lanes,
    WIDTH: tl.constexpr, PADDED_WIDTH: tl.constexpr, NORMED: tl.constexpr, SCALED: tl.constexpr, TOKENS: tl.constexpr,
):  # fmt: skip
    """TOKENS: rows of a block. key_*, value_*: strides."""
    head, entry = tl.program_id(1), tl.program_id(2).to(tl.int64)
    lane = tl.load(lane_ptr + entry)
    cursor = tl.load(cursor_ptr + lane)
    token, column = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS), tl.arange(0, PADDED_WIDTH)
    is_token, is_column = token < tokens, column < WIDTH
    key_ptr += entry * key_batch + head * key_head
    value_ptr += entry * value_batch + head * value_head
    k = _load_tile(key_ptr, token, key_token, column, is_token, is_column, 0.0).to(tl.float32)
    v = _load_tile(value_ptr, token, value_token, column, is_token, is_column, 0.0).to(tl.float32)
    if NORMED:
        weight = tl.load(norm_ptr + column, mask=is_column, other=0.0).to(tl.float32)
        k = k * tl.rsqrt(tl.sum(k * k, 1) / WIDTH + _EPSILON)[:, None] * weight[None, :]
    if SCALED:  # clamped, since float8 e4m3 has no infinity
        k = k / tl.load(scale_ptr + lane * heads + head)
        v = v / tl.load(scale_ptr + (lanes + lane) * heads + head)
        k = tl.minimum(tl.maximum(k, -_FLOAT8_MAX), _FLOAT8_MAX)
        v = tl.minimum(tl.maximum(v, -_FLOAT8_MAX), _FLOAT8_MAX)
    slot = (lane * heads + head) * slots + references + cursor
    place = (slot * tokens + token[:, None]) * WIDTH + column[None, :]
    mask = is_token[:, None] & is_column[None, :]
    tl.store(keys_ptr + place, k.to(keys_ptr.dtype.element_ty), mask=mask)
    tl.store(values_ptr + place, v.to(values_ptr.dtype.element_ty), mask=mask)


def ring_attention(
    query: Tensor, keys: Tensor, values: Tensor, state: RingState, rope: Rope, keyed: int, references: int,
    norm: Tensor | None, scale: Tensor | None,
) -> Tensor:  # fmt: skip
    """See `kernels.ring.ring_attention`."""
    batch, heads, tokens, width = query.shape
    slots = _check_cache(query, keys, values, norm, scale)
    space, time = rope.tables
    time_pairs = rope.time.numel()
    assert slots - references <= MAX_AGES, f"a ring of {slots - references} slots, at most {MAX_AGES}"
    assert space.shape == (2, tokens, width // 2 - time_pairs), f"angles {tuple(space.shape)} for {tokens} tokens"
    assert space.is_contiguous() and time.is_contiguous() and space.device == query.device
    _check_state(state, batch)
    if query.stride(3) != 1:
        query = query.contiguous()
    out = query.new_empty(batch, tokens, heads, width).transpose(1, 2)  # the layout that the next projection takes
    dot = _dot_dtype(query.dtype, keys.dtype)
    queries, block = _blocks(tokens, batch * heads, dot, query.device)
    grid = (triton.cdiv(tokens, queries), heads, batch)
    with launching("ring attention", query.device):
        _attention_kernel[grid](
            query, keys, values, out, state.lane, state.cursor, state.filled, state.pinned, norm, scale, space, time,
            *query.stride()[:3], *out.stride()[:3],
            tokens, slots, references, heads, heads - keyed, len(state.cursor), math.log2(math.e) / width**0.5,
            WIDTH=width, TIME_PAIRS=time_pairs, AGES=MAX_AGES, PADDED_HALF=_padded(width // 2),
            PADDED_WIDTH=_padded(width), NORMED=norm is not None,
            SCALED=scale is not None, DOT=dot, PRECISION=_precision(),
            QUERIES=queries, KEYS=block, num_warps=8 if queries > 64 else 4, num_stages=2,
        )  # fmt: skip
    return out


def store_kv(
    key: Tensor, value: Tensor, keys: Tensor, values: Tensor, state: RingState, references: int,
    norm: Tensor | None, scale: Tensor | None,
) -> None:  # fmt: skip
    """See `kernels.ring.store_kv`."""
    batch, heads, tokens, width = key.shape
    slots = _check_cache(key, keys, values, norm, scale)
    assert value.shape == key.shape, f"values {tuple(value.shape)} of keys {tuple(key.shape)}"
    _check_state(state, batch)
    key, value = (each if each.stride(3) == 1 else each.contiguous() for each in (key, value))
    block = min(32, _padded(tokens))
    with launching("ring store", key.device):
        _store_kernel[triton.cdiv(tokens, block), heads, batch](
            key, value, keys, values, state.lane, state.cursor, norm, scale, *key.stride()[:3], *value.stride()[:3],
            tokens, slots, references, heads, len(state.cursor),
            WIDTH=width, PADDED_WIDTH=_padded(width), NORMED=norm is not None, SCALED=scale is not None, TOKENS=block,
        )  # fmt: skip


def _check_state(state: RingState, batch: int) -> None:
    """Assert that the state is one of `batch` entries, in contiguous int64 tensors."""
    parts = (state.lane, state.cursor, state.filled, state.pinned)
    assert all(part.is_contiguous() and part.dtype == torch.int64 for part in parts), "the state must be int64"
    assert len(state.lane) == batch, f"{len(state.lane)} lanes for {batch} entries"
    assert len(state.cursor) == len(state.filled) == len(state.pinned)


def _check_cache(frame: Tensor, keys: Tensor, values: Tensor, norm: Tensor | None, scale: Tensor | None) -> int:
    """Assert that the cache, norm and scale fit a frame's K, V or queries (B, H, N, D); returns the cache's slots."""
    _, heads, tokens, width = frame.shape
    lanes = keys.shape[0]
    slots, remainder = divmod(keys.shape[2], tokens)
    assert keys.shape == (lanes, heads, slots * tokens, width) and not remainder, (
        f"{keys.shape} for frames {frame.shape}"
    )
    assert values.shape == keys.shape and values.dtype == keys.dtype and width % 8 == 0
    assert keys.is_contiguous() and values.is_contiguous()
    assert norm is None or (norm.shape == (width,) and norm.is_contiguous())
    assert (scale is None) == (keys.dtype in _TRITON_DTYPE), f"{keys.dtype} and {'no ' if scale is None else ''}scale"
    assert scale is None or (scale.shape == (2, lanes, heads) and scale.is_contiguous())
    return slots


def _padded(size: int) -> int:
    """Side of a block: a power of two, and at least the 16 that a tensor core takes."""
    return max(16, triton.next_power_of_2(size))


def _blocks(tokens: int, pairs: int, dot: tl.dtype, device: torch.device) -> tuple[int, int]:
    """Queries and keys of a block. pairs: batch entries times heads.

    As many queries as registers hold, because a key is rotated once for each block of queries, but fewer where that
    would leave most of a device idle.
    """
    no_tensor_cores = dot == tl.float32 or (device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0))
    most, keys = (32, 32) if no_tensor_cores else (128, 64)  # without tensor cores the sums take registers
    queries = min(most, _padded(tokens))
    while queries > 16 and pairs * triton.cdiv(tokens, queries) < _MIN_PROGRAMS:
        queries //= 2
    return queries, min(keys, _padded(tokens))


def _dot_dtype(query: torch.dtype, stored: torch.dtype) -> tl.dtype:
    """The dtype of the matrix products' operands: that of the cache; for float8 the query's, or float16 where that is
    float32.
    """
    dtype = _TRITON_DTYPE.get(stored) or (tl.float16 if query == torch.float32 else _TRITON_DTYPE[query])
    # The interpreter multiplies the bits of bfloat16 as if they were integers.
    return tl.float32 if triton.knobs.runtime.interpret and dtype == tl.bfloat16 else dtype


def _precision() -> str:
    """The precision of float32 products, as torch is set to use for its own."""
    return "tf32" if torch.backends.cuda.matmul.fp32_precision == "tf32" else "ieee"

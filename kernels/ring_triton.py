"""The Triton side of `kernels.ring`; imported only where Triton runs.

Both kernels read lane, cursor, filled and pinned on the device. Attention is flash attention (Dao et al. 2022): one
program holds a block of queries and walks over the keys of the live slots alone, with a running maximum and sum. It
turns query and key pairs in registers; an angle is a slot's (time) or a token's (space), so the loop goes over tokens
outside and over ages inside, and a token's cosine and sine are loaded once for all ages.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.attention import AGES, FP8_LARGEST, NORM_EPSILON, Rope
from kernels.backend import launching

_EPSILON = tl.constexpr(NORM_EPSILON)
_LARGEST = tl.constexpr(FP8_LARGEST)
_NUMBERS = {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}
_FEW = 100  # programs: fewer leave most of a device idle, so blocks of queries shrink


@triton.jit
def _tile(base, row, stride, column, row_mask, column_mask, other: tl.constexpr):  # type: ignore[no-untyped-def]
    mask = row_mask[:, None] & column_mask[None, :]
    return tl.load(base + row[:, None] * stride + column[None, :], mask=mask, other=other)


@triton.jit
def _asked(  # type: ignore[no-untyped-def]
    query, norm, space, row, is_row, pair, in_space, stride, tokens,
    WIDTH: tl.constexpr, TIMED: tl.constexpr, NORMED: tl.constexpr,
):  # fmt: skip
    """Both halves of a block of queries, normed, turned to age 0."""
    half: tl.constexpr = WIDTH // 2
    spaced: tl.constexpr = half - TIMED
    is_pair = pair < half
    a = _tile(query, row, stride, pair, is_row, is_pair, 0.0).to(tl.float32)
    b = _tile(query + half, row, stride, pair, is_row, is_pair, 0.0).to(tl.float32)
    if NORMED:
        size = tl.rsqrt((tl.sum(a * a, 1) + tl.sum(b * b, 1)) / WIDTH + _EPSILON)[:, None]
        a = a * size * tl.load(norm + pair, mask=is_pair, other=0.0).to(tl.float32)[None, :]
        b = b * size * tl.load(norm + half + pair, mask=is_pair, other=0.0).to(tl.float32)[None, :]
    cos = _tile(space - TIMED, row, spaced, pair, is_row, in_space, 1.0)
    sin = _tile(space - TIMED + tokens * spaced, row, spaced, pair, is_row, in_space, 0.0)
    return a * cos - b * sin, a * sin + b * cos


@triton.jit
def _absorb(q1, q2, k1, k2, v, live, temper, top, total, mix, DOT: tl.constexpr, PRECISION: tl.constexpr):  # type: ignore[no-untyped-def]
    """One block of keys and values into the running softmax: its maximum, its sum, its weighted values."""
    scores = tl.dot(q1, tl.trans(k1.to(DOT)), input_precision=PRECISION)
    scores = tl.dot(q2, tl.trans(k2.to(DOT)), scores, input_precision=PRECISION)
    scores = tl.where(live[None, :], scores * temper, float("-inf"))
    highest = tl.maximum(top, tl.max(scores, 1))
    fade = tl.exp2(top - highest)
    weight = tl.exp2(scores - highest[:, None])
    mix = tl.dot(weight.to(DOT), v.to(DOT), mix * fade[:, None], input_precision=PRECISION)
    return highest, total * fade + tl.sum(weight, 1), mix


@triton.jit
def _attend_kernel(  # type: ignore[no-untyped-def]
    query, keys, values, out, lanes, cursors, filleds, pinneds, norm, scale, space, time,
    query_batch, query_head, query_token, out_batch, out_head, out_token,
    tokens, slots, references, heads, turned_heads, all_lanes, temper,
    WIDTH: tl.constexpr, TIMED: tl.constexpr, TIMES: tl.constexpr, HALF: tl.constexpr, FULL: tl.constexpr,
    NORMED: tl.constexpr, SCALED: tl.constexpr, DOT: tl.constexpr, PRECISION: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """QUERIES, KEYS: rows of a block. HALF, FULL: D/2 and D, padded. TIMED: the first pairs, which turn with time."""
    head, entry = tl.program_id(1), tl.program_id(2).to(tl.int64)
    lane = tl.load(lanes + entry)  # int64: a cache may hold more than 2³¹ numbers
    cursor = tl.load(cursors + lane).to(tl.int32)
    filled = tl.load(filleds + lane).to(tl.int32)
    pinned = tl.load(pinneds + lane).to(tl.int32)
    half: tl.constexpr = WIDTH // 2
    spaced: tl.constexpr = half - TIMED
    pair, column = tl.arange(0, HALF), tl.arange(0, FULL)
    is_pair, is_column = pair < half, column < WIDTH
    in_time = (pair < TIMED) & (head < turned_heads)
    in_space = is_pair & (pair >= TIMED) & (head < turned_heads)

    row = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)
    is_row = row < tokens
    query += entry * query_batch + head * query_head
    q1, q2 = _asked(query, norm, space, row, is_row, pair, in_space, query_token, tokens, WIDTH, TIMED, NORMED)
    q1, q2 = q1.to(DOT), q2.to(DOT)

    top = tl.full((QUERIES,), float("-inf"), tl.float32)
    total = tl.zeros((QUERIES,), tl.float32)
    mix = tl.zeros((QUERIES, FULL), tl.float32)
    keys += (lane * heads + head) * slots * tokens * WIDTH
    values += (lane * heads + head) * slots * tokens * WIDTH
    if SCALED:
        temper *= tl.load(scale + lane * heads + head)

    for first in range(0, pinned * tokens, KEYS):  # references: one after the other, and turned already
        place = first + tl.arange(0, KEYS)
        live = place < pinned * tokens
        k1 = _tile(keys, place, WIDTH, pair, live, is_pair, 0.0)
        k2 = _tile(keys + half, place, WIDTH, pair, live, is_pair, 0.0)
        v = _tile(values, place, WIDTH, column, live, is_column, 0.0)
        top, total, mix = _absorb(q1, q2, k1, k2, v, live, temper, top, total, mix, DOT, PRECISION)

    for first in range(0, tokens, KEYS):
        token = first + tl.arange(0, KEYS)
        is_token = token < tokens
        space_cos = _tile(space - TIMED, token, spaced, pair, is_token, in_space, 1.0)
        space_sin = _tile(space - TIMED + tokens * spaced, token, spaced, pair, is_token, in_space, 0.0)
        for age in range(0, filled + 1):
            time_cos = tl.load(time + age * TIMED + pair, mask=in_time, other=1.0)
            time_sin = tl.load(time + (TIMES + age) * TIMED + pair, mask=in_time, other=0.0)
            cos = tl.where(in_time[None, :], time_cos[None, :], space_cos)
            sin = tl.where(in_time[None, :], -time_sin[None, :], space_sin)  # the past lies at −age
            around = slots - references
            slot = references + (cursor - age + around) % around
            a = _tile(keys, slot * tokens + token, WIDTH, pair, is_token, is_pair, 0.0).to(tl.float32)
            b = _tile(keys + half, slot * tokens + token, WIDTH, pair, is_token, is_pair, 0.0).to(tl.float32)
            w = _tile(values, slot * tokens + token, WIDTH, column, is_token, is_column, 0.0)
            top, total, mix = _absorb(
                q1, q2, a * cos - b * sin, a * sin + b * cos, w, is_token, temper, top, total, mix, DOT, PRECISION
            )

    mix = mix / total[:, None]
    if SCALED:
        mix *= tl.load(scale + (all_lanes + lane) * heads + head)
    place_out = out + entry * out_batch + head * out_head + row[:, None] * out_token + column[None, :]
    tl.store(place_out, mix.to(out.dtype.element_ty), mask=is_row[:, None] & is_column[None, :])


@triton.jit
def _store_kernel(  # type: ignore[no-untyped-def]
    key, value, keys, values, lanes, cursors, norm, scale,
    key_batch, key_head, key_token, value_batch, value_head, value_token,
    tokens, slots, references, heads, all_lanes,
    WIDTH: tl.constexpr, FULL: tl.constexpr, NORMED: tl.constexpr, SCALED: tl.constexpr, TOKENS: tl.constexpr,
):  # fmt: skip
    head, entry = tl.program_id(1), tl.program_id(2).to(tl.int64)
    lane = tl.load(lanes + entry)
    cursor = tl.load(cursors + lane)
    token, column = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS), tl.arange(0, FULL)
    is_token, is_column = token < tokens, column < WIDTH
    key += entry * key_batch + head * key_head
    value += entry * value_batch + head * value_head
    k = _tile(key, token, key_token, column, is_token, is_column, 0.0).to(tl.float32)
    v = _tile(value, token, value_token, column, is_token, is_column, 0.0).to(tl.float32)
    if NORMED:
        weight = tl.load(norm + column, mask=is_column, other=0.0).to(tl.float32)
        k = k * tl.rsqrt(tl.sum(k * k, 1) / WIDTH + _EPSILON)[:, None] * weight[None, :]
    if SCALED:  # what lies beyond the range is cut: float8 knows no infinity
        k = k / tl.load(scale + lane * heads + head)
        v = v / tl.load(scale + (all_lanes + lane) * heads + head)
        k = tl.minimum(tl.maximum(k, -_LARGEST), _LARGEST)
        v = tl.minimum(tl.maximum(v, -_LARGEST), _LARGEST)
    slot = (lane * heads + head) * slots + references + cursor
    place = (slot * tokens + token[:, None]) * WIDTH + column[None, :]
    mask = is_token[:, None] & is_column[None, :]
    tl.store(keys + place, k.to(keys.dtype.element_ty), mask=mask)
    tl.store(values + place, v.to(values.dtype.element_ty), mask=mask)


def attend_ring(
    query: Tensor, keys: Tensor, values: Tensor, lane: Tensor, cursor: Tensor, filled: Tensor, pinned: Tensor,
    rope: Rope, keyed: int, references: int, norm: Tensor | None, scale: Tensor | None,
) -> Tensor:  # fmt: skip
    """Launch `_attend_kernel`; arguments as in `kernels.ring.ring_attention`."""
    batch, heads, tokens, width = query.shape
    slots = _check_cache(query, keys, values, norm, scale)
    space, time = rope.tables
    timed = rope.time.numel()
    assert slots - references <= AGES, f"a ring of {slots - references} slots, at most {AGES}"
    assert space.shape == (2, tokens, width // 2 - timed), f"angles {tuple(space.shape)} for {tokens} tokens"
    assert space.is_contiguous() and time.is_contiguous() and space.device == query.device
    if query.stride(3) != 1:
        query = query.contiguous()
    out = query.new_empty(batch, tokens, heads, width).transpose(1, 2)  # as the next projection wants it
    full, half = _padded(width), _padded(width // 2)
    dot = _dot(query.dtype, keys.dtype)
    queries, block = _blocks(tokens, batch * heads, dot, query.device)
    grid = (triton.cdiv(tokens, queries), heads, batch)
    with launching("ring attention", query.device):
        _attend_kernel[grid](
            query, keys, values, out, lane, cursor, filled, pinned, norm, scale, space, time,
            *query.stride()[:3], *out.stride()[:3],
            tokens, slots, references, heads, heads - keyed, len(cursor), math.log2(math.e) / width**0.5,
            WIDTH=width, TIMED=timed, TIMES=AGES, HALF=half, FULL=full, NORMED=norm is not None,
            SCALED=scale is not None, DOT=dot, PRECISION=_precision(),
            QUERIES=queries, KEYS=block, num_warps=8 if queries > 64 else 4, num_stages=2,
        )  # fmt: skip
    return out


def store_ring(
    key: Tensor, value: Tensor, keys: Tensor, values: Tensor, lane: Tensor, cursor: Tensor, references: int,
    norm: Tensor | None, scale: Tensor | None,
) -> None:  # fmt: skip
    """Launch `_store_kernel`; arguments as in `kernels.ring.store`."""
    batch, heads, tokens, width = key.shape
    slots = _check_cache(key, keys, values, norm, scale)
    assert value.shape == key.shape, f"values {tuple(value.shape)} of keys {tuple(key.shape)}"
    key, value = (each if each.stride(3) == 1 else each.contiguous() for each in (key, value))
    block = min(32, _padded(tokens))
    with launching("ring store", key.device):
        _store_kernel[triton.cdiv(tokens, block), heads, batch](
            key, value, keys, values, lane, cursor, norm, scale, *key.stride()[:3], *value.stride()[:3],
            tokens, slots, references, heads, len(cursor),
            WIDTH=width, FULL=_padded(width), NORMED=norm is not None, SCALED=scale is not None, TOKENS=block,
        )  # fmt: skip


def _check_cache(frame: Tensor, keys: Tensor, values: Tensor, norm: Tensor | None, scale: Tensor | None) -> int:
    """Slots of the cache, after everything is seen to fit a frame's (B, H, N, D)."""
    _, heads, tokens, width = frame.shape
    lanes = keys.shape[0]
    slots, odd = divmod(keys.shape[2], tokens)
    assert keys.shape == (lanes, heads, slots * tokens, width) and not odd, f"{keys.shape} for frames {frame.shape}"
    assert values.shape == keys.shape and values.dtype == keys.dtype and width % 8 == 0
    assert keys.is_contiguous() and values.is_contiguous()
    assert norm is None or (norm.shape == (width,) and norm.is_contiguous())
    assert (scale is None) == (keys.dtype in _NUMBERS), f"{keys.dtype} and {'no ' if scale is None else ''}scale"
    assert scale is None or (scale.shape == (2, lanes, heads) and scale.is_contiguous())
    return slots


def _padded(size: int) -> int:
    """Of a block's side: a power of two, and no less than a matrix unit takes."""
    return max(16, triton.next_power_of_2(size))


def _blocks(tokens: int, pairs: int, dot: tl.dtype, device: torch.device) -> tuple[int, int]:
    """Queries and keys of a block: as many as registers hold, for a key is turned once for each block of queries, but
    fewer queries where that would leave most of a device idle. pairs: entries times heads.
    """
    old = device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)
    most, keys = (32, 32) if old or dot == tl.float32 else (128, 64)  # without matrix units the sums take registers
    queries = min(most, _padded(tokens))
    while queries > 16 and pairs * triton.cdiv(tokens, queries) < _FEW:
        queries //= 2
    return queries, min(keys, _padded(tokens))


def _dot(query: torch.dtype, stored: torch.dtype) -> tl.dtype:
    """What is multiplied: numbers as they are stored; float8 as the query's, if those are short too."""
    number = _NUMBERS.get(stored) or (tl.float16 if query == torch.float32 else _NUMBERS[query])
    # The interpreter multiplies the bits of bfloat16 as if they were integers.
    return tl.float32 if triton.knobs.runtime.interpret and number == tl.bfloat16 else number


def _precision() -> str:
    """Of float32 products: what torch was told to use for its own."""
    return "tf32" if torch.backends.cuda.matmul.fp32_precision == "tf32" else "ieee"

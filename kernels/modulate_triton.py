"""The Triton side of `kernels.modulate`; imported only where Triton runs. A program holds whole rows of one entry."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.modulate import LAYER_EPSILON

_EPSILON = tl.constexpr(LAYER_EPSILON)
_WORK = 2048  # numbers of a program, about: enough loads in flight, and few registers


@triton.jit
def _norm_modulate_kernel(  # type: ignore[no-untyped-def]
    x, scale, shift, out, x_batch, x_token, scale_batch, shift_batch, out_batch, tokens,
    WIDTH: tl.constexpr, FULL: tl.constexpr, TOKENS: tl.constexpr,
):  # fmt: skip
    entry = tl.program_id(1).to(tl.int64)
    token, column = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS), tl.arange(0, FULL)
    is_column = column < WIDTH
    live = (token < tokens)[:, None] & is_column[None, :]
    row = tl.load(x + entry * x_batch + token[:, None] * x_token + column[None, :], mask=live, other=0.0)
    row = row.to(tl.float32)
    away = tl.where(live, row - (tl.sum(row, 1) / WIDTH)[:, None], 0.0)
    normed = away * tl.rsqrt(tl.sum(away * away, 1) / WIDTH + _EPSILON)[:, None]
    factor = 1 + tl.load(scale + entry * scale_batch + column, mask=is_column, other=0.0).to(tl.float32)
    offset = tl.load(shift + entry * shift_batch + column, mask=is_column, other=0.0).to(tl.float32)
    result = normed * factor[None, :] + offset[None, :]
    at = out + entry * out_batch + token[:, None] * WIDTH + column[None, :]
    tl.store(at, result.to(out.dtype.element_ty), mask=live)


@triton.jit
def _gate_add_kernel(  # type: ignore[no-untyped-def]
    x, gate, branch, out, x_batch, x_token, gate_batch, branch_batch, branch_token, out_batch, tokens,
    WIDTH: tl.constexpr, FULL: tl.constexpr, TOKENS: tl.constexpr,
):  # fmt: skip
    entry = tl.program_id(1).to(tl.int64)
    token, column = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS), tl.arange(0, FULL)
    is_column = column < WIDTH
    live = (token < tokens)[:, None] & is_column[None, :]
    row = tl.load(x + entry * x_batch + token[:, None] * x_token + column[None, :], mask=live, other=0.0)
    at = branch + entry * branch_batch + token[:, None] * branch_token + column[None, :]
    added = tl.load(at, mask=live, other=0.0).to(tl.float32)
    weight = tl.load(gate + entry * gate_batch + column, mask=is_column, other=0.0).to(tl.float32)
    result = row.to(tl.float32) + weight[None, :] * added
    at_out = out + entry * out_batch + token[:, None] * WIDTH + column[None, :]
    tl.store(at_out, result.to(out.dtype.element_ty), mask=live)


def norm_modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Launch `_norm_modulate_kernel`; arguments as in `kernels.modulate.norm_modulate`."""
    x = _rows(x)
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
    out = x.new_empty(x.shape, dtype=dtype)
    grid, block = _plan(x, scale, shift)
    with launching("norm and modulate", x.device):
        _norm_modulate_kernel[grid](
            x, scale, shift, out, *x.stride()[:2], scale.stride(0), shift.stride(0), out.stride(0), x.shape[1],
            WIDTH=x.shape[2], **block,
        )  # fmt: skip
    return out


def gate_add(x: Tensor, gate: Tensor, branch: Tensor) -> Tensor:
    """Launch `_gate_add_kernel`; arguments as in `kernels.modulate.gate_add`."""
    x, branch = _rows(x), _rows(branch)
    assert branch.shape == x.shape, f"a branch {tuple(branch.shape)} beside {tuple(x.shape)}"
    out = x.new_empty(x.shape)
    grid, block = _plan(x, gate)
    with launching("gate and add", x.device):
        _gate_add_kernel[grid](
            x, gate, branch, out, *x.stride()[:2], gate.stride(0), *branch.stride()[:2], out.stride(0), x.shape[1],
            WIDTH=x.shape[2], **block,
        )  # fmt: skip
    return out


def _rows(x: Tensor) -> Tensor:
    """The same with its last axis contiguous."""
    return x if x.stride(2) == 1 else x.contiguous()


def _plan(x: Tensor, *modulations: Tensor) -> tuple[tuple[int, int], dict[str, int]]:
    """Grid and block sizes for tokens (B, N, C), after the modulations are seen to be (B, 1, C)."""
    batch, tokens, width = x.shape
    for each in modulations:
        assert each.shape == (batch, 1, width) and each.stride(2) == 1, f"{tuple(each.shape)} for {tuple(x.shape)}"
    full = triton.next_power_of_2(width)
    rows = max(1, min(_WORK // full, triton.next_power_of_2(tokens)))
    return (triton.cdiv(tokens, rows), batch), {"FULL": full, "TOKENS": rows}

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
def _kernel(  # type: ignore[no-untyped-def]
    x, branch, gate, scale, shift, added, normed,
    x_batch, x_token, branch_batch, branch_token, gate_batch, scale_batch, shift_batch, tokens,
    WIDTH: tl.constexpr, FULL: tl.constexpr, TOKENS: tl.constexpr,
    ADDS: tl.constexpr, GATED: tl.constexpr, NORMS: tl.constexpr, ONE: tl.constexpr,
):  # fmt: skip
    """added = x + gate · branch, if ADDS; normed = its norm · (ONE + scale) + shift, if NORMS."""
    entry = tl.program_id(1).to(tl.int64)
    token, column = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS), tl.arange(0, FULL)
    is_column = column < WIDTH
    live = (token < tokens)[:, None] & is_column[None, :]
    place = entry * tokens * WIDTH + token[:, None] * WIDTH + column[None, :]
    row = tl.load(x + entry * x_batch + token[:, None] * x_token + column[None, :], mask=live, other=0.0)
    row = row.to(tl.float32)
    if ADDS:
        at = branch + entry * branch_batch + token[:, None] * branch_token + column[None, :]
        more = tl.load(at, mask=live, other=0.0).to(tl.float32)
        if GATED:
            more *= tl.load(gate + entry * gate_batch + column, mask=is_column, other=0.0).to(tl.float32)[None, :]
        rounded = (row + more).to(added.dtype.element_ty)
        tl.store(added + place, rounded, mask=live)
        row = rounded.to(tl.float32)
    if NORMS:
        away = tl.where(live, row - (tl.sum(row, 1) / WIDTH)[:, None], 0.0)
        even = away * tl.rsqrt(tl.sum(away * away, 1) / WIDTH + _EPSILON)[:, None]
        factor = ONE + tl.load(scale + entry * scale_batch + column, mask=is_column, other=0.0).to(tl.float32)
        offset = tl.load(shift + entry * shift_batch + column, mask=is_column, other=0.0).to(tl.float32)
        result = even * factor[None, :] + offset[None, :]
        tl.store(normed + place, result.to(normed.dtype.element_ty), mask=live)


def norm_modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """As `kernels.modulate.norm_modulate`."""
    normed = _normed(x)
    _launch(x, None, None, scale, shift, None, normed)
    return normed


def gate_add(x: Tensor, branch: Tensor, gate: Tensor | None) -> Tensor:
    """As `kernels.modulate.gate_add`."""
    added = x.new_empty(x.shape)
    _launch(x, branch, gate, None, None, added, None)
    return added


def add_norm(x: Tensor, branch: Tensor, gate: Tensor | None, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """As `kernels.modulate.add_norm`."""
    added, normed = x.new_empty(x.shape), _normed(x)
    _launch(x, branch, gate, scale, shift, added, normed)
    return added, normed


def _launch(
    x: Tensor, branch: Tensor | None, gate: Tensor | None, scale: Tensor | None, shift: Tensor | None,
    added: Tensor | None, normed: Tensor | None,
) -> None:  # fmt: skip
    """Launch `_kernel` for what is there."""
    batch, tokens, width = x.shape
    assert branch is None or branch.shape == x.shape, f"a branch {tuple(branch.shape)} beside {tuple(x.shape)}"
    for each in (gate, scale, shift):
        fits = each is None or (each.shape in ((batch, 1, width), (width,)) and each.stride(-1) == 1)
        assert fits, f"{tuple(each.shape)} for {tuple(x.shape)}"  # type: ignore[union-attr]
    assert (scale is None) == (shift is None) and (scale is None or scale.dim() == shift.dim())  # type: ignore[union-attr]
    x, branch = _rows(x), None if branch is None else _rows(branch)
    full = triton.next_power_of_2(width)
    rows = max(1, min(_WORK // full, triton.next_power_of_2(tokens)))
    with launching("modulate", x.device):
        _kernel[triton.cdiv(tokens, rows), batch](
            x, branch, gate, scale, shift, added, normed,
            *x.stride()[:2], *((0, 0) if branch is None else branch.stride()[:2]),
            _step(gate), _step(scale), _step(shift), tokens,
            WIDTH=width, FULL=full, TOKENS=rows, ADDS=branch is not None, GATED=gate is not None,
            NORMS=scale is not None, ONE=0.0 if scale is not None and scale.dim() == 1 else 1.0,
        )  # fmt: skip


def _step(modulation: Tensor | None) -> int:
    """From one entry's modulation to the next one's: none, if all have the same."""
    return 0 if modulation is None or modulation.dim() == 1 else modulation.stride(0)


def _rows(x: Tensor) -> Tensor:
    """The same with its last axis contiguous."""
    return x if x.stride(2) == 1 else x.contiguous()


def _normed(x: Tensor) -> Tensor:
    """Room for what is normed: a product comes next, and autocast would only make a copy for it."""
    kind = x.device.type
    return x.new_empty(x.shape, dtype=torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype)

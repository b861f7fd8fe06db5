"""`norm_modulate`, `gate_add` and `add_norm` in Triton; imported only where Triton runs.

One kernel does all three. A program holds whole rows of one batch entry.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.backend import launching
from kernels.modulate.reference import LAYER_NORM_EPSILON

_EPSILON = tl.constexpr(LAYER_NORM_EPSILON)
_VALUES_PER_PROGRAM = 2048  # about: enough loads in flight, and few registers


@triton.jit
def _add_norm_kernel(  # type: ignore[no-untyped-def]
    x_ptr, branch_ptr, gate_ptr, scale_ptr, shift_ptr, added_ptr, normed_ptr,
    x_batch, x_token, branch_batch, branch_token, gate_batch, scale_batch, shift_batch, tokens,
    WIDTH: tl.constexpr, PADDED_WIDTH: tl.constexpr, TOKENS: tl.constexpr,
    ADDS: tl.constexpr, GATED: tl.constexpr, NORMS: tl.constexpr, ONE: tl.constexpr,
):  # fmt: skip
    """added = x + gate · branch, if ADDS; normed = its norm · (ONE + scale) + shift, if NORMS. *_batch, *_token:
    strides.
    """
    entry = tl.program_id(1).to(tl.int64)
    token, column = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS), tl.arange(0, PADDED_WIDTH)
    is_column = column < WIDTH
    mask = (token < tokens)[:, None] & is_column[None, :]
    out_offset = entry * tokens * WIDTH + token[:, None] * WIDTH + column[None, :]
    row = tl.load(x_ptr + entry * x_batch + token[:, None] * x_token + column[None, :], mask=mask, other=0.0)
    row = row.to(tl.float32)
    if ADDS:
        branch_offset = entry * branch_batch + token[:, None] * branch_token + column[None, :]
        branch = tl.load(branch_ptr + branch_offset, mask=mask, other=0.0).to(tl.float32)
        if GATED:
            gate = tl.load(gate_ptr + entry * gate_batch + column, mask=is_column, other=0.0)
            branch *= gate.to(tl.float32)[None, :]
        rounded = (row + branch).to(added_ptr.dtype.element_ty)
        tl.store(added_ptr + out_offset, rounded, mask=mask)
        row = rounded.to(tl.float32)
    if NORMS:
        centred = tl.where(mask, row - (tl.sum(row, 1) / WIDTH)[:, None], 0.0)
        normed = centred * tl.rsqrt(tl.sum(centred * centred, 1) / WIDTH + _EPSILON)[:, None]
        scale = ONE + tl.load(scale_ptr + entry * scale_batch + column, mask=is_column, other=0.0).to(tl.float32)
        shift = tl.load(shift_ptr + entry * shift_batch + column, mask=is_column, other=0.0).to(tl.float32)
        result = normed * scale[None, :] + shift[None, :]
        tl.store(normed_ptr + out_offset, result.to(normed_ptr.dtype.element_ty), mask=mask)


def norm_modulate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """See `kernels.modulate.norm_modulate`."""
    normed = _empty_normed(x)
    _launch(x, None, None, scale, shift, None, normed)
    return normed


def gate_add(x: Tensor, branch: Tensor, gate: Tensor | None) -> Tensor:
    """See `kernels.modulate.gate_add`."""
    added = x.new_empty(x.shape)
    _launch(x, branch, gate, None, None, added, None)
    return added


def add_norm(x: Tensor, branch: Tensor, gate: Tensor | None, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """See `kernels.modulate.add_norm`."""
    added, normed = x.new_empty(x.shape), _empty_normed(x)
    _launch(x, branch, gate, scale, shift, added, normed)
    return added, normed


def _launch(
    x: Tensor, branch: Tensor | None, gate: Tensor | None, scale: Tensor | None, shift: Tensor | None,
    added: Tensor | None, normed: Tensor | None,
) -> None:  # fmt: skip
    """Launch `_add_norm_kernel` with those steps whose tensors are given."""
    batch, tokens, width = x.shape
    assert branch is None or branch.shape == x.shape, f"a branch {tuple(branch.shape)} beside {tuple(x.shape)}"
    for modulation in (gate, scale, shift):
        if modulation is not None:
            fits = modulation.shape in ((batch, 1, width), (width,)) and modulation.stride(-1) == 1
            assert fits, f"{tuple(modulation.shape)} for {tuple(x.shape)}"
    assert (scale is None) == (shift is None) and (scale is None or scale.dim() == shift.dim())  # type: ignore[union-attr]
    x, branch = _contiguous_rows(x), None if branch is None else _contiguous_rows(branch)
    padded = triton.next_power_of_2(width)
    rows = max(1, min(_VALUES_PER_PROGRAM // padded, triton.next_power_of_2(tokens)))
    with launching("modulate", x.device):
        _add_norm_kernel[triton.cdiv(tokens, rows), batch](
            x, branch, gate, scale, shift, added, normed,
            *x.stride()[:2], *((0, 0) if branch is None else branch.stride()[:2]),
            _batch_stride(gate), _batch_stride(scale), _batch_stride(shift), tokens,
            WIDTH=width, PADDED_WIDTH=padded, TOKENS=rows, ADDS=branch is not None, GATED=gate is not None,
            NORMS=scale is not None, ONE=0.0 if scale is not None and scale.dim() == 1 else 1.0,
        )  # fmt: skip


def _batch_stride(modulation: Tensor | None) -> int:
    """Stride between batch entries; 0 where all entries have the same modulation."""
    return 0 if modulation is None or modulation.dim() == 1 else modulation.stride(0)


def _contiguous_rows(x: Tensor) -> Tensor:
    """x with its last axis contiguous."""
    return x if x.stride(2) == 1 else x.contiguous()


def _empty_normed(x: Tensor) -> Tensor:
    """An empty tensor for the normed result, in autocast's dtype, since autocast would otherwise make a copy of it for
    the matrix product that follows.
    """
    kind = x.device.type
    return x.new_empty(x.shape, dtype=torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype)

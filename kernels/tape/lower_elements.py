"""Translates operations that work element by element, and reductions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kernels.tape import codes
from kernels.tape.lowering import Instruction, Lowering, Untranslated, View, simplified
from kernels.tape.recorder import Call

LARGE = 2048  # elements from which on torch's own vectorised functions are faster
LARGEST_FLOAT = torch.finfo(torch.float32).max

Lower = Callable[..., None]


def pointwise(code: int) -> Callable[..., None]:
    def lower(lowering: Lowering, call: Call, *operands: Any) -> None:
        out = lowering.view(call.results[0])
        if code in SLOW and math.prod(out.shape) > LARGE:
            raise Untranslated("torch has vectorised it")
        lowering.emit(code, out, *(lowering.view(operand) for operand in operands))

    return lower


SLOW = {
    codes.EXP, codes.LOG, codes.SIN, codes.COS, codes.TANH, codes.ATAN2, codes.POW, codes.HYPOT,
}  # fmt: skip


def add(lowering: Lowering, call: Call, a: Any, b: Any, alpha: float = 1) -> None:
    if alpha != 1:
        raise Untranslated("a factor")
    lowering.emit(codes.ADD, lowering.view(call.results[0]), lowering.view(a), lowering.view(b))


def sub(lowering: Lowering, call: Call, a: Any, b: Any, alpha: float = 1) -> None:
    if alpha != 1:
        raise Untranslated("a factor")
    lowering.emit(codes.SUB, lowering.view(call.results[0]), lowering.view(a), lowering.view(b))


def rsub(lowering: Lowering, call: Call, a: Any, b: Any, alpha: float = 1) -> None:
    sub(lowering, call, b, a, alpha)


def div(lowering: Lowering, call: Call, a: Any, b: Any, rounding_mode: str | None = None) -> None:
    if rounding_mode is not None or call.results[0].dtype != torch.float32:
        raise Untranslated("a quotient of whole numbers")
    lowering.emit(codes.DIV, lowering.view(call.results[0]), lowering.view(a), lowering.view(b))


def bits(code: int) -> Callable[..., None]:
    def lower(lowering: Lowering, call: Call, a: Tensor, b: Tensor) -> None:
        if a.dtype != torch.bool:
            raise Untranslated("bits of numbers")
        lowering.emit(code, lowering.view(call.results[0]), lowering.view(a), lowering.view(b))

    return lower


def logical_not(lowering: Lowering, call: Call, a: Tensor) -> None:
    if a.dtype != torch.bool:
        raise Untranslated("bits of numbers")
    lowering.emit(codes.SUB, lowering.view(call.results[0]), lowering.view(1), lowering.view(a))


def power(lowering: Lowering, call: Call, a: Any, b: Any) -> None:
    out = lowering.view(call.results[0])
    exponent = b if isinstance(a, Tensor) and not isinstance(b, Tensor) else None
    if exponent == 2:
        lowering.emit(codes.MUL, out, lowering.view(a), lowering.view(a))
    elif exponent == 0.5:
        lowering.emit(codes.SQRT, out, lowering.view(a))
    elif exponent == 4:
        lowering.emit(codes.MUL, out, lowering.view(a), lowering.view(a))
        lowering.emit(codes.MUL, out, out, out)
    elif math.prod(out.shape) > LARGE:
        raise Untranslated("torch has vectorised it")
    else:
        lowering.emit(codes.POW, out, lowering.view(a), lowering.view(b))


def reciprocal(lowering: Lowering, call: Call, a: Tensor) -> None:
    lowering.emit(codes.DIV, lowering.view(call.results[0]), lowering.view(1), lowering.view(a))


def round_(lowering: Lowering, call: Call, a: Tensor, decimals: int = 0) -> None:
    if decimals:
        raise Untranslated("decimals")
    lowering.emit(codes.ROUND, lowering.view(call.results[0]), lowering.view(a))


def clamp(lowering: Lowering, call: Call, a: Tensor, low: Any = None, high: Any = None, **named: Any) -> None:
    low, high = named.get("min", low), named.get("max", high)
    out = lowering.view(call.results[0])
    if low is None or high is None:
        code, bound = (codes.MAXIMUM, low) if high is None else (codes.MINIMUM, high)
        lowering.emit(code, out, lowering.view(a), lowering.view(bound))
    else:
        lowering.emit(codes.CLAMP, out, lowering.view(a), lowering.view(low), lowering.view(high))


def nan_to_num(
    lowering: Lowering, call: Call, a: Tensor, nan: float | None = None, posinf: Any = None, neginf: Any = None
) -> None:
    out, value = lowering.view(call.results[0]), lowering.view(a)
    nan = nan or 0.0
    if posinf == neginf == nan:
        lowering.emit(codes.FINITE_OR, out, value, lowering.view(nan))
        return
    lowest = -LARGEST_FLOAT if neginf is None else neginf
    highest = LARGEST_FLOAT if posinf is None else posinf
    if lowest > -LARGEST_FLOAT or highest < LARGEST_FLOAT:
        raise Untranslated("infinities")
    lowering.emit(codes.CLAMP, out, value, lowering.view(lowest), lowering.view(highest))
    lowering.emit(codes.FINITE_OR, out, out, lowering.view(nan))


def copy(lowering: Lowering, call: Call, a: Tensor, *_: Any, **__: Any) -> None:
    if call.name.startswith("aten._to_copy"):
        old, new = a.dtype, call.results[0].dtype
        if new == torch.bool and old != torch.bool:
            lowering.emit(codes.NE, lowering.view(call.results[0]), lowering.view(a), lowering.view(0))
            return
        if old == torch.float32 and new in (torch.int64, torch.int32):
            lowering.emit(codes.TRUNC, lowering.view(call.results[0]), lowering.view(a))
            return
    lowering.emit(codes.COPY, lowering.view(call.results[0]), lowering.view(a))


def write(lowering: Lowering, call: Call, target: Tensor, a: Any, non_blocking: bool = False) -> None:
    if isinstance(a, Tensor) and a.dtype != target.dtype:
        raise Untranslated("another type")
    lowering.emit(codes.COPY, lowering.view(target), lowering.view(a))


def full_like(value: float | None) -> Callable[..., None]:
    def lower(lowering: Lowering, call: Call, a: Tensor, fill: float = 0.0, **_: Any) -> None:
        lowering.emit(codes.COPY, lowering.view(call.results[0]), lowering.view(fill if value is None else value))

    return lower


def reduction(code: int, start: float, mean: bool = False) -> Callable[..., None]:
    def lower(
        lowering: Lowering, call: Call, a: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None
    ) -> None:
        out = reduce(lowering, call.results[0], a, dim, keepdim, code, start)
        if mean:
            count = a.numel() // max(call.results[0].numel(), 1)
            lowering.emit(codes.DIV, out, out, lowering.view(count))

    return lower


def reduce(lowering: Lowering, result: Tensor, a: Tensor, dim: Any, keepdim: bool, code: int, start: float) -> View:
    out, value = lowering.view(result), lowering.view(a)
    dims = list(range(a.dim())) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
    dims = [each % a.dim() for each in dims]
    lowering.emit(codes.COPY, out, lowering.view(start))
    strides, kept = [], iter(out.strides)
    for each in range(a.dim()):
        if each in dims:
            strides.append(0)
            if keepdim:
                next(kept)
        else:
            strides.append(next(kept))
    if a.numel():
        views = (out.arranged(a.shape, strides), value)
        lowering.instructions.append(Instruction(code, *simplified(a.shape, views)))
    return out


def norm(
    lowering: Lowering, call: Call, a: Tensor, order: float = 2, dim: Any = None, keepdim: bool = False, **_: Any
) -> None:
    if order != 2:
        raise Untranslated("another norm")
    out = reduce(lowering, call.results[0], a, dim, keepdim, codes.SUM_OF_SQUARES, 0.0)
    lowering.emit(codes.SQRT, out, out)

"""Translates operations that move values: joining, repeating, selecting, and products of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kernels.tape import codes
from kernels.tape.lowering import Lowering, Untranslated, View
from kernels.tape.recorder import Call

LARGE_PRODUCT = 16384  # products from which on torch's own are faster, but for matrices with so few columns:
FEW_COLUMNS = 16


def cat(lowering: Lowering, call: Call, parts: Sequence[Tensor], dim: int = 0) -> None:
    out = lowering.view(call.results[0])
    dim, start = dim % len(out.shape), 0
    for part in parts:
        if part.shape == (0,):
            continue
        length = part.shape[dim]
        lowering.emit(codes.COPY, out.part(dim, start, length), lowering.view(part))
        start += length


def stack(lowering: Lowering, call: Call, parts: Sequence[Tensor], dim: int = 0) -> None:
    out = lowering.view(call.results[0])
    dim = dim % len(out.shape)
    for number, part in enumerate(parts):
        lowering.emit(codes.COPY, out.part(dim, number, 1).axis(dim), lowering.view(part))


def roll(lowering: Lowering, call: Call, a: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> None:
    if len(shifts) != 1 or len(dims) != 1:
        raise Untranslated("several rolls")
    out, value = lowering.view(call.results[0]), lowering.view(a)
    dim = dims[0] % a.dim()
    size = a.shape[dim]
    shift = shifts[0] % size
    lowering.emit(codes.COPY, out.part(dim, shift, size - shift), value.part(dim, 0, size - shift))
    if shift:
        lowering.emit(codes.COPY, out.part(dim, 0, shift), value.part(dim, size - shift, shift))


def flip(lowering: Lowering, call: Call, a: Tensor, dims: Sequence[int]) -> None:
    backwards = lowering.view(a).reversed([dim % a.dim() for dim in dims])
    lowering.emit(codes.COPY, lowering.view(call.results[0]), backwards)


def repeat(lowering: Lowering, call: Call, a: Tensor, times: Sequence[int]) -> None:
    out, value = lowering.view(call.results[0]), lowering.view(a)
    lead = len(times) - a.dim()
    old = value.arranged((1,) * lead + value.shape, (0,) * lead + value.strides)
    shape, out_strides, strides = [], [], []
    for count, size, outer, inner in zip(times, old.shape, out.strides, old.strides, strict=True):
        shape += [count, size]
        out_strides += [outer * size, outer]
        strides += [0, inner]
    lowering.emit(codes.COPY, out.arranged(shape, out_strides), old.arranged(shape, strides))


def pad(lowering: Lowering, call: Call, a: Tensor, pad: Sequence[int], value: float = 0.0) -> None:
    if min(pad) < 0:
        raise Untranslated("a negative border")
    out = lowering.view(call.results[0])
    lowering.emit(codes.COPY, out, lowering.view(value))
    for number in range(len(pad) // 2):
        dim = a.dim() - 1 - number
        out = out.part(dim, pad[2 * number], a.shape[dim])
    lowering.emit(codes.COPY, out, lowering.view(a))


def matmul(lowering: Lowering, call: Call, a: Tensor, b: Tensor) -> None:
    out, left, right = (lowering.view(part) for part in (call.results[0], a, b))
    if len(right.shape) == 1:  # a matrix times a vector
        out = out.arranged((*out.shape, 1), (*out.strides, 0))
        right = right.arranged((*right.shape, 1), (*right.strides, 0))
    if len(left.shape) == 2:
        out, left, right = (part.arranged((1, *part.shape), (0, *part.strides)) for part in (out, left, right))
    batch, rows, columns = out.shape
    depth = left.shape[2]
    is_tall = left.constant is not None and columns <= FEW_COLUMNS < rows <= codes.WIDEST_MAP
    if depth == 0 or (batch * rows * columns * depth > LARGE_PRODUCT and depth > 4 and not is_tall):
        raise Untranslated("a large product")
    longest = 1 if rows > columns else 2
    if out.shape[longest] > codes.SCRATCH and out.strides[longest] != 1:
        raise Untranslated("a long product")
    if is_tall:  # by columns, of which each is added up as a whole
        left = lowering.by_columns(left)
    shape = (batch, 1, 1, rows, columns)
    views = [
        out.arranged(shape, (out.strides[0], 0, 0, out.strides[1], out.strides[2])),
        left.arranged(shape, (left.strides[0], 0, 0, left.strides[1], 0)),
        right.arranged(shape, (right.strides[0], 0, 0, 0, right.strides[2])),
    ]
    lowering.emit_exact(codes.MATMUL, shape, views, (depth, left.strides[2], right.strides[1]))


def select_rows(lowering: Lowering, call: Call, a: Tensor, dim: int, index: Tensor) -> None:
    out, value = lowering.view(call.results[0]), lowering.view(a)
    is_float = lowering.changing(index)
    place = lowering.view(index) if is_float else lowering.index(index)
    dim = dim % a.dim()
    shape, views = around(dim, out.shape, out, value, place)
    lowering.emit_exact(codes.SELECT, shape, views, (int(is_float), a.shape[dim]))


def around(dim: int, shape: Sequence[int], out: View, value: View, place: View) -> tuple[tuple[int, ...], list[View]]:
    """`shape` as one of five around its dimension `dim`, two before it and two behind it, and in it the views of the
    result, of the values and of the index along `dim`.
    """
    before, behind = list(range(dim)), list(range(dim + 1, len(shape)))
    before = [each for each in before if shape[each] != 1]
    behind = [each for each in behind if shape[each] != 1]
    if len(before) > 2 or len(behind) > 2:
        raise Untranslated("too many dimensions")
    order = [None] * (2 - len(before)) + before + [dim] + [None] * (2 - len(behind)) + behind
    sizes = tuple(1 if each is None else shape[each] for each in order)
    arranged = [
        view.arranged(sizes, tuple(0 if each is None else view.strides[each] for each in order))
        for view in (out, value)
    ]
    return sizes, [*arranged, place.arranged(sizes, (0, 0, place.strides[0] if place.strides else 0, 0, 0))]


def index(lowering: Lowering, call: Call, a: Tensor, indices: Sequence[Tensor | None]) -> None:
    given = [(dim, index) for dim, index in enumerate(indices) if index is not None]
    if len(given) != 1 or given[0][1].dim() != 1 or given[0][1].dtype != torch.int64:
        raise Untranslated("an index of several dimensions")
    select_rows(lowering, call, a, given[0][0], given[0][1])


def index_copy(lowering: Lowering, call: Call, a: Tensor, dim: int, index: Tensor, new: Tensor) -> None:
    out, value = lowering.view(call.results[0]), lowering.view(new)
    lowering.emit(codes.COPY, out, lowering.view(a))
    place = lowering.index(index)
    dim = dim % a.dim()
    shape, views = around(dim, new.shape, out, value, place)
    lowering.emit_exact(codes.SCATTER, shape, views, (0, a.shape[dim]))


def cross(lowering: Lowering, call: Call, a: Tensor, b: Tensor, dim: int = -1) -> None:
    out = lowering.view(call.results[0])
    left, right = lowering.view(a).expanded(out.shape), lowering.view(b).expanded(out.shape)
    dim = dim % len(out.shape)
    for n in range(3):
        j, k = (n + 1) % 3, (n + 2) % 3
        target = out.part(dim, n, 1)
        lowering.emit(codes.MUL, target, left.part(dim, j, 1), right.part(dim, k, 1))
        lowering.emit(codes.MINUS_PRODUCT, target, target, left.part(dim, k, 1), right.part(dim, j, 1))

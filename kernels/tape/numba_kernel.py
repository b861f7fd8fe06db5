"""Runs instructions on float32 tensors by their addresses, compiled by numba; see `kernels.tape.codes`."""

from __future__ import annotations

import numpy as np

from kernels.tape.codes import (
    ADD,
    ATAN2,
    BOX_MAXIMUM,
    BOX_SUM,
    EXP,
    EXTRAS,
    GRID_SAMPLE,
    LAST_POINTWISE,
    LAST_REDUCTION,
    MATMUL,
    MAXIMUM,
    REPEAT_BORDER,
    RESIZE,
    SCATTER,
    SCRATCH,
    SELECT,
    SHAPE,
    WHERE,
)
from kernels.tape.numba_addresses import OUT, ZERO, A, B, C, compiled, floats_at, numbers_at, offset, part
from kernels.tape.numba_elements import accumulate, arithmetic, comparison, curve, curve_of_two, reduced, ternary, unary
from kernels.tape.numba_maps import box_maximum, box_sum, grid_sample, repeat_border, resize


@compiled
def run(rows):  # type: ignore[no-untyped-def]
    """Run instructions (N, WIDTH) int64 one after the other."""
    scratch = np.empty(SCRATCH, np.float32)
    for number in range(rows.shape[0]):
        row = rows[number]
        code = row[0]
        if code <= LAST_POINTWISE:
            pointwise(row)
        elif code <= LAST_REDUCTION:
            reduce(row)
        elif code == MATMUL:
            matmul(row, scratch)
        elif code == SELECT:
            select(row)
        elif code == SCATTER:
            scatter(row)
        elif code == GRID_SAMPLE:
            grid_sample(row, scratch)
        elif code == BOX_SUM:
            box_sum(row, scratch)
        elif code == BOX_MAXIMUM:
            box_maximum(row, scratch)
        elif code == REPEAT_BORDER:
            repeat_border(row)
        elif code == RESIZE:
            resize(row, scratch)


@part
def pointwise(row):  # type: ignore[no-untyped-def]
    """An instruction that works element by element, along the last dimension at a time."""
    code, n = row[0], row[SHAPE + 4]
    so, sa, sb, sc = row[OUT + 5], row[A + 5], row[B + 5], row[C + 5]
    for i in range(row[SHAPE]):
        for j in range(row[SHAPE + 1]):
            for k in range(row[SHAPE + 2]):
                for m in range(row[SHAPE + 3]):
                    out, a = floats_at(offset(row, OUT, i, j, k, m)), floats_at(offset(row, A, i, j, k, m))
                    if code < EXP:
                        unary(code, n, out, so, a, sa)
                        continue
                    if code < ADD:
                        curve(code, n, out, so, a, sa)
                        continue
                    b = floats_at(offset(row, B, i, j, k, m))
                    if code < MAXIMUM:
                        arithmetic(code, n, out, so, a, sa, b, sb)
                    elif code < ATAN2:
                        comparison(code, n, out, so, a, sa, b, sb)
                    elif code < WHERE:
                        curve_of_two(code, n, out, so, a, sa, b, sb)
                    else:
                        ternary(code, n, out, so, a, sa, b, sb, floats_at(offset(row, C, i, j, k, m)), sc)


@part
def reduce(row):  # type: ignore[no-untyped-def]
    """A reduction into a tensor that holds its neutral value."""
    code, n, so, sa = row[0], row[SHAPE + 4], row[OUT + 5], row[A + 5]
    for i in range(row[SHAPE]):
        for j in range(row[SHAPE + 1]):
            for k in range(row[SHAPE + 2]):
                for m in range(row[SHAPE + 3]):
                    out, a = floats_at(offset(row, OUT, i, j, k, m)), floats_at(offset(row, A, i, j, k, m))
                    if so == 0:
                        out[0] = reduced(code, n, out[0], a, sa)
                    else:
                        accumulate(code, n, out, so, a, sa)


@part
def matmul(row, scratch):  # type: ignore[no-untyped-def]
    """(b, ·, ·, m, n): out[b, m, n] = Σ a[b, m, k] · b[b, k, n]. Extras: k, and its strides in a and b."""
    depth, ka, kb = row[EXTRAS], row[EXTRAS + 1], row[EXTRAS + 2]
    rows, columns = row[SHAPE + 3], row[SHAPE + 4]
    so, sb, mo, ma = row[OUT + 5], row[B + 5], row[OUT + 4], row[A + 4]
    sums = floats_at(scratch.ctypes.data)
    for i in range(row[SHAPE]):
        out, a, b = offset(row, OUT, i, 0, 0, 0), offset(row, A, i, 0, 0, 0), offset(row, B, i, 0, 0, 0)
        if rows > columns:
            for x in range(columns):
                column = floats_at(out + 4 * x * so)
                if mo == 1:
                    add_columns(floats_at(a), ma, ka, floats_at(b + 4 * x * sb), kb, depth, rows, column)
                    continue
                add_columns(floats_at(a), ma, ka, floats_at(b + 4 * x * sb), kb, depth, rows, sums)
                for m in range(rows):
                    column[m * mo] = sums[m]
        else:
            for m in range(rows):
                line = floats_at(out + 4 * m * mo)
                if so == 1:
                    add_columns(floats_at(b), sb, kb, floats_at(a + 4 * m * ma), ka, depth, columns, line)
                    continue
                add_columns(floats_at(b), sb, kb, floats_at(a + 4 * m * ma), ka, depth, columns, sums)
                for x in range(columns):
                    line[x * so] = sums[x]


@part
def add_columns(values, down, across, factors, step, count, rows, sums):  # type: ignore[no-untyped-def]
    """The sum (rows,) of `count` columns of values, each times its factor."""
    for m in range(rows):
        sums[m] = ZERO
    for k in range(count):
        factor = factors[k * step]
        for m in range(rows):
            sums[m] += values[k * across + m * down] * factor


@part
def select(row):  # type: ignore[no-untyped-def]
    """out[i, j, k, m, n] = a[i, j, index[k], m, n]; the index is int64, or float32 where extra 0 is 1."""
    n, so, sa, is_float = row[SHAPE + 4], row[OUT + 5], row[A + 5], row[EXTRAS]
    for k in range(row[SHAPE + 2]):
        at = np.int64(floats_at(row[B])[k * row[B + 3]]) if is_float else numbers_at(row[B])[k * row[B + 3]]
        at = at + row[EXTRAS + 1] if at < 0 else at
        at = min(max(at, 0), row[EXTRAS + 1] - 1)
        for i in range(row[SHAPE]):
            for j in range(row[SHAPE + 1]):
                for m in range(row[SHAPE + 3]):
                    out, a = floats_at(offset(row, OUT, i, j, k, m)), floats_at(offset(row, A, i, j, at, m))
                    for x in range(n):
                        out[x * so] = a[x * sa]


@part
def scatter(row):  # type: ignore[no-untyped-def]
    """out[i, j, index[k], m, n] = a[i, j, k, m, n]; the index is int64. Extra 1: how many there are."""
    n, so, sa = row[SHAPE + 4], row[OUT + 5], row[A + 5]
    for k in range(row[SHAPE + 2]):
        at = numbers_at(row[B])[k * row[B + 3]]
        at = at + row[EXTRAS + 1] if at < 0 else at
        at = min(max(at, 0), row[EXTRAS + 1] - 1)
        for i in range(row[SHAPE]):
            for j in range(row[SHAPE + 1]):
                for m in range(row[SHAPE + 3]):
                    out, a = floats_at(offset(row, OUT, i, j, at, m)), floats_at(offset(row, A, i, j, k, m))
                    for x in range(n):
                        out[x * so] = a[x * sa]

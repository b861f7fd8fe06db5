"""Instructions that work element by element, along one dimension, compiled by numba.

Strides are arguments: LLVM makes a vectorised version of each loop for strides of 1.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.tape.codes import (
    ABS,
    ADD,
    ATAN2,
    CLAMP,
    COPY,
    COPYSIGN,
    COS,
    DIV,
    EQ,
    EXP,
    FINITE_OR,
    FLOOR,
    GE,
    GT,
    HYPOT,
    LARGEST,
    LE,
    LEAST,
    LERP,
    LOG,
    LT,
    MAXIMUM,
    MINIMUM,
    MINUS_PRODUCT,
    MUL,
    NE,
    NEG,
    POW,
    ROUND,
    SIGN,
    SIN,
    SQRT,
    SUB,
    SUM,
    SUM_OF_SQUARES,
    TANH,
    TRUNC,
    WHERE,
)
from kernels.tape.numba_addresses import HALF, ONE, ZERO, part


@part
def unary(code, n, out, so, a, sa):  # type: ignore[no-untyped-def]  # noqa: PLR0912
    """out = f(a), n elements with strides so and sa."""
    if code == COPY:
        if sa == 0:
            value = a[0]
            for x in range(n):
                out[x * so] = value
        else:
            for x in range(n):
                out[x * so] = a[x * sa]
    elif code == NEG:
        for x in range(n):
            out[x * so] = -a[x * sa]
    elif code == ABS:
        for x in range(n):
            out[x * so] = abs(a[x * sa])
    elif code == SQRT:
        for x in range(n):
            out[x * so] = math.sqrt(a[x * sa])
    elif code == ROUND:
        for x in range(n):
            out[x * so] = np.rint(a[x * sa])
    elif code == SIGN:
        for x in range(n):
            value = a[x * sa]
            out[x * so] = np.float32(value > ZERO) - np.float32(value < ZERO)
    elif code == TRUNC:
        for x in range(n):
            out[x * so] = np.trunc(a[x * sa])
    elif code == FLOOR:
        for x in range(n):
            out[x * so] = np.floor(a[x * sa])


@part
def curve(code, n, out, so, a, sa):  # type: ignore[no-untyped-def]
    """out = f(a) of one argument that takes a call each, n elements."""
    if code == EXP:
        for x in range(n):
            out[x * so] = math.exp(a[x * sa])
    elif code == LOG:
        for x in range(n):
            out[x * so] = math.log(a[x * sa])
    elif code == SIN:
        for x in range(n):
            out[x * so] = math.sin(a[x * sa])
    elif code == COS:
        for x in range(n):
            out[x * so] = math.cos(a[x * sa])
    elif code == TANH:
        for x in range(n):
            out[x * so] = math.tanh(a[x * sa])


@part
def arithmetic(code, n, out, so, a, sa, b, sb):  # type: ignore[no-untyped-def]  # noqa: PLR0912
    """out = f(a, b), n elements. A single b is read once, so that LLVM vectorises the loop."""
    if sa == 0 and code in (ADD, MUL):
        a, sa, b, sb = b, sb, a, sa
    if code == ADD:
        if sb == 0:
            value = b[0]
            for x in range(n):
                out[x * so] = a[x * sa] + value
        else:
            for x in range(n):
                out[x * so] = a[x * sa] + b[x * sb]
    elif code == SUB:
        if sb == 0:
            value = b[0]
            for x in range(n):
                out[x * so] = a[x * sa] - value
        elif sa == 0:
            value = a[0]
            for x in range(n):
                out[x * so] = value - b[x * sb]
        else:
            for x in range(n):
                out[x * so] = a[x * sa] - b[x * sb]
    elif code == MUL:
        if sb == 0:
            value = b[0]
            for x in range(n):
                out[x * so] = a[x * sa] * value
        else:
            for x in range(n):
                out[x * so] = a[x * sa] * b[x * sb]
    elif code == DIV:
        if sb == 0:
            value = b[0]
            for x in range(n):
                out[x * so] = a[x * sa] / value
        else:
            for x in range(n):
                out[x * so] = a[x * sa] / b[x * sb]


@part
def comparison(code, n, out, so, a, sa, b, sb):  # type: ignore[no-untyped-def]  # noqa: PLR0912
    """The larger or smaller of a and b, NaN if either is; or whether they compare so, n elements."""
    if sb == 0:
        comparison_with_one(code, n, out, so, a, sa, b[0])
    elif code == MAXIMUM:
        for x in range(n):
            p, q = a[x * sa], b[x * sb]
            out[x * so] = p if (p > q) or np.isnan(p) else q
    elif code == MINIMUM:
        for x in range(n):
            p, q = a[x * sa], b[x * sb]
            out[x * so] = p if (p < q) or np.isnan(p) else q
    elif code == GT:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] > b[x * sb] else ZERO
    elif code == GE:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] >= b[x * sb] else ZERO
    elif code == LT:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] < b[x * sb] else ZERO
    elif code == LE:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] <= b[x * sb] else ZERO
    elif code == EQ:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] == b[x * sb] else ZERO
    elif code == NE:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] != b[x * sb] else ZERO


@part
def comparison_with_one(code, n, out, so, a, sa, q):  # type: ignore[no-untyped-def]  # noqa: PLR0912
    """`comparison` with a single number, whose loops LLVM vectorises."""
    if code == MAXIMUM:
        for x in range(n):
            p = a[x * sa]
            out[x * so] = p if (p > q) or np.isnan(p) else q
    elif code == MINIMUM:
        for x in range(n):
            p = a[x * sa]
            out[x * so] = p if (p < q) or np.isnan(p) else q
    elif code == GT:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] > q else ZERO
    elif code == GE:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] >= q else ZERO
    elif code == LT:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] < q else ZERO
    elif code == LE:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] <= q else ZERO
    elif code == EQ:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] == q else ZERO
    elif code == NE:
        for x in range(n):
            out[x * so] = ONE if a[x * sa] != q else ZERO


@part
def curve_of_two(code, n, out, so, a, sa, b, sb):  # type: ignore[no-untyped-def]
    """out = f(a, b) that takes a call for each element, n of them."""
    if code == ATAN2:
        for x in range(n):
            out[x * so] = math.atan2(a[x * sa], b[x * sb])
    elif code == POW:
        for x in range(n):
            out[x * so] = math.pow(a[x * sa], b[x * sb])
    elif code == HYPOT:
        for x in range(n):
            out[x * so] = math.hypot(a[x * sa], b[x * sb])
    elif code == COPYSIGN:
        for x in range(n):
            out[x * so] = math.copysign(a[x * sa], b[x * sb])
    elif code == FINITE_OR:
        for x in range(n):
            value = a[x * sa]
            out[x * so] = value if value - value == ZERO else b[x * sb]


@part
def bounded(n, out, so, a, sa, low, high):  # type: ignore[no-untyped-def]
    """out = a between two numbers, n elements."""
    for x in range(n):
        value = low if a[x * sa] < low else a[x * sa]
        out[x * so] = high if value > high else value


@part
def between(n, out, so, begin, end, c, sc):  # type: ignore[no-untyped-def]
    """out = interpolated from one number to another by shares c, n elements."""
    way = end - begin
    for x in range(n):
        share = c[x * sc]
        out[x * so] = begin + share * way if abs(share) < HALF else end - way * (ONE - share)


@part
def ternary(code, n, out, so, a, sa, b, sb, c, sc):  # type: ignore[no-untyped-def]
    """out = f(a, b, c), n elements."""
    if code == WHERE:
        for x in range(n):
            p, q = b[x * sb], c[x * sc]  # both are read, without a branch
            out[x * so] = p if a[x * sa] != ZERO else q
    elif code == LERP and sa == 0 and sb == 0:
        between(n, out, so, a[0], b[0], c, sc)
    elif code == LERP:
        for x in range(n):
            begin, end, share = a[x * sa], b[x * sb], c[x * sc]
            way = end - begin
            out[x * so] = begin + share * way if abs(share) < HALF else end - way * (ONE - share)
    elif code == CLAMP and sb == 0 and sc == 0:
        bounded(n, out, so, a, sa, b[0], c[0])
    elif code == CLAMP:
        for x in range(n):
            value, low, high = a[x * sa], b[x * sb], c[x * sc]
            value = low if value < low else value
            out[x * so] = high if value > high else value
    elif code == MINUS_PRODUCT:
        for x in range(n):
            out[x * so] = a[x * sa] - b[x * sb] * c[x * sc]


@part
def total(n, a, sa):  # type: ignore[no-untyped-def]
    """The sum of n elements, by eight sums that do not wait for each other."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = ZERO
    whole = n - n % 8
    for x in range(0, whole, 8):
        s0, s1, s2, s3 = s0 + a[x * sa], s1 + a[(x + 1) * sa], s2 + a[(x + 2) * sa], s3 + a[(x + 3) * sa]
        s4, s5, s6, s7 = s4 + a[(x + 4) * sa], s5 + a[(x + 5) * sa], s6 + a[(x + 6) * sa], s7 + a[(x + 7) * sa]
    for x in range(whole, n):
        s0 += a[x * sa]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@part
def reduced(code, n, start, a, sa):  # type: ignore[no-untyped-def]
    """The reduction of n elements and `start`."""
    if code == SUM:
        start += total(n, a, sa)
    elif code == SUM_OF_SQUARES:
        for x in range(n):
            start += a[x * sa] * a[x * sa]
    elif code == LARGEST:
        for x in range(n):
            value = a[x * sa]
            start = value if (value > start) or np.isnan(value) else start
    elif code == LEAST:
        for x in range(n):
            value = a[x * sa]
            start = value if (value < start) or np.isnan(value) else start
    return start


@part
def accumulate(code, n, out, so, a, sa):  # type: ignore[no-untyped-def]
    """Reduce n elements into n others, one each."""
    if code == SUM:
        for x in range(n):
            out[x * so] += a[x * sa]
    elif code == SUM_OF_SQUARES:
        for x in range(n):
            out[x * so] += a[x * sa] * a[x * sa]
    elif code == LARGEST:
        for x in range(n):
            p, q = out[x * so], a[x * sa]
            out[x * so] = q if (q > p) or np.isnan(q) else p
    elif code == LEAST:
        for x in range(n):
            p, q = out[x * so], a[x * sa]
            out[x * so] = q if (q < p) or np.isnan(q) else p

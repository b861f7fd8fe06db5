"""`to_bytes` on a CPU, compiled by numba."""

from __future__ import annotations

import numpy as np
import torch
from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir  # llvmlite's, which numba brings along
from numba.extending import intrinsic
from torch import Tensor

from kernels.compile import compile_cached

compiled = compile_cached()
COLOURS, AT_ONCE = 3, 16  # planes that are interleaved by vectors, of so many pixels
MOST, HALF, ZERO = (np.float32(value) for value in (255, 0.5, 0))
_INT32, _INT64, _BYTE, _FLOAT = ir.IntType(32), ir.IntType(64), ir.IntType(8), ir.FloatType()


def to_bytes(planes: Tensor) -> Tensor:
    """See `kernels.pixels.to_bytes`."""
    batch, channels, height, width = planes.shape
    out = torch.empty(batch, height, width, channels, dtype=torch.uint8)
    for i in range(batch):
        interleave(planes[i].contiguous().numpy(), out[i].numpy())
    return out


@compiled
def interleave(planes, out):  # type: ignore[no-untyped-def]
    """One picture (C, H, W) float → (H, W, C) uint8."""
    width = planes.shape[2]
    whole = width - width % AT_ONCE if planes.shape[0] == COLOURS else 0
    for y in range(planes.shape[1]):
        for x in range(0, whole, AT_ONCE):
            store_colours(planes, out, y, x)
        for c in range(planes.shape[0]):
            for x in range(whole, width):
                value = planes[c, y, x] * MOST + HALF
                out[y, x, c] = np.uint8(np.int32(min(max(value, ZERO), MOST)))


@intrinsic
def store_colours(typing_context, planes, out, y, x):  # type: ignore[no-untyped-def]
    """`AT_ONCE` pixels of a row y from x on, as bytes; stored one by one they cost three times as much. Both arrays
    are contiguous.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        source, target = (context.make_array(signature.args[n])(context, builder, arguments[n]) for n in (0, 1))
        _, height, width = cgutils.unpack_tuple(builder, source.shape)
        row, column = arguments[2], arguments[3]

        def of_each(value):  # type: ignore[no-untyped-def]
            return ir.Constant(ir.VectorType(_FLOAT, AT_ONCE), [float(value)] * AT_ONCE)

        def mixed(a, b, lanes):  # type: ignore[no-untyped-def]
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, len(lanes)), lanes))

        colours = []
        for channel in range(COLOURS):
            line = builder.add(builder.mul(_INT64(channel), height), row)
            address = builder.gep(source.data, [builder.add(builder.mul(line, width), column)])
            values = builder.load(builder.bitcast(address, ir.VectorType(_FLOAT, AT_ONCE).as_pointer()), align=4)
            values = builder.fadd(builder.fmul(values, of_each(MOST)), of_each(HALF))
            values = builder.select(builder.fcmp_ordered(">", values, of_each(ZERO)), values, of_each(ZERO))
            values = builder.select(builder.fcmp_ordered("<", values, of_each(MOST)), values, of_each(MOST))
            whole = builder.fptoui(values, ir.VectorType(_INT32, AT_ONCE))
            colours.append(builder.trunc(whole, ir.VectorType(_BYTE, AT_ONCE)))
        red, green, blue = colours
        first, last = mixed(red, green, list(range(2 * AT_ONCE))), mixed(blue, blue, list(range(2 * AT_ONCE)))
        lanes = [pixel + AT_ONCE * channel for pixel in range(AT_ONCE) for channel in range(COLOURS)]
        address = builder.gep(target.data, [builder.mul(builder.add(builder.mul(row, width), column), _INT64(COLOURS))])
        pixels = ir.VectorType(_BYTE, COLOURS * AT_ONCE)
        builder.store(mixed(first, last, lanes), builder.bitcast(address, pixels.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(planes, out, y, x), generate

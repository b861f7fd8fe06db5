"""Bilinear samples of textures whose four channels lie side by side, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir  # llvmlite's, which numba brings along
from numba.extending import intrinsic

from kernels.sampling.numba_kernel import part

CHANNELS = 4
_FLOAT, _INT16, _INT32, _INT64 = ir.FloatType(), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_FOUR, _EIGHT, _EIGHT_STEPS = ir.VectorType(_FLOAT, 4), ir.VectorType(_FLOAT, 8), ir.VectorType(_INT16, 8)
_CONTRACT = ("contract",)  # products and sums may be one instruction


@part
def sample_texels(texels, unit, side, texel, offset, start, stop, moved):  # type: ignore[no-untyped-def]
    """Bilinear samples (4, S) of a square texture, flat, from `start` up to `stop`. unit: the value of a step of texels
    in 16 bits, or 1. Four pixels at a time, all channels of two neighbours in one vector; unrolled, and with unsigned
    indices, for which numba handles no negative values.
    """
    row, four, next_row = np.uint64(4 * side), np.uint64(4), np.uint64(8 * side)
    line = np.uint64(64 // texels.itemsize)  # elements in a line of the cache
    last = np.uint64(texels.shape[0]) - np.uint64(1)
    x = start
    while x + four <= stop:
        # The next row of the canvas reads two rows further on, which the processor does not foresee.
        ahead = np.uint64(texel[x]) + next_row
        prefetch(texels, min(ahead, last))
        prefetch(texels, min(ahead + line, last))
        prefetch(texels, min(ahead + row, last))
        prefetch(texels, min(ahead + row + line, last))
        sample_four(texels, unit, row, texel, offset, x, moved)
        x += four
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    while x < stop:
        nw, sw = np.uint64(texel[x]), np.uint64(texel[x]) + row
        ne, se = nw + four, sw + four
        east, south = offset[0, x], unit * offset[1, x]
        b, d = east * (unit - south), east * south
        a, c = unit - south - b, south - d
        moved[0, x] = a * texels[nw] + b * texels[ne] + c * texels[sw] + d * texels[se]
        moved[1, x] = a * texels[nw + one] + b * texels[ne + one] + c * texels[sw + one] + d * texels[se + one]
        moved[2, x] = a * texels[nw + two] + b * texels[ne + two] + c * texels[sw + two] + d * texels[se + two]
        moved[3, x] = a * texels[nw + three] + b * texels[ne + three] + c * texels[sw + three] + d * texels[se + three]
        x += one


@intrinsic
def prefetch(typing_context, array, index):  # type: ignore[no-untyped-def]
    """Ask for the line of the cache that holds an element of a flat array, without waiting for it."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = _data(context, builder, signature, arguments, 0)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        kind = ir.FunctionType(ir.VoidType(), [address.type, _INT32, _INT32, _INT32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(function, [address, _INT32(0), _INT32(3), _INT32(1)])  # to read; into all caches; of data
        return context.get_dummy_value()

    return types.void(array, index), generate


@intrinsic
def sample_four(typing_context, texels, unit, row, texel, offset, x, moved):  # type: ignore[no-untyped-def]
    """`sample_texels` of four pixels from x on. row: elements of the texture's."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        texture, indices, offsets, out = (_data(context, builder, signature, arguments, n) for n in (0, 3, 4, 6))
        size = cgutils.unpack_tuple(
            builder, context.make_array(signature.args[6])(context, builder, arguments[6]).shape
        )[1]
        step, at = arguments[2], arguments[5]

        def vector(base, *steps):  # type: ignore[no-untyped-def]
            return builder.bitcast(builder.gep(base, list(steps)), _FOUR.as_pointer())

        def read(base, *steps):  # type: ignore[no-untyped-def]
            return builder.load(vector(base, *steps), align=4)

        def neighbours(address):  # type: ignore[no-untyped-def]
            if signature.args[0].dtype != types.int16:
                return builder.load(builder.bitcast(address, _EIGHT.as_pointer()), align=4)
            return builder.sitofp(builder.load(builder.bitcast(address, _EIGHT_STEPS.as_pointer()), align=2), _EIGHT)

        def times(a, b):  # type: ignore[no-untyped-def]
            return builder.fmul(a, b, _CONTRACT)

        first = builder.insert_element(ir.Constant(_FOUR, ir.Undefined), arguments[1], _INT32(0))
        units = builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_INT32, 4), [0] * 4))
        east, south = read(offsets, at), times(units, read(offsets, builder.add(at, size)))
        north = builder.fsub(units, south)
        b, d = times(east, north), times(east, south)
        a, c = builder.fsub(north, b), builder.fsub(south, d)
        samples = []
        for pixel in range(4):
            index = builder.load(builder.gep(indices, [builder.add(at, _INT64(pixel))]))
            upper = builder.gep(texture, [builder.zext(index, _INT64)])
            lower = builder.gep(upper, [step])
            lanes = ir.Constant(ir.VectorType(_INT32, 8), [pixel] * 4 + [4 + pixel] * 4)
            above = times(builder.shuffle_vector(a, b, lanes), neighbours(upper))
            below = times(builder.shuffle_vector(c, d, lanes), neighbours(lower))
            total = builder.fadd(above, below, _CONTRACT)
            west, east_half = (
                builder.shuffle_vector(total, total, ir.Constant(ir.VectorType(_INT32, 4), list(half)))
                for half in (range(4), range(4, 8))
            )
            samples.append(builder.fadd(west, east_half))
        for channel, values in enumerate(_transposed(builder, samples)):
            place = builder.add(builder.mul(size, _INT64(channel)), at)
            builder.store(values, vector(out, place), align=4)
        return context.get_dummy_value()

    return types.void(texels, unit, row, texel, offset, x, moved), generate


def _data(context, builder, signature, arguments, number):  # type: ignore[no-untyped-def]
    """The address of an argument's first element; it is an array whose elements lie together."""
    return context.make_array(signature.args[number])(context, builder, arguments[number]).data


def _transposed(builder, rows):  # type: ignore[no-untyped-def]
    """Four vectors of four as their columns."""

    def mixed(a, b, *lanes):  # type: ignore[no-untyped-def]
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, 4), list(lanes)))

    first, second, third, fourth = rows
    low, high = mixed(first, second, 0, 4, 1, 5), mixed(third, fourth, 0, 4, 1, 5)
    yield mixed(low, high, 0, 1, 4, 5)
    yield mixed(low, high, 2, 3, 6, 7)
    low, high = mixed(first, second, 2, 6, 3, 7), mixed(third, fourth, 2, 6, 3, 7)
    yield mixed(low, high, 0, 1, 4, 5)
    yield mixed(low, high, 2, 3, 6, 7)

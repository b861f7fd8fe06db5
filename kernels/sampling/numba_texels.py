"""Bilinear samples of textures whose four channels lie side by side, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir  # llvmlite's, which numba brings along
from numba.extending import intrinsic

from kernels.sampling.numba_kernel import ONE, part

CHANNELS = 4
_FLOAT, _INT32, _INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_FOUR = ir.VectorType(_FLOAT, 4)
_CONTRACT = ("contract",)  # products and sums may be one instruction


@part
def sample_texels(texels, side, texel, offset, start, stop, moved):  # type: ignore[no-untyped-def]
    """Bilinear samples (4, S) of a square texture, from `start` up to `stop`. Four pixels at a time, the four channels
    of each in one vector; unrolled, and with unsigned indices, for which numba handles no negative values.
    """
    row, four, next_row = np.uint64(4 * side), np.uint64(4), np.uint64(8 * side)
    last = np.uint64(texels.shape[0]) - np.uint64(1)
    x = start
    while x + four <= stop:
        # The next row of the canvas reads two rows further on, which the processor does not foresee.
        ahead = np.uint64(texel[x]) + next_row
        prefetch(texels, min(ahead, last))
        prefetch(texels, min(ahead + np.uint64(16), last))
        prefetch(texels, min(ahead + row, last))
        prefetch(texels, min(ahead + row + np.uint64(16), last))
        sample_four(texels, row, texel, offset, x, moved)
        x += four
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    while x < stop:
        nw, sw = np.uint64(texel[x]), np.uint64(texel[x]) + row
        ne, se = nw + four, sw + four
        east, south = offset[0, x], offset[1, x]
        b, d = east * (ONE - south), east * south
        a, c = ONE - south - b, south - d
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
def sample_four(typing_context, texels, row, texel, offset, x, moved):  # type: ignore[no-untyped-def]
    """`sample_texels` of four pixels from x on. row: elements of the texture's."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        texture, indices, offsets, out = (_data(context, builder, signature, arguments, n) for n in (0, 2, 3, 5))
        size = cgutils.unpack_tuple(
            builder, context.make_array(signature.args[5])(context, builder, arguments[5]).shape
        )[1]
        step, at = arguments[1], arguments[4]

        def vector(base, *steps):  # type: ignore[no-untyped-def]
            return builder.bitcast(builder.gep(base, list(steps)), _FOUR.as_pointer())

        def read(base, *steps):  # type: ignore[no-untyped-def]
            return builder.load(vector(base, *steps), align=4)

        def times(a, b):  # type: ignore[no-untyped-def]
            return builder.fmul(a, b, _CONTRACT)

        east, south = read(offsets, at), read(offsets, builder.add(at, size))
        north = builder.fsub(ir.Constant(_FOUR, [1.0] * 4), south)
        b, d = times(east, north), times(east, south)
        weights = builder.fsub(north, b), b, builder.fsub(south, d), d
        samples = []
        for pixel in range(4):
            index = builder.load(builder.gep(indices, [builder.add(at, _INT64(pixel))]))
            upper = builder.gep(texture, [builder.zext(index, _INT64)])
            lower = builder.gep(upper, [step])
            corners = read(upper, _INT64(0)), read(upper, _INT64(4)), read(lower, _INT64(0)), read(lower, _INT64(4))
            lane = ir.Constant(ir.VectorType(_INT32, 4), [pixel] * 4)
            total = None
            for weight, corner in zip(weights, corners, strict=True):
                product = times(builder.shuffle_vector(weight, weight, lane), corner)
                total = product if total is None else builder.fadd(total, product, _CONTRACT)
            samples.append(total)
        for channel, values in enumerate(_transposed(builder, samples)):
            place = builder.add(builder.mul(size, _INT64(channel)), at)
            builder.store(values, vector(out, place), align=4)
        return context.get_dummy_value()

    return types.void(texels, row, texel, offset, x, moved), generate


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

"""Reading and writing at addresses from code that numba compiles, and where an instruction has its operands."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic

from kernels.compile import compile_cached
from kernels.tape.codes import FIRST_OPERAND, OPERAND_WIDTH

compiled = compile_cached(error_model="numpy", fastmath={"contract"})  # NaN and infinities are kept
part = compile_cached(error_model="numpy", fastmath={"contract"}, no_cpython_wrapper=True, no_cfunc_wrapper=True)
ZERO, ONE, HALF = (np.float32(value) for value in (0, 1, 0.5))
OUT, A, B, C = (FIRST_OPERAND + n * OPERAND_WIDTH for n in range(4))  # columns: what is written, and what is read


@intrinsic
def floats_at(typing_context, address):  # type: ignore[no-untyped-def]
    """float32 values at an address, which nobody checks."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(address), generate


@intrinsic
def numbers_at(typing_context, address):  # type: ignore[no-untyped-def]
    """int64 values at an address, which nobody checks."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(address), generate


@intrinsic
def small_numbers_at(typing_context, address):  # type: ignore[no-untyped-def]
    """int32 values at an address, which nobody checks."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int32)(address), generate


@part
def offset(row, operand, i, j, k, m):  # type: ignore[no-untyped-def]
    """The address of an operand at the first four indices."""
    steps = i * row[operand + 1] + j * row[operand + 2] + k * row[operand + 3] + m * row[operand + 4]
    return row[operand] + 4 * steps

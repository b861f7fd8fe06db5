"""Which operation of torch becomes which instructions."""

from __future__ import annotations

import math
from collections.abc import Callable

from kernels.tape import codes
from kernels.tape.lower_elements import (
    add,
    bits,
    clamp,
    copy,
    div,
    full_like,
    logical_not,
    nan_to_num,
    norm,
    pointwise,
    power,
    reciprocal,
    reduction,
    round_,
    rsub,
    sub,
    write,
)
from kernels.tape.lower_maps import grid_sample, pooling, repeat_border, resize
from kernels.tape.lower_places import cat, cross, flip, index, index_copy, matmul, pad, repeat, roll, select_rows, stack
from kernels.tape.lowering import Instruction, Lowering, Untranslated
from kernels.tape.recorder import Call

INFINITE = math.inf
LOWERINGS: dict[str, Callable[..., None]] = {
    "neg": pointwise(codes.NEG), "abs": pointwise(codes.ABS), "exp": pointwise(codes.EXP),
    "log": pointwise(codes.LOG), "sin": pointwise(codes.SIN), "cos": pointwise(codes.COS),
    "tanh": pointwise(codes.TANH), "sqrt": pointwise(codes.SQRT), "sign": pointwise(codes.SIGN),
    "trunc": pointwise(codes.TRUNC), "floor": pointwise(codes.FLOOR), "mul": pointwise(codes.MUL),
    "maximum": pointwise(codes.MAXIMUM), "minimum": pointwise(codes.MINIMUM), "gt": pointwise(codes.GT),
    "ge": pointwise(codes.GE), "lt": pointwise(codes.LT), "le": pointwise(codes.LE), "eq": pointwise(codes.EQ),
    "ne": pointwise(codes.NE), "atan2": pointwise(codes.ATAN2), "hypot": pointwise(codes.HYPOT),
    "copysign": pointwise(codes.COPYSIGN), "where": pointwise(codes.WHERE), "lerp": pointwise(codes.LERP),
    "clamp_min": pointwise(codes.MAXIMUM), "clamp_max": pointwise(codes.MINIMUM),
    "add": add, "sub": sub, "rsub": rsub, "div": div, "pow": power, "reciprocal": reciprocal, "round": round_,
    "clamp": clamp, "nan_to_num": nan_to_num, "bitwise_and": bits(codes.MUL), "bitwise_or": bits(codes.MAXIMUM),
    "bitwise_not": logical_not, "logical_not": logical_not,
    "clone": copy, "_to_copy": copy, "copy_": write, "fill_": write,
    "zeros_like": full_like(0.0), "ones_like": full_like(1.0), "full_like": full_like(None),
    "new_zeros": full_like(0.0), "new_ones": full_like(1.0),
    "cat": cat, "stack": stack, "roll": roll, "flip": flip, "repeat": repeat, "constant_pad_nd": pad,
    "sum": reduction(codes.SUM, 0.0), "mean": reduction(codes.SUM, 0.0, mean=True),
    "amax": reduction(codes.LARGEST, -INFINITE), "amin": reduction(codes.LEAST, INFINITE),
    "all": reduction(codes.LEAST, 1.0), "any": reduction(codes.LARGEST, 0.0), "linalg_vector_norm": norm,
    "mm": matmul, "bmm": matmul, "mv": matmul, "linalg_cross": cross,
    "index_select": select_rows, "index": index, "index_copy": index_copy,
    "grid_sampler_2d": grid_sample, "avg_pool2d": pooling(codes.BOX_SUM),
    "max_pool2d_with_indices": pooling(codes.BOX_MAXIMUM), "replication_pad2d": repeat_border,
    "upsample_bilinear2d": resize,
}  # fmt: skip


def translate(lowering: Lowering, call: Call) -> list[Instruction]:
    """The instructions of a call. Raises Untranslated for an operation, or a form of one, that is left to torch."""
    name = call.name.split(".")[1] if call.name.startswith("aten.") else ""
    lower = LOWERINGS.get(name) or LOWERINGS.get(name.removesuffix("_"))  # in place, the result is an argument
    if lower is None:
        raise Untranslated(call.name)
    lowering.instructions = []
    lower(lowering, call, *call.arguments, **call.keywords)
    return lowering.instructions

"""Codes and layout of the instructions that `kernels.tape.numba_kernel` runs."""

from __future__ import annotations

DIMS = 5  # of the shape over which an instruction counts; unused ones come first and are 1
OPERANDS = 4  # written tensor, and up to three that are read
SHAPE = 1  # first column of the shape; column 0 is the code
FIRST_OPERAND = SHAPE + DIMS
OPERAND_WIDTH = 1 + DIMS  # address in bytes, strides in elements
EXTRAS = FIRST_OPERAND + OPERANDS * OPERAND_WIDTH
EXTRA_COUNT = 10  # whole numbers whose meaning depends on the code
WIDTH = EXTRAS + EXTRA_COUNT

# Element by element. Truth is 1 or 0; whole numbers are floats, too.
COPY, NEG, ABS, SQRT, ROUND, SIGN, TRUNC, FLOOR = range(8)
EXP, LOG, SIN, COS, TANH = range(10, 15)
ADD, SUB, MUL, DIV = range(20, 24)
MAXIMUM, MINIMUM, GT, GE, LT, LE, EQ, NE = range(24, 32)
ATAN2, POW, HYPOT, COPYSIGN, FINITE_OR = range(32, 37)
WHERE, LERP, CLAMP, MINUS_PRODUCT = range(40, 44)
LAST_POINTWISE = 49
# Over the shape, with stride 0 of the written tensor along what is reduced, which holds a first value.
SUM, LARGEST, LEAST, SUM_OF_SQUARES = range(50, 54)
LAST_REDUCTION = 59
MATMUL, SELECT, SCATTER, GRID_SAMPLE, BOX_SUM, BOX_MAXIMUM, REPEAT_BORDER, RESIZE = range(60, 68)

WIDEST_MAP = 2048  # cells in a row of a map that is sampled, pooled or resized, with what is added at its borders
SCRATCH = 9 * WIDEST_MAP  # floats that an instruction has for itself, rows of what `GRID_SAMPLE` needs

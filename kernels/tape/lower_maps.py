"""Translates operations on maps, (batch, channels, height, width)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from kernels.tape import codes
from kernels.tape.lowering import Lowering, Untranslated
from kernels.tape.recorder import Call


def grid_sample(lowering: Lowering, call: Call, a: Tensor, grid: Tensor, mode: int, padding: int, align: bool) -> None:
    if mode > 1 or padding > 1:
        raise Untranslated("another way of sampling")
    if grid.shape[2] > codes.WIDEST_MAP:
        raise Untranslated("a wide grid")
    out, value, place = (lowering.view(part) for part in (call.results[0], a, grid))
    batch, channels, rows, columns = out.shape
    shape = (batch, 1, channels, rows, columns)
    extras = (*a.shape[2:], *value.strides[2:], int(mode == 1), int(padding == 1), int(align))
    views = [
        out.arranged(shape, (out.strides[0], 0, *out.strides[1:])),
        value.arranged(shape, (value.strides[0], 0, value.strides[1], 0, 0)),
        place.arranged(shape, (place.strides[0], 0, place.strides[3], place.strides[1], place.strides[2])),
    ]
    lowering.emit_exact(codes.GRID_SAMPLE, shape, views, extras)


def two(value: int | Sequence[int]) -> tuple[int, int]:
    values = [value] if isinstance(value, int) else list(value)
    return (values[0], values[-1])


def pooling(code: int) -> Callable[..., None]:
    def lower(
        lowering: Lowering, call: Call, a: Tensor, kernel: Any, stride: Any = (), padding: Any = 0, *rest: Any
    ) -> None:
        tall, broad = two(kernel)
        down, across = two(stride) if stride else (tall, broad)
        above, beside = two(padding)
        out, value = lowering.view(call.results[0]), lowering.view(a)
        given = [two(each)[0] if isinstance(each, list) else each for each in rest]
        exact = (a.shape[2] + 2 * above - tall) % down == 0 and (a.shape[3] + 2 * beside - broad) % across == 0
        plain: list[Any] = [exact and given[0] if given else False, True, None]
        if code == codes.BOX_MAXIMUM:  # has dilation before `ceil_mode`
            plain = [1, False]
        if given != plain[: len(given)] or len(out.shape) != 4:
            raise Untranslated("another pooling")
        if a.shape[3] + 2 * beside > codes.WIDEST_MAP or value.strides[3] != 1 or out.strides[3] != 1:
            raise Untranslated("another layout")
        batch, channels, rows, columns = out.shape
        shape = (batch, channels, 1, rows, columns)
        views = [
            part.arranged(shape, (part.strides[0], part.strides[1], 0, part.strides[2], 1)) for part in (out, value)
        ]
        extras = (*a.shape[2:], value.strides[2], tall, broad, down, across, above, beside)
        lowering.emit_exact(code, shape, views, extras)
        if code == codes.BOX_SUM:
            lowering.emit(codes.MUL, out, out, lowering.view(1 / (tall * broad)))

    return lower


def repeat_border(lowering: Lowering, call: Call, a: Tensor, pad: Sequence[int]) -> None:
    out, value = lowering.view(call.results[0]), lowering.view(a)
    if min(pad) < 0 or len(out.shape) != 4:
        raise Untranslated("a negative border")
    batch, channels, rows, columns = out.shape
    shape = (batch, channels, 1, rows, columns)
    views = [part.arranged(shape, (*part.strides[:2], 0, *part.strides[2:])) for part in (out, value)]
    lowering.emit_exact(codes.REPEAT_BORDER, shape, views, (*a.shape[2:], pad[0], pad[2]))


def resize(lowering: Lowering, call: Call, a: Tensor, size: Any, align: bool, *_: Any) -> None:
    out, value = lowering.view(call.results[0]), lowering.view(a)
    if align or max(a.shape[3], out.shape[3]) > codes.WIDEST_MAP:
        raise Untranslated("another resizing")
    batch, channels, rows, columns = out.shape
    shape = (batch, channels, 1, rows, columns)
    views = [part.arranged(shape, (*part.strides[:2], 0, *part.strides[2:])) for part in (out, value)]
    lowering.emit_exact(codes.RESIZE, shape, views, tuple(a.shape[2:]))

"""The frame of a drawn canvas: its pixels at the size of the video, and its sides for the head that stays inside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
import torch

from models.geometry.keep_in_frame import UNBOUNDED, FrameBounds
from streamer.frames import Image
from streamer.generation.controls import Controls
from streamer.generation.transfer import upload
from streamer.rigging.canvas import Rect
from streamer.rigging.framing import Framing, Layout, canvas_crop, output_size

KEPT = 32  # layouts and framings whose bounds are kept
NO_BOUNDS = (0.0, 0.0, 0.0, 1.0, -UNBOUNDED, -UNBOUNDED, UNBOUNDED, UNBOUNDED)  # a head and the sides of its frame


def shown_rect(layout: Layout, framing: Framing) -> Rect:
    """The frame that is shown, in pixels of the picture.

    Where the canvas was prepared for another zoom or position, it is that of `framing` as far as the canvas reaches;
    where it was prepared for another shape, it is that of the canvas.
    """
    base = layout.rect
    if framing == layout.framing or not framing.has_shape_of(layout.framing):
        return base
    left, top, width, height = layout.rect_for(framing)
    side = max(base.width, base.height)
    if max(width, height) >= side:
        return base
    middle = base.left + base.width / 2, base.top + base.height / 2
    left, top = (
        min(max(start, centre - side / 2), centre + side / 2 - length)
        for start, centre, length in ((left, middle[0], width), (top, middle[1], height))
    )
    return Rect(left, top, width, height)


def cut_frame(planes: Sequence[Image], layout: Layout, framing: Framing, full_size: int) -> list[Image]:
    """The frame of square planes (S, S, C), each (H, W, C), at the size of the video.

    full_size: side of the canvas that the picture was prepared on, pixels; frames of a smaller one are scaled to it.
    Where the canvas was prepared for another zoom or position, the frame is resampled, until the picture is prepared
    anew.
    """
    size = planes[0].shape[0]
    rect = shown_rect(layout, framing)
    width, height = output_size(layout.framing, layout.rect, full_size)
    crop = canvas_crop(layout.rect, size)
    if rect == layout.rect:
        column, row = (size - crop[0]) // 2, (size - crop[1]) // 2
        cut = [plane[row : row + crop[1], column : column + crop[0]] for plane in planes]
        return [_resize(plane, width, height) for plane in cut]
    left, top, right, bottom = (side * size / 2 for side in canvas_sides(layout, rect))
    across, down = (right - left) / width, (bottom - top) / height
    matrix = np.array(
        [[across, 0, left + size / 2 + (across - 1) / 2], [0, down, top + size / 2 + (down - 1) / 2]], np.float64
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = (cv2.warpAffine(p, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE) for p in planes)
    return [plane.reshape(height, width, -1).astype(np.uint8, copy=False) for plane in moved]


def canvas_sides(layout: Layout, rect: Rect) -> tuple[float, float, float, float]:
    """Left, upper, right and lower side of a rectangle of the picture, canvas units."""
    base = layout.rect
    half = max(base.width, base.height) / 2
    x, y = base.left + base.width / 2, base.top + base.height / 2
    return (
        (rect.left - x) / half,
        (rect.top - y) / half,
        (rect.left + rect.width - x) / half,
        (rect.top + rect.height - y) / half,
    )


def frame_bounds(layouts: Sequence[Layout | None], controls: Sequence[Controls], device: torch.device) -> FrameBounds:
    """The heads and frames of B sessions on the device; without bounds where a session does not keep its head in."""
    rows = [
        _head_and_sides(layout, chosen.framing) if layout is not None and chosen.keep_in_frame else NO_BOUNDS
        for layout, chosen in zip(layouts, controls, strict=True)
    ]
    head, sides = upload(torch.tensor(rows, dtype=torch.float32), device).split(4, -1)
    return FrameBounds(head, sides)


@lru_cache(maxsize=KEPT)
def _head_and_sides(layout: Layout, framing: Framing) -> tuple[float, ...]:
    """A row of `frame_bounds`, which seldom changes."""
    return *layout.hair, *canvas_sides(layout, shown_rect(layout, framing))


def _resize(plane: Image, width: int, height: int) -> Image:
    """A plane (H, W, C) at another size, contiguous."""
    if plane.shape[:2] == (height, width):
        return np.ascontiguousarray(plane)
    if abs(plane.shape[0] - height) < 2 and abs(plane.shape[1] - width) < 2:  # an odd last row or column
        return np.ascontiguousarray(plane[:height, :width])
    method = cv2.INTER_AREA if width < plane.shape[1] else cv2.INTER_CUBIC
    scaled = cv2.resize(plane, (width, height), interpolation=method)
    return scaled.reshape(height, width, -1).astype(np.uint8, copy=False)

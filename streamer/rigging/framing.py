"""Framing: which part of a picture the avatar video shows, and how large the video is.

The frame is a rectangle in pixels of the picture, which may reach beyond the picture's border. At preparation a square
canvas is laid around it; until a changed frame is prepared, a view of the canvas stands in for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch

from models.geometry.topology import HeadTransform, head_pose, topology
from streamer.options import OWN_ASPECT, RATIOS, FrameKind, parse_aspect
from streamer.rigging.canvas import Array, Canvas, Rect

HEAD_CENTRE = (0.0, -0.1, 0.5)  # canonical units: the middle of a head, between its face and the back of its skull
HEAD_RADIUS = 1.6  # canonical units: from there to the chin and to the top of the hair
BARE_HEAD = (*HEAD_CENTRE, HEAD_RADIUS)
HAIR_REACH = 2.1  # canonical units from the middle of the head within which the matte is taken for head and hair
HAIR_LINK = 0.2  # canonical units: parts of the matte that hang together by less are no hair
HAIR_LOWEST = 0.8  # canonical units, y: below the mouth hair cannot be told from the shoulders
# Of the frames that are chosen by the head: its diameter over the frame's height and at most over its width, and how
# far below the upper border its middle lies, over the frame's height.
HEAD_SHARES: dict[FrameKind, tuple[float, float, float]] = {"bust": (0.5, 0.65, 0.42), "face": (0.8, 0.9, 0.5)}


class Circle(NamedTuple):
    """Centre and radius, in pixels of the picture or in canvas units."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Framing:
    """What a person chooses.

    kind: the whole picture, head and shoulders, or the face. aspect: of the video, see `parse_aspect`. zoom: size of
    the character relative to that, 1 = as `kind` has it. x, y: where the character is moved, in half sides of the
    frame, right and down.
    """

    kind: FrameKind = "whole"
    aspect: str = OWN_ASPECT
    zoom: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def has_shape_of(self, other: Framing) -> bool:
        """Whether both give videos of the same size, and differ by zoom and position at most."""
        return (self.kind, self.aspect) == (other.kind, other.aspect)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a picture is laid on its canvas, and where its head is.

    width, height: of the picture, pixels. skull: the head without hair, in pixels of the picture. framing: what the
    canvas was made for. rect: the frame, in pixels of the picture; the canvas is the square around it. hair: the head
    with hair in the picture, canonical units: x, y, z of its middle, and its radius.
    """

    width: int
    height: int
    skull: Circle
    framing: Framing
    rect: Rect
    hair: tuple[float, float, float, float]

    def rect_for(self, framing: Framing) -> Rect:
        """The frame in pixels of the picture for another framing."""
        return frame_rect(framing, self.width, self.height, self.skull)


def frame_rect(framing: Framing, width: int, height: int, head: Circle) -> Rect:
    """The frame (pixels) for a picture of width × height pixels with this head.

    The frame is moved into the picture as far as it fits; one that is higher ends at the picture's lower border, since
    that is where a portrait cuts its person. Position moves it on from there, but not beyond the head.
    """
    sides = parse_aspect(framing.aspect) or (width, height)
    aspect = sides[0] / sides[1]
    # The whole picture, exactly where the frame has its aspect.
    wide = width * sides[1] > height * sides[0]
    frame_width, frame_height = (width, width * sides[1] / sides[0]) if wide else (height * sides[0] / sides[1], height)
    left, top = (width - frame_width) / 2, height - frame_height
    if framing.kind != "whole":
        by_height, by_width, middle = HEAD_SHARES[framing.kind]
        closer = 2 * head.radius * max(1 / by_height, 1 / (by_width * aspect))
        if closer < frame_height:
            frame_width, frame_height = closer * aspect, closer
            left, top = head.x - frame_width / 2, head.y - middle * frame_height
    left, top = head.x + (left - head.x) / framing.zoom, head.y + (top - head.y) / framing.zoom
    frame_width, frame_height = frame_width / framing.zoom, frame_height / framing.zoom
    left = _into(left, frame_width, width, (width - frame_width) / 2)
    top = _into(top, frame_height, height, height - frame_height)
    left = _shifted(left, -framing.x * frame_width / 2, frame_width, head.x, head.radius)
    top = _shifted(top, -framing.y * frame_height / 2, frame_height, head.y, head.radius)
    return Rect(left, top, frame_width, frame_height)


def output_size(framing: Framing, rect: Rect, size: int) -> tuple[int, int]:
    """Width and height of the video in pixels. size: its longer side, unless the framing names a size of its own."""
    sides = parse_aspect(framing.aspect)
    if sides is not None and framing.aspect not in RATIOS:
        return sides
    crop = canvas_crop(rect, size)
    return crop if sides is None else (crop[0] // 2 * 2, crop[1] // 2 * 2)


def canvas_crop(rect: Rect, size: int) -> tuple[int, int]:
    """Width and height of the frame on a canvas of `size` pixels, in whose middle it lies."""
    scale = size / max(rect.width, rect.height)
    return max(2, round(rect.width * scale)), max(2, round(rect.height * scale))


def skull_circle(face: Array, canvas: Canvas) -> Circle:
    """The head without hair, in pixels of the picture, of landmarks (478, 3) on a canvas."""
    x, y, _, radius = _skull(_pose(face))
    left, top = canvas.to_picture(x, y)
    return Circle(left, top, radius * canvas.size / 2 / canvas.scale)


def head_with_hair(face: Array, matte: Array) -> tuple[float, float, float, float]:
    """The sphere around head and hair in canonical units: x, y, z of its middle, and its radius.

    face: landmarks (478, 3), canvas units. matte: (S, S) 0..1 of the same canvas.
    """
    pose = _pose(face)
    x, y, z, radius = _skull(pose)
    unit = radius / HEAD_RADIUS
    size = matte.shape[0]
    rows, columns = np.mgrid[:size, :size]
    across, down = (2 * columns + 1) / size - 1, (2 * rows + 1) / size - 1
    lowest = float(pose.apply(torch.tensor([[[0.0, HAIR_LOWEST, 0.0]]]))[0, 0, 1])
    near = (matte > 0.5) & (np.hypot(across - x, down - y) < HAIR_REACH * unit) & (down < lowest)
    link = max(1, round(HAIR_LINK * unit * size / 2))
    near = cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_OPEN, np.ones((link, link), np.uint8))
    _, parts = cv2.connectedComponents(near)
    middle = parts[np.clip(int((y + 1) * size / 2), 0, size - 1), np.clip(int((x + 1) * size / 2), 0, size - 1)]
    hair = (parts == middle) & (near > 0)
    outline = face[topology().oval.numpy(), :2]
    points = np.concatenate([np.stack([across[hair], down[hair]], 1), outline]).astype(np.float32)
    (x, y), radius = cv2.minEnclosingCircle(cv2.convexHull(points))
    centre = pose.inverse(torch.tensor([[[x, y, z]]]))[0, 0].tolist()
    return centre[0], centre[1], centre[2], radius / unit


def _pose(face: Array) -> HeadTransform:
    return head_pose(torch.from_numpy(np.ascontiguousarray(face))[None])


def _skull(pose: HeadTransform) -> tuple[float, float, float, float]:
    """x, y, z and radius of the head without hair, canvas units."""
    x, y, z = pose.apply(torch.tensor([[HEAD_CENTRE]]))[0, 0].tolist()
    return x, y, z, HEAD_RADIUS * float(pose.scale)


def _into(start: float, length: float, limit: int, outside: float) -> float:
    """The start of a side of this length moved into 0..limit; `outside` where it is longer than that."""
    return outside if length >= limit else min(max(start, 0.0), limit - length)


def _shifted(start: float, shift: float, length: float, head: float, radius: float) -> float:
    """The start of a side moved by `shift`, as far as the head stays between its ends, or the ends within the head."""
    low, high = sorted((head + radius - length, head - radius))
    return min(max(start + shift, min(low, start)), max(high, start))

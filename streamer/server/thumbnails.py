"""Small pictures of a session's character for the page: cut around the head, whatever the shape of the picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from streamer.rigging.framing import Circle
from streamer.rigging.picture import Picture
from streamer.rigging.rigger import Character

THUMBNAIL_SIDE = 128  # pixels
PICTURE_SIDE = 1024  # pixels, the longest side of a whole picture
HEAD_ROOM = 1.25  # half of the side cut out, in radii of the head: hair and some of the neck are seen


def thumbnail(character: Character) -> bytes:
    """The head in a picture of a character as WebP with alpha, THUMBNAIL_SIDE a side."""
    rgba = character.shown.rgba
    left, top, side = head_square(rgba.shape[1], rgba.shape[0], character.layout.skull)
    cut = Image.fromarray(np.ascontiguousarray(rgba[top : top + side, left : left + side]))
    data = io.BytesIO()
    cut.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS).save(data, "webp", quality=86)
    return data.getvalue()


def small_webp(picture: Picture) -> bytes:
    """A whole picture as WebP with its alpha, its longest side at most PICTURE_SIDE."""
    image = Image.fromarray(picture.rgba)
    image.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    data = io.BytesIO()
    image.save(data, "webp", quality=88)
    return data.getvalue()


def head_square(width: int, height: int, head: Circle) -> tuple[int, int, int]:
    """Left, top and side in pixels of the square around a head that lies within a picture of this size."""
    side = max(1, min(width, height, round(2 * HEAD_ROOM * head.radius)))
    left = min(max(0, round(head.x - side / 2)), width - side)
    top = min(max(0, round(head.y - side / 2)), height - side)
    return left, top, side

"""A number drawn into a video frame that survives VP8, scaling and a trip through the engine.

A strip of STRIP pixels at the top edge holds one cell per bit: sixteen bits of number, eight of checksum. A cell is
bright over dark for a one and dark over bright for a zero, so that reading needs no threshold and is independent of
brightness and contrast.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image

STRIP = 32  # pixels: two rows of one VP8 macroblock each
NUMBERS = 1 << 16
_CELLS = 24
_DARK, _BRIGHT = 32, 224  # inside the video range, so that no conversion clips them
_MIN_CONTRAST = 24.0  # 0..255 between the halves of a cell; below it the code counts as unreadable


def draw(rgb: Image, number: int) -> None:
    """Write `number` (0 <= number < NUMBERS) over the strip of rgb (H, W, 3) uint8, in place.

    Raises ValueError for a number out of range or a frame too small to hold the code.
    """
    if not 0 <= number < NUMBERS:
        raise ValueError(f"bar codes hold 0 to {NUMBERS - 1}, not {number}")
    height, width = rgb.shape[:2]
    if height < STRIP or width < 8 * _CELLS:
        raise ValueError(f"a bar code needs at least {8 * _CELLS} x {STRIP} pixels, not {width} x {height}")
    edges = _edges(width)
    for cell, bit in enumerate(_bits(number)):
        upper, lower = (_BRIGHT, _DARK) if bit else (_DARK, _BRIGHT)
        rgb[: STRIP // 2, edges[cell] : edges[cell + 1]] = upper
        rgb[STRIP // 2 : STRIP, edges[cell] : edges[cell + 1]] = lower


def read(frame: Image) -> int | None:
    """The number in the strip of a frame, (H, W, 3) RGB or (H, W) luma, uint8; None where it is unreadable."""
    if frame.shape[0] < STRIP or frame.shape[1] < 8 * _CELLS:
        return None
    strip = (frame[:STRIP] if frame.ndim == 2 else frame[:STRIP, :, 1]).astype(np.float32)
    margin = STRIP // 8  # rows next to a border have ringing from the codec
    upper = strip[margin : STRIP // 2 - margin].mean(axis=0)
    lower = strip[STRIP // 2 + margin : STRIP - margin].mean(axis=0)
    edges = _edges(frame.shape[1])
    third = frame.shape[1] // (3 * _CELLS)
    contrast = np.array([(upper - lower)[edges[i] + third : edges[i + 1] - third].mean() for i in range(_CELLS)])
    if np.abs(contrast).min() < _MIN_CONTRAST:
        return None
    number = 0
    for bit in contrast[:16] > 0:
        number = number << 1 | int(bit)
    return number if np.array_equal(contrast > 0, _bits(number)) else None


def copy(source: Image, target: Image) -> None:
    """Copy the strip of one frame to another of any width, in place, as the frame hook of the engine does."""
    target[:STRIP] = cv2.resize(source[:STRIP], (target.shape[1], STRIP), interpolation=cv2.INTER_AREA)


def _edges(width: int) -> list[int]:
    return [round(i * width / _CELLS) for i in range(_CELLS + 1)]


def _bits(number: int) -> NDArray[np.bool_]:
    """(24,) the number's bits, most significant first, then their CRC-8 (polynomial x^8 + x^2 + x + 1, start 0xFF)."""
    check = 0xFF
    for byte in number.to_bytes(2, "big"):
        check ^= byte
        for _ in range(8):
            check = (check << 1 ^ 0x07) & 0xFF if check & 0x80 else check << 1
    word = number << 8 | check
    return np.array([word >> i & 1 for i in reversed(range(_CELLS))], dtype=np.bool_)

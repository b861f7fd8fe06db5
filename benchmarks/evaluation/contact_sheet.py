"""Contact sheets: rows of pictures at moments spread over a clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from streamer.frames import Image
from streamer.virtual_camera import fit_to_size

TILE = 256


def moments(count: int, columns: int = 8) -> list[int]:
    """`columns` frames spread evenly over `count`, the first and the last among them."""
    return [int(i) for i in np.linspace(0, count - 1, columns).round()]


def pick(frames: Sequence[Image], columns: int = 8) -> list[Image]:
    """The frames at these moments."""
    return [frames[i] for i in moments(len(frames), columns)]


def contact_sheet(rows: Sequence[Sequence[Image]], tile: int = TILE) -> Image:
    """Each row's pictures beside each other, rows below each other, every picture whole in a square of `tile`."""
    return np.vstack([np.hstack([fit_to_size(picture, tile, tile) for picture in row]) for row in rows])


def save(picture: Image, path: Path) -> None:
    """Write an RGB picture; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

"""Contact sheets: rows of frames at moments spread over a clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from streamer.frames import Image
from streamer.virtual_camera import fit_to_size

TILE_SIDE = 256  # pixels
COLUMNS = 8


def moments(count: int, columns: int = COLUMNS) -> list[int]:
    """The indices of `columns` frames spread evenly over `count`, with the first and the last."""
    return [int(i) for i in np.linspace(0, count - 1, columns).round()]


def pick(frames: Sequence[Image], columns: int = COLUMNS) -> list[Image]:
    """The frames at `moments`."""
    return [frames[i] for i in moments(len(frames), columns)]


def contact_sheet(rows: Sequence[Sequence[Image]], tile: int = TILE_SIDE, height: int | None = None) -> Image:
    """One picture of all rows, each frame scaled to fit into a tile. tile, height: its sides, pixels; None: square."""
    height = tile if height is None else height
    return np.vstack([np.hstack([fit_to_size(picture, tile, height) for picture in row]) for row in rows])


def save(picture: Image, path: Path) -> None:
    """Write an RGB picture (H, W, 3) uint8, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

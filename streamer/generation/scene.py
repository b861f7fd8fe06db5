"""Draws the characters of one picture over one another: what each of them adds, before what stands behind them all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streamer.frames import AvatarFrame, Image


def over_plate(frames: Sequence[AvatarFrame], plate: Image) -> Image:
    """(H, W, 3) several characters over one plate, of frames (H, W) of each of them over that plate, with alpha.

    frames: the farthest first. plate: (H, W, 3). What a frame adds to the plate is drawn over what stands behind, so
    that one character alone is exactly their frame.
    """
    farthest, *nearer = frames
    if not nearer:
        return farthest.rgb
    plate32 = plate.astype(np.float32)
    added = farthest.rgb - plate32  # what all of them add to the plate
    for frame in nearer:
        added *= _left_by(frame)
        added += frame.rgb - plate32
    return _bytes(added + plate32)


def over_background(frames: Sequence[AvatarFrame], background: Image) -> tuple[Image, Image]:
    """(H, W, 3) several characters over a background (H, W, 3), and (H, W) the alpha of all of them together.

    frames: (H, W) each, premultiplied by its alpha, the farthest first.
    """
    picture = background.astype(np.float32)
    left = np.ones((*picture.shape[:2], 1), np.float32)
    for frame in frames:
        share = _left_by(frame)
        picture = picture * share + frame.rgb
        left *= share
    return _bytes(picture), _bytes(255 * (1 - left[..., 0]))


def _left_by(frame: AvatarFrame) -> np.ndarray:
    """(H, W, 1) the share, 0..1, of what stands behind a character that is seen beside or through them."""
    assert frame.alpha is not None
    return (1 - frame.alpha.astype(np.float32) / 255)[..., None]


def _bytes(values: np.ndarray) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)

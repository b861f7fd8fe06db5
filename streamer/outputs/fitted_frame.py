"""A frame at the size and with the transparency of an output that keeps those of its beginning."""

from __future__ import annotations

import numpy as np

from streamer.frames import KEY, AvatarFrame, over_colour
from streamer.virtual_camera import fit_to_size


def fit_frame(frame: AvatarFrame, width: int, height: int, alpha: bool) -> AvatarFrame:
    """The frame scaled to fit into height × width and centred; the same one where nothing is to be done.

    alpha: transparency is kept and is around it; else KEY is in place of transparency, and black around it.
    """
    if not alpha and frame.alpha is not None:
        frame = AvatarFrame(over_colour(frame, KEY), frame.captured)
    if frame.rgb.shape[:2] == (height, width):
        return frame
    if not alpha:
        return AvatarFrame(fit_to_size(frame.rgb, width, height), frame.captured)
    matte = np.full(frame.rgb.shape[:2], 255, np.uint8) if frame.alpha is None else frame.alpha
    rgba = fit_to_size(np.dstack([frame.rgb, matte]), width, height)
    return AvatarFrame(rgba[..., :3], frame.captured, rgba[..., 3])

"""What a frame shows beyond the border of its picture: the background goes on, mirrored and ever more blurred."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from models.geometry.picture_layers import clean_plate
from streamer.rigging.canvas import Array, Canvas

SHARP_REACH = 0.12  # of the canvas side beyond the border over which the background loses its detail
BLUR = 0.03  # of the canvas side: the blur's standard deviation from there on


def continue_beyond_picture(canvas: Canvas, matte: Array) -> tuple[Array, Array]:
    """Colours (S, S, 3) and matte (S, S), 0..1, of a canvas whose picture ends before the canvas does.

    Beyond the picture there is nobody; a picture that is cut out stands before white, as everywhere.
    """
    rows, columns = canvas.inside
    inside = np.zeros(matte.shape, bool)
    inside[rows, columns] = True
    if inside.all():
        return canvas.rgb, matte
    matte = np.where(inside, matte, 0).astype(np.float32)
    if canvas.cut_out:
        return np.where(inside[..., None], canvas.rgb, 1).astype(np.float32), matte
    with torch.inference_mode():
        image = torch.from_numpy(np.ascontiguousarray(canvas.rgb[rows, columns].transpose(2, 0, 1)))[None]
        person = torch.from_numpy(np.ascontiguousarray(matte[rows, columns]))[None, None]
        plate = clean_plate(image, person)[0].permute(1, 2, 0).numpy()
    top, left = rows.start, columns.start
    height, width = plate.shape[:2]
    margins = (top, canvas.size - top - height), (left, canvas.size - left - width), (0, 0)
    mirrored = np.pad(plate, margins, mode="symmetric")
    blurred = cv2.GaussianBlur(mirrored, (0, 0), BLUR * canvas.size)
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    share = np.clip(distance / (SHARP_REACH * canvas.size), 0, 1)[..., None]
    beyond = mirrored + share * (blurred - mirrored)
    return np.where(inside[..., None], canvas.rgb, beyond).astype(np.float32), matte

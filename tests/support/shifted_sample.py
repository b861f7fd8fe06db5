"""A sample in the format of `training.data.samples`, made without a face model: a drawn head that is shifted sideways
with its picture.
"""

import numpy as np
import torch

from models.geometry.topology import topology
from tests.support.faces import drawn_face


def shifted_sample(pixels: list[int], size: int = 256, scale: float = 0.28) -> dict[str, np.ndarray]:
    """One target frame for each shift to the right, in pixels; scale: canvas units between the outer eye corners."""
    rig = drawn_face(size, scale)

    def byte(maps: torch.Tensor) -> np.ndarray:
        return (maps * 255).round().byte().numpy()

    image, matte = byte(rig.image[0]), byte(rig.matte[0])
    face = topology().canonical.numpy() * scale
    moved = [face + np.array([2 * shift / size, 0, 0], np.float32) for shift in pixels]
    body = np.zeros((33, 4), np.float32)
    flow = np.zeros((len(pixels), 2, size, size), np.float32)
    flow[:, 0] = -2 / size * np.array(pixels)[:, None, None]
    label = np.where(matte > 0, 3, 0).astype(np.uint8)
    label[:, 150:165, 110:146] = 4
    return {
        "ref_image": image,
        "ref_matte": matte,
        "ref_face": face,
        "ref_face_true": face,
        "ref_body": body,
        "target_image": np.stack([np.roll(image, shift, -1) for shift in pixels]),
        "target_matte": np.stack([np.roll(matte, shift, -1) for shift in pixels]),
        "target_label": np.stack([np.roll(label, shift, -1) for shift in pixels]),
        "target_face": np.stack(moved),
        "target_face_true": np.stack(moved),
        "target_body": np.stack([body] * len(pixels)),
        "flow": flow,
        "visible": np.full((len(pixels), 1, size, size), 255, np.uint8),
        "style": np.array(2, np.uint8),
    }

"""Motions of several people become one batch of tensors of the shapes that the generator expects."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE
from streamer.generation.driver_batch import to_driver
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion


def test_to_driver_has_one_row_for_each_motion_and_zeros_where_nothing_was_measured() -> None:
    torso = np.array([[0.1, 0.5, 1, 1], [-0.1, 0.5, 1, 1]], np.float32)
    shade = np.ones((SHADE_SIDE, SHADE_SIDE, 2), np.float32)
    mouth = np.ones((MOUTH_ROWS, MOUTH_COLUMNS, 4), np.float32)
    whole = replace(Motion.still(CANONICAL, np.ones((33, 4))), torso=torso, shade=shade, mouth=mouth)
    driver = to_driver([whole, Motion.still(CANONICAL)], "cpu")
    shapes = {
        "face": (478, 3), "body": (33, 4), "hands": (2, 21, 4), "torso": (2, 4),
        "shade": (SHADE_SIDE, SHADE_SIDE, 2), "mouth": (MOUTH_ROWS, MOUTH_COLUMNS, 4),
    }  # fmt: skip
    for name, shape in shapes.items():
        tensor = getattr(driver, name)
        assert tensor.shape == (2, *shape) and tensor.dtype == torch.float32
        np.testing.assert_array_equal(tensor[0].numpy(), getattr(whole, name).astype(np.float32))
        assert name == "face" or tensor[1].abs().max() == 0


def test_to_driver_refuses_a_motion_without_a_face() -> None:
    with pytest.raises(ValueError, match="without a face"):
        to_driver([Motion(0.0)], "cpu")

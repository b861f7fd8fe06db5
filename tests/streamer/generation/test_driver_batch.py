"""Motions of several people become one batch of tensors of the shapes that the generator expects."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from models.geometry.turn_limit import about_axis
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS, SHADE_SIDE, Driver
from streamer.generation.controls import Controls
from streamer.generation.driver_batch import DriverBatch, to_driver, to_offsets, to_strength
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


def test_driver_batch_mirrors_and_weighs_each_session_by_its_controls() -> None:
    right = replace(Motion.still(CANONICAL), face=CANONICAL + np.array([0.1, 0, 0], np.float32))
    controls = [Controls(mirror=True, head=0.5, teeth=False), Controls(mirror=False, arms=0.9)]
    batch = DriverBatch.of([right, right], [Motion.still(CANONICAL)] * 2, controls, torch.device("cpu"))
    shift = (batch.current.face - batch.neutral.face).mean((1, 2)) * 3
    assert shift.tolist() == pytest.approx([-0.1, 0.1], abs=1e-5)
    strengths = [batch.strength.head, batch.strength.face, batch.strength.teeth]
    assert [torch.as_tensor(one).tolist() for one in strengths] == [[0.5, 1.0], [1.0, 1.0], [0.0, 1.0]]
    assert batch.strength.bones.tolist() == pytest.approx(np.array([[1, 1, 1, 1], [1, 1, 0.9, 1]]))


def test_offsets_turn_to_the_drivers_own_right_and_up_and_are_mirrored_with_the_motion() -> None:
    turned = Controls(mirror=False, yaw=30, pitch=20, roll=10, gaze_x=15, gaze_y=5)
    offsets = to_offsets([turned, replace(turned, mirror=True), Controls()], torch.device("cpu"))
    assert offsets.turn.rad2deg().tolist() == pytest.approx(np.array([[-20, 30, -10], [-20, -30, 10], [0, 0, 0]]))
    assert offsets.gaze.rad2deg().tolist() == pytest.approx(np.array([[-5, 15], [-5, -15], [0, 0]]))
    forward = about_axis(offsets.turn[:, 1], 1) @ torch.tensor([0.0, 0.0, -1.0])  # where a face without a turn looks
    assert forward[0, 0] < 0 < forward[1, 0]  # the driver's right is on the left of the camera's picture


def test_each_strength_is_uploaded_under_its_own_name() -> None:
    names = ("head", "face", "body", "light", "eyes", "brows", "mouth", "hands")
    controls = Controls(**{name: number / 10 for number, name in enumerate(names)})
    strength = to_strength([controls], torch.device("cpu"))
    for number, name in enumerate(names):
        assert torch.as_tensor(getattr(strength, name)).tolist() == pytest.approx([number / 10])


def test_controls_that_change_are_followed() -> None:
    still, cpu = [Motion.still(CANONICAL)], torch.device("cpu")
    batches = [DriverBatch.of(still, still, [Controls(head=value, yaw=10 * value)], cpu) for value in (0.5, 1.0, 0.5)]
    assert [float(batch.strength.head) for batch in batches] == [0.5, 1.0, 0.5]
    assert batches[0].offsets is not None and batches[1].offsets is not None
    assert torch.allclose(2 * batches[0].offsets.turn, batches[1].offsets.turn)


def test_a_mirrored_batch_has_the_numbers_of_mirrored_motions() -> None:
    noise = np.random.default_rng(3)
    plain = Motion.still(CANONICAL, np.ones((33, 4)))
    whole = replace(plain, **{
        name: noise.standard_normal(getattr(plain, name).shape).astype(np.float32)
        for name in ("face", "body", "hands", "torso", "shade", "mouth", "lids", "correction", "extras")
    })  # fmt: skip
    lost = Motion.still(CANONICAL)  # without a body
    controls = [Controls(mirror=True), Controls(mirror=False)]
    batch = DriverBatch.of([whole, whole], [lost, lost], controls, torch.device("cpu"))
    for found, motion in ((batch.current, whole), (batch.neutral, lost)):
        expected = to_driver([motion.mirrored(), motion], "cpu")
        for part in fields(Driver):
            torch.testing.assert_close(getattr(found, part.name), getattr(expected, part.name), rtol=0, atol=0)

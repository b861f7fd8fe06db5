"""Formulas that exist twice, in numpy for one camera frame and in torch for batches, agree."""

import numpy as np
import pytest
import torch

from models.geometry import openings, topology, turn_limit
from models.geometry.openings import EYES
from streamer.tracking import eyelids, facing, head_pose
from streamer.tracking.motion import Motion
from tests.support.drivers import driver, lids_at, rotation_of


@pytest.mark.parametrize(("yaw", "roll"), [(0.0, 0.0), (0.6, -0.3), (-0.9, 0.4)])
def test_head_pose_of_one_face_equals_that_of_a_batch(yaw: float, roll: float) -> None:
    face = driver(0.21, rotation_of(yaw, roll), (0.1, -0.2, 0.05), lids_at(0.3)).face
    one, batch = head_pose.head_pose(face[0].numpy()), topology.head_pose(face)
    # In torch an iteration, begun 1e-4 away from the matrix, stands in for the SVD.
    assert one.scale == pytest.approx(float(batch.scale[0]), rel=1e-3)
    np.testing.assert_allclose(one.rotation, batch.rotation[0].numpy(), atol=1e-3)
    np.testing.assert_allclose(one.shift, batch.shift[0].numpy(), atol=1e-3)


def test_head_transform_of_one_face_equals_that_of_a_batch() -> None:
    points = topology.topology().canonical[None]
    rotation, shift = rotation_of(0.4, 0.2), torch.tensor([[0.1, -0.2, 0.3]])
    batch = topology.HeadTransform(torch.tensor([0.3]), rotation, shift)
    one = head_pose.HeadTransform(0.3, rotation[0].numpy(), shift[0].numpy())
    np.testing.assert_allclose(one.apply(points[0].numpy()), batch.apply(points)[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(one.inverse(points[0].numpy()), batch.inverse(points)[0].numpy(), atol=1e-5)


@pytest.mark.parametrize("yaw", [-0.9, 0.4])
def test_yaw_of_a_motion_equals_that_of_a_rig(yaw: float) -> None:
    face = driver(0.21, rotation_of(yaw, 0.0), (0.1, -0.2, 0.05), lids_at(0.3)).face
    of_rig = float(turn_limit.yaw_of(topology.head_pose(face))[0])
    assert facing.yaw_of(Motion.still(face[0].numpy())) == pytest.approx(of_rig, abs=1e-3)
    assert abs(of_rig) == pytest.approx(abs(yaw), abs=1e-3)


@pytest.mark.parametrize(("ring", "share"), [(EYES[0][0], 0.5), (EYES[1][0], 0.5), (EYES[0][0], 1.4)])
def test_eye_aspect_ratio_changes_as_lid_opening_does(ring: tuple[int, ...], share: float) -> None:
    rest, moved = lids_at(1.0), lids_at(share)
    one = eyelids.eye_aspect_ratio(moved[0].numpy(), ring) / eyelids.eye_aspect_ratio(rest[0].numpy(), ring)
    batch = openings.lid_opening(moved, ring) / openings.lid_opening(rest, ring)
    assert one == pytest.approx(share, rel=1e-3) and float(batch) == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("closed", [0.0, 0.3, 0.7, 1.0])
def test_close_lids_of_one_face_leaves_the_opening_of_a_batch(closed: float) -> None:
    rest = lids_at(1.0)
    batch = rest
    for ring, _ in EYES:
        batch = openings.close_lids(batch, rest, torch.tensor([1 - closed]), ring)
    one = torch.from_numpy(eyelids.close_lids(rest[0].numpy(), closed))[None]
    for ring, _ in EYES:
        full = openings.lid_opening(rest, ring)
        gaps = [float(openings.lid_opening(shape, ring) / full) for shape in (one, batch)]
        # In numpy the lower lid moves after the upper one, and by less: at most a tenth of the opening is left.
        assert gaps[1] == pytest.approx(1 - closed, abs=1e-2)
        assert gaps[0] == pytest.approx(gaps[1], abs=0.1)

"""The turns that set right where a driver looks."""

import math

import numpy as np
import pytest
import torch

from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from models.geometry.topology import MESH
from streamer.generation.controls import Controls
from streamer.generation.driver_batch import DriverBatch
from streamer.options import TURN_LIMITS
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion
from streamer.tracking.straight_look import straightening_turns
from streamer.tracking.tracker import TrackedMotion
from tests.support.drivers import rotation_of
from tests.support.faces import drawn_face

SIDE = 0.3  # camera units of a canonical unit


@pytest.fixture(scope="module")
def rig() -> Rig:
    return drawn_face(64)


def looking(yaw: float, roll: float = 0.0, iris: tuple[float, float] = (0.0, 0.0)) -> Motion:
    """A driver turned by radians, with irises moved in canonical units."""
    local = CANONICAL.copy()
    local[MESH:, :2] += np.array(iris, np.float32)
    return Motion.still((local @ rotation_of(yaw, roll)[0].numpy().T * SIDE).astype(np.float32))


def tracked(motion: Motion) -> TrackedMotion:
    return TrackedMotion(motion, Motion.still(CANONICAL * SIDE))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_with_these_turns_head_and_gaze_are_as_in_the_picture(rig: Rig, mirror: bool, strength: float) -> None:
    aside = looking(math.radians(-22), math.radians(8), (0.02, -0.015))
    turns = straightening_turns([tracked(aside)] * 5, strength, strength)
    controls = Controls(mirror=mirror, head=strength, eyes=strength, **turns)
    batch = DriverBatch.of([aside], [Motion.still(CANONICAL * SIDE)], [controls], torch.device("cpu"))
    straight = retarget(rig, batch.current, batch.neutral, batch.strength, None, batch.offsets)
    turned = retarget(rig, batch.current, batch.neutral, batch.strength)
    identity, rest = torch.eye(3)[None], rig.head.inverse(rig.face)
    assert (turned.rotation - identity).norm() > 0.2 and (straight.rotation - identity).norm() < 0.03
    before, after = ((pose.local - rest)[:, MESH:].norm(dim=-1).max() for pose in (turned, straight))
    assert after < 0.2 * before and after < 0.003


def test_the_median_counts_and_limits_hold() -> None:
    recent = [tracked(looking(0.2))] * 4 + [tracked(looking(-1.0))]
    assert straightening_turns(recent) == {"yaw": -11.0, "pitch": 0.0, "roll": 0.0, "gaze_x": 0.0, "gaze_y": 0.0}
    assert straightening_turns([tracked(looking(1.2))])["yaw"] == -TURN_LIMITS["yaw"]


def test_without_a_face_nothing_is_measured() -> None:
    with pytest.raises(ValueError, match="no motion has a face"):
        straightening_turns([tracked(Motion(0.0))])

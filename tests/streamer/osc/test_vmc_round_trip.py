"""What is sent by VMC is received by VMC: the same face, turns and arms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.expressions import NAMES
from streamer.osc.osc_packet import decode
from streamer.osc.vmc_faces import Faces
from streamer.osc.vmc_receiver import VmcReceiver
from streamer.osc.vmc_sender import BundleMaker, heartbeat
from streamer.sources.acting import act_out
from streamer.sources.expression import Expression, weights
from streamer.sources.received_pose import REST, ReceivedPose, Tare, to_motion
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Motion
from streamer.tracking.neutral_change import carried_over
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion
from tests.support.measured_arms import put_arm

MADE = {"jawOpen": 0.5, "mouthSmile_L": 0.8, "eyeBlink_R": 1.0, "browInnerUp_L": 0.6, "browInnerUp_R": 0.6}


def received(motion: Motion, faces: Faces = "arkit") -> ReceivedPose:
    """The pose of a motion once nothing is eased any more."""
    poses: list[ReceivedPose] = []
    step = 0
    receiver = VmcReceiver(lambda pose, _: poses.append(pose), lambda: step / 10)
    maker = BundleMaker(faces)
    for step in range(8):
        for address, arguments in decode(maker.bundle(TrackedMotion(motion, NEUTRAL), step / 10)):
            receiver.receive(address, arguments, ("127.0.0.1", 5000))
    return poses[-1]


def test_face_and_head_are_the_same() -> None:
    made = Expression(weights(**MADE), turn=np.array([0.2, -0.3, 0.1], np.float32))
    motion, _ = act_out(NEUTRAL, NEUTRAL, made)
    pose = received(replace(motion, extras=np.array([0.5, 0], np.float32)))
    assert motion.face is not None
    assert pose.head == pytest.approx(head_pose(motion.face).rotation, abs=1e-3)
    assert pose.weights == pytest.approx(weights(**MADE), abs=0.1) and pose.tongue == pytest.approx(0.5)


@pytest.mark.parametrize("faces", ["arkit", "vrm"])
def test_eyes_look_to_the_same_place(faces: Faces) -> None:
    """VRM's presets have no look: of those the bones of the eyes tell it."""
    made = weights(eyeLookOut_L=0.8, eyeLookIn_R=0.8, eyeLookUp=0.5)
    motion, _ = act_out(NEUTRAL, NEUTRAL, Expression(made))
    looks = np.flatnonzero([name.startswith("eyeLook") for name in NAMES])
    assert received(motion, faces).weights[looks] == pytest.approx(made[looks], abs=0.15)


def test_arms_are_the_same() -> None:
    assert NEUTRAL.body is not None
    body = NEUTRAL.body.copy()
    directions = np.random.default_rng(2).normal(size=(2, 2, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    for side, (upper, lower) in enumerate(directions):
        put_arm(body, side, upper, lower)
    pose = received(replace(NEUTRAL, body=body))
    assert pose.arms is not None and pose.arms[:, :2] == pytest.approx(directions, abs=1e-3)


def test_presets_of_vrm_open_the_mouth_and_shut_the_eyes_too() -> None:
    motion, _ = act_out(NEUTRAL, NEUTRAL, Expression(weights(jawOpen=0.7, eyeBlink=1.0)))
    pose = received(motion, "vrm")
    assert pose.weights[weights(jawOpen=1.0) > 0] > 0.4 and pose.weights[weights(eyeBlink=1.0) > 0].min() > 0.9


def test_a_heartbeat_is_no_pose() -> None:
    poses: list[ReceivedPose] = []
    receiver = VmcReceiver(lambda pose, _: poses.append(pose))
    for address, arguments in decode(heartbeat(1.0)):
        receiver.receive(address, arguments, ("127.0.0.1", 5000))
    assert poses == []


def test_a_blink_of_both_eyes_and_one_of_one_add_up() -> None:
    motion, _ = act_out(NEUTRAL, NEUTRAL, Expression(weights(eyeBlink_L=1.0, eyeBlink_R=0.4)))
    pose = received(motion, "vrm")
    assert pose.weights[weights(eyeBlink_L=1.0) > 0] == pytest.approx(1, abs=0.1)
    assert pose.weights[weights(eyeBlink_R=1.0) > 0] == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize("turn", [(0.3, 0, 0), (0, -0.4, 0), (-0.1, 0.3, 0.15)])
def test_a_picture_is_moved_as_the_senders_own(turn: tuple[float, float, float]) -> None:
    motion, _ = act_out(NEUTRAL, NEUTRAL, Expression(weights(**MADE), turn=np.array(turn, np.float32)))
    again = carried_over(to_motion(received(motion), Tare(), 0.0), REST, NEUTRAL)
    assert motion.face is not None and again.face is not None
    np.testing.assert_allclose(again.face, motion.face, atol=0.01)  # a thirtieth of the eyes' distance

"""What is sent by VMC is received by VMC: the same face, turns and arms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import ARMS
from models.geometry.expressions import NAMES
from streamer.osc.osc_packet import decode
from streamer.osc.quaternions import about, product
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
from tests.support.hands import hand_of
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


@pytest.mark.parametrize("bends", [(0, 0, 0), (60, 80, 40)], ids=["flat", "fist"])
def test_fingers_are_the_same(bends: tuple[float, float, float]) -> None:
    """Of hands at the ends of forearms that point up, with their palms to the camera."""
    assert NEUTRAL.body is not None
    body, hands = NEUTRAL.body.copy(), np.ones((2, 21, 4), np.float32)
    for side, turn in enumerate((-math.pi / 2, math.pi / 2)):
        put_arm(body, side, np.array([1.0 - 2 * side, 0.5, 0.0]), np.array([0.0, -1.0, 0.0]))
        up = product(about(np.array([0.0, 1.0, 0.0]), -turn), about(np.array([0.0, 0.0, 1.0]), turn))
        hands[side, :, :3] = hand_of(side, bends, 0, 20, up) + body[ARMS[side][2], :3]
    pose = received(replace(NEUTRAL, body=body, hands=hands))
    again = to_motion(pose, Tare(), 0.0)
    for before, after in zip(hands, again.hands, strict=True):
        for start in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19):
            end = start + 1 if start else 9
            ways = [points[end, :3] - points[start, :3] for points in (before, after)]
            one, other = (way / np.linalg.norm(way) for way in ways)
            assert one == pytest.approx(other, abs=0.02), (start, end)
    assert again.body is not None
    assert again.hands[:, 0, :3] == pytest.approx(again.body[[15, 16], :3])


def test_a_hand_without_fingers_is_not_measured() -> None:
    assert NEUTRAL.body is not None
    body = NEUTRAL.body.copy()
    put_arm(body, 0, np.array([1.0, 0.5, 0.0]), np.array([0.0, -1.0, 0.0]))
    assert not to_motion(received(replace(NEUTRAL, body=body)), Tare(), 0.0).hands.any()


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

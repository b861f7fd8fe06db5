"""What is sent by VMC is received by VMC: the same face, turns and arms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import ARMS
from streamer.osc.osc_packet import decode
from streamer.osc.vmc_faces import Faces
from streamer.osc.vmc_receiver import VmcReceiver
from streamer.osc.vmc_sender import BundleMaker, heartbeat
from streamer.sources.acting import act_out
from streamer.sources.expression import Expression, weights
from streamer.sources.received_pose import ReceivedPose
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import VISIBILITY, Motion
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion

MADE = {"jawOpen": 0.5, "mouthSmile_L": 0.8, "eyeBlink_R": 1.0, "browInnerUp_L": 0.6, "browInnerUp_R": 0.6}


def received(motion: Motion, faces: Faces = "arkit") -> ReceivedPose:
    """The pose of a motion once nothing is eased any more."""
    poses: list[ReceivedPose] = []
    receiver = VmcReceiver(lambda pose, _: poses.append(pose))
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


def test_arms_are_the_same() -> None:
    assert NEUTRAL.body is not None
    body = NEUTRAL.body.copy()
    chance = np.random.default_rng(2)
    for shoulder, elbow, wrist in ARMS:
        body[elbow] = body[wrist] = 1
        body[elbow, :VISIBILITY] = body[shoulder, :VISIBILITY] + chance.normal(0, 0.5, 3)
        body[wrist, :VISIBILITY] = body[elbow, :VISIBILITY] + chance.normal(0, 0.5, 3)
    pose = received(replace(NEUTRAL, body=body))
    assert pose.arms is not None
    for (shoulder, elbow, wrist), directions in zip(ARMS, pose.arms, strict=True):
        for start, end, direction in ((shoulder, elbow, directions[0]), (elbow, wrist, directions[1])):
            way = body[end, :VISIBILITY] - body[start, :VISIBILITY]
            assert direction == pytest.approx(way / np.linalg.norm(way), abs=1e-4)


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

"""VMC's messages, put together to poses."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from models.geometry.expressions import INDEX
from streamer.osc.osc_packet import Argument
from streamer.osc.vmc_hands import finger_bone_names
from streamer.osc.vmc_receiver import KEPT_S, POSES, SILENT_S, VmcReceiver
from streamer.sources.received_pose import ReceivedPose
from streamer.tracking.head_pose import rotation_vector

HERE = ("127.0.0.1", 5000)
BONE, VALUE, APPLY, OK = "/VMC/Ext/Bone/Pos", "/VMC/Ext/Blend/Val", "/VMC/Ext/Blend/Apply", "/VMC/Ext/OK"


class Marionette:
    """A receiver with a clock of its own, and the poses that it gave."""

    def __init__(self) -> None:
        self.poses: list[ReceivedPose] = []
        self.now = 0.0
        self._receiver = VmcReceiver(lambda pose, _: self.poses.append(pose), lambda: self.now)

    def send(self, address: str, *arguments: Argument, source: tuple[str, int] = HERE) -> None:
        self._receiver.receive(address, arguments, source)

    def bone(self, name: str, axis: str = "x", degrees: float = 0.0) -> None:
        """A bone that is turned about an axis of Unity's."""
        half = math.radians(degrees) / 2
        quaternion = [math.sin(half) if each == axis else 0.0 for each in "xyz"]
        self.send(BONE, name, 0.0, 0.0, 0.0, *quaternion, math.cos(half))

    def apply(self) -> ReceivedPose:
        """The pose of what was sent, a moment after the last one."""
        self.now += 1 / POSES.per_s
        self.send(APPLY)
        return self.poses[-1]


def weight(pose: ReceivedPose, name: str) -> float:
    return float(pose.weights[INDEX[name]])


@pytest.mark.parametrize("name", ["mouthSmileLeft", "MouthSmileLeft", "mouthSmile_L"])
def test_vmc_knows_arkits_names_in_any_spelling(name: str) -> None:
    marionette = Marionette()
    marionette.send(VALUE, name, 0.5)
    marionette.send(VALUE, "TongueOut", 0.25)
    assert marionette.poses == []
    pose = marionette.apply()
    assert weight(pose, "mouthSmile_L") == 0.5 and weight(pose, "mouthSmile_R") == 0
    assert pose.tongue == 0.25


def test_vmc_shows_the_blendshapes_of_plain_avatars_by_the_nearest_shapes() -> None:
    marionette = Marionette()
    for name in ("A", "Blink", "Joy"):
        marionette.send(VALUE, name, 1.0)
    pose = marionette.apply()
    assert weight(pose, "jawOpen") > 0.5 and weight(pose, "eyeBlink_L") == weight(pose, "eyeBlink_R") == 1
    assert weight(pose, "mouthSmile_L") > 0.5
    marionette.send(VALUE, "Blink", 0.2)
    marionette.send(VALUE, "Blink_L", 0.3)
    pose = marionette.apply()
    assert weight(pose, "eyeBlink_L") == pytest.approx(0.5) and weight(pose, "eyeBlink_R") == pytest.approx(0.2)
    marionette.send(VALUE, "eyeBlinkLeft", 0.9)  # tells more than all of them
    marionette.send(VALUE, "jawOpen", 0.1)  # and more than A
    pose = marionette.apply()
    assert weight(pose, "eyeBlink_L") == pytest.approx(0.9) and weight(pose, "eyeBlink_R") == 0
    assert weight(pose, "jawOpen") == pytest.approx(0.1)


@pytest.mark.parametrize(
    "name", ["aa", "ih", "ou", "ee", "oh", "happy", "angry", "sad", "relaxed", "surprised", "O", "Fun"]
)
def test_vmc_knows_the_names_of_both_kinds_of_avatars(name: str) -> None:
    marionette = Marionette()
    marionette.send(VALUE, name, 1.0)
    assert marionette.apply().weights.any()


@pytest.mark.parametrize(
    ("axis", "vector"),
    [("x", (20, 0, 0)), ("y", (0, 20, 0)), ("z", (0, 0, 20))],
    ids=["down", "to their own right", "tilted to their own left"],
)
def test_vmc_turns_the_head_by_all_bones_below_it(axis: str, vector: tuple[int, int, int]) -> None:
    marionette = Marionette()
    marionette.bone("Neck", axis, 5)
    marionette.bone("Head", axis, 15)
    pose = marionette.apply()
    np.testing.assert_allclose(np.degrees(rotation_vector(pose.head)), vector, atol=1e-6)
    assert pose.chest is None and pose.arms is None
    marionette.bone("Spine", axis, 7)
    marionette.bone("Hips", "y", 90)  # somebody who faces another wall of their room
    pose = marionette.apply()
    np.testing.assert_allclose(np.degrees(rotation_vector(pose.head)), np.array(vector) * 1.35, atol=1e-6)
    assert pose.chest is not None


def test_vmc_arms_are_directions_on_the_cameras_axes() -> None:
    marionette = Marionette()
    marionette.bone("LeftUpperArm", "z", 70)  # Unity: the avatar's own left arm points along −x and comes down
    marionette.bone("LeftLowerArm", "z", -120)
    marionette.bone("RightUpperArm", "y", 90)
    marionette.bone("RightHand")
    pose = marionette.apply()
    assert pose.arms is not None
    down, up = math.radians(70), math.radians(-50)
    np.testing.assert_allclose(pose.arms[0, 0], [math.cos(down), math.sin(down), 0], atol=1e-9)
    np.testing.assert_allclose(pose.arms[0, 1], [math.cos(up), math.sin(up), 0], atol=1e-9)
    np.testing.assert_allclose(pose.arms[0, 2], pose.arms[0, 1], atol=1e-9)
    np.testing.assert_allclose(pose.arms[1], [[0, 0, 1]] * 3, atol=1e-9)  # backwards: y turns to the avatar's right


def test_vmc_arms_of_a_t_pose_are_not_tracked() -> None:
    marionette = Marionette()
    for bone in ("LeftUpperArm", "RightUpperArm", "LeftHand"):
        marionette.bone(bone)
    assert marionette.apply().arms is None


def test_vmc_fingers_of_a_t_pose_are_not_tracked() -> None:
    marionette = Marionette()
    marionette.bone("LeftUpperArm", "z", 70)
    for name in finger_bone_names(0):
        marionette.bone(name)
    marionette.bone("RightIndexProximal", "z", 30)
    left, right = marionette.apply().hands
    assert left is None and right is not None


def test_vmc_eyes_look_where_their_bones_do() -> None:
    marionette = Marionette()
    for eye in ("LeftEye", "RightEye"):
        marionette.bone(eye, "y", 10)  # to their own right
    pose = marionette.apply()
    assert weight(pose, "eyeLookIn_L") == weight(pose, "eyeLookOut_R") > 0.3
    assert weight(pose, "eyeLookOut_L") == weight(pose, "eyeLookDown_L") == 0


def test_vmc_pose_without_blendshapes_ends_where_the_next_begins() -> None:
    marionette = Marionette()
    for degrees in (10.0, 20.0):
        marionette.send(OK, 1)
        marionette.bone("Head", "x", degrees)
        marionette.now += 1 / POSES.per_s
    assert len(marionette.poses) == 1
    marionette.send(OK, 1)
    np.testing.assert_allclose(np.degrees(rotation_vector(marionette.poses[-1].head)), (20, 0, 0), atol=1e-6)


def test_vmc_gives_no_pose_while_nothing_is_tracked() -> None:
    marionette = Marionette()
    for arguments in ((0,), (1, 3, 0, 0)):
        marionette.send(OK, *arguments)
        marionette.send(VALUE, "jawOpen", 1.0)
        marionette.send(APPLY)
    assert marionette.poses == []
    marionette.send(OK, 1, 3, 0, 1)
    marionette.send(APPLY)
    assert len(marionette.poses) == 1


def test_vmc_forgets_what_is_sent_no_more() -> None:
    marionette = Marionette()
    marionette.send(VALUE, "jawOpen", 1.0)
    marionette.now = KEPT_S / 2
    marionette.send(VALUE, "mouthPucker", 1.0)
    assert weight(marionette.apply(), "jawOpen") == 1
    marionette.now = KEPT_S + 0.1
    marionette.send(VALUE, "mouthPucker", 1.0)
    assert weight(marionette.apply(), "jawOpen") == 0


def test_vmc_hears_one_program_at_a_time() -> None:
    marionette = Marionette()
    other = ("127.0.0.1", 6000)
    marionette.send(VALUE, "jawOpen", 1.0)
    marionette.send(VALUE, "jawOpen", 0.2, source=other)
    marionette.send(APPLY, source=other)
    assert marionette.poses == []
    marionette.now = SILENT_S + 0.01
    marionette.send(VALUE, "mouthPucker", 0.2, source=other)
    marionette.send(APPLY, source=other)
    assert weight(marionette.poses[0], "jawOpen") == 0


BAD: Sequence[tuple[str, tuple[Argument, ...]]] = [
    (BONE, ("Head", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)), (BONE, ("Head",)), (BONE, (1, 2, 3, 4, 5, 6, 7, 8)),
    (BONE, ("Head", 0.0, 0.0, 0.0, math.nan, 0.0, 0.0, 1.0)), (BONE, ("Head", 0.0, 0.0, 0.0, "a", b"", True, 1.0)),
    (BONE, ("Head", 0.0, 0.0, 0.0, 1e308, 1e308, 1e308, 1e308)), (BONE, ("Tail", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)),
    (VALUE, ("jawOpen", math.inf)), (VALUE, ("jawOpen",)), (VALUE, ("jawOpen", "wide")), (VALUE, ("x" * 5000, 1.0)),
    (VALUE, (0.5, "jawOpen")), (APPLY, ("?",)), (OK, ()), (OK, ("yes",)), ("/nothing", (1,)), ("", ()),
]  # fmt: skip


def test_vmc_passes_over_what_it_does_not_understand() -> None:
    marionette = Marionette()
    for address, arguments in BAD:
        marionette.send(address, *arguments)
    marionette.send(VALUE, "jawOpen", 1e30)
    pose = marionette.apply()
    assert len(marionette.poses) == 1 and weight(pose, "jawOpen") == 1.25
    np.testing.assert_array_equal(pose.head, np.eye(3))


def test_vmc_survives_anything() -> None:
    random.seed(11)
    marionette = Marionette()
    addresses = [BONE, VALUE, APPLY, OK, "/x"]
    values: list[Argument] = [
        "Head",
        "LeftUpperArm",
        "jawOpen",
        "A",
        "",
        0.5,
        -1.0,
        1e300,
        math.nan,
        2**62,
        True,
        b"\0",
    ]
    for _ in range(5000):
        marionette.send(random.choice(addresses), *random.choices(values, k=random.randint(0, 9)))
    for pose in marionette.poses:
        assert np.isfinite(pose.weights).all() and np.isfinite(pose.head).all()


def test_of_poses_that_come_too_often_the_newest_is_in_the_next_one() -> None:
    marionette = Marionette()
    for value in (*[0.1] * int(POSES.burst), 0.2, 0.3):
        marionette.send(VALUE, "JawOpen", value)
        marionette.send(APPLY)
    assert len(marionette.poses) == POSES.burst
    assert weight(marionette.apply(), "jawOpen") == pytest.approx(0.3) and len(marionette.poses) == POSES.burst + 1


def test_of_poses_that_arrive_at_once_the_newest_is_drawn() -> None:
    marionette = Marionette()
    for value in (0.1, 0.2, 0.3):
        marionette.send(VALUE, "JawOpen", value)
        marionette.send(APPLY)
    assert weight(marionette.poses[-1], "jawOpen") == pytest.approx(0.3)

"""Rotations of a humanoid's bones: put onto a T-pose, they give the driver's own directions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import (
    ARMS,
    LEFT_ELBOW,
    LEFT_INDEX,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_THUMB,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from models.geometry.proportions import DEPTH_TRUST
from streamer.osc.quaternions import IDENTITY, Quaternion, angle, product, rotated
from streamer.osc.vmc_bones import outwards
from streamer.osc.vmc_pose import HANGING_ANGLE, VmcPose
from streamer.sources.acting import act_out
from streamer.sources.acts import face
from streamer.sources.expression import Expression
from streamer.tracking.motion import VISIBILITY, Array, Motion
from streamer.tracking.presence import NEUTRAL
from tests.support.measured_arms import put_arm

Pose = dict[str, Quaternion]
SIDE_NAMES = ("Left", "Right")


def with_body(**joints: tuple[float, float, float]) -> Motion:
    """The neutral with the arms' joints at these places, camera units, and no others."""
    assert NEUTRAL.body is not None
    body = NEUTRAL.body.copy()
    body[LEFT_ELBOW:, VISIBILITY] = 0
    for name, place in joints.items():
        body[JOINTS[name]] = (*place, 1)
    return replace(NEUTRAL, body=body)


JOINTS = {
    "left_elbow": LEFT_ELBOW, "left_wrist": LEFT_WRIST, "right_elbow": RIGHT_ELBOW, "right_wrist": RIGHT_WRIST,
    "left_index": LEFT_INDEX, "left_pinky": LEFT_PINKY, "left_thumb": LEFT_THUMB,
    "left_shoulder": LEFT_SHOULDER, "right_shoulder": RIGHT_SHOULDER,
}  # fmt: skip


def settled(motion: Motion, neutral: Motion = NEUTRAL) -> Pose:
    """The bones by name once nothing is eased any more."""
    pose = VmcPose()
    for step in range(6):
        bones = pose.bones(motion, neutral, step / 10)
    return {bone.name: bone.rotation for bone in bones}


def world(pose: Pose, *names: str) -> Quaternion:
    """The rotation of the last of some bones, each held by the one before."""
    return product(IDENTITY, *(pose[name] for name in names))


def arm(pose: Pose, side: int) -> list[Quaternion]:
    """The rotations of upper arm, forearm and hand in the world."""
    names = [SIDE_NAMES[side] + bone for bone in ("Shoulder", "UpperArm", "LowerArm", "Hand")]
    return [world(pose, "Spine", *names[: count + 2]) for count in range(3)]


def on_unity_axes(body: Array, start: int, end: int) -> Array:
    way = body[end, :3] - body[start, :3]
    return -way / np.linalg.norm(way)


def test_all_bones_are_there_once_and_of_length_one() -> None:
    bones = VmcPose().bones(NEUTRAL, NEUTRAL, 0.0)
    assert [bone.name for bone in bones] == [
        "Spine", "Neck", "Head",
        *(side + bone for side in SIDE_NAMES for bone in ("Shoulder", "UpperArm", "LowerArm", "Hand")),
    ]  # fmt: skip
    assert [np.linalg.norm(bone.rotation) for bone in bones] == pytest.approx([1] * len(bones))
    assert all(bone.place[0] < 0 for bone in bones if bone.name.startswith("Left"))


@pytest.mark.parametrize(
    ("turn", "look", "up"),
    [
        ((0.4, 0, 0), (0, -math.sin(0.4), math.cos(0.4)), None),  # down
        ((0, 0.4, 0), (math.sin(0.4), 0, math.cos(0.4)), None),  # to the driver's own right
        ((0, -0.4, 0), (-math.sin(0.4), 0, math.cos(0.4)), None),
        ((0, 0, 0.4), (0, 0, 1), (-math.sin(0.4), math.cos(0.4), 0)),  # tilted to their own left
    ],
)
def test_a_head_turns_as_the_drivers(
    turn: tuple[float, float, float], look: tuple[float, ...], up: tuple[float, ...] | None
) -> None:
    """Unity: x to the character's right, y up, z where it looks."""
    turned, _ = act_out(NEUTRAL, NEUTRAL, Expression(turn=np.array(turn, np.float32)))
    pose = settled(turned)
    assert rotated(world(pose, "Spine", "Neck", "Head"), [0, 0, 1]) == pytest.approx(look, abs=1e-3)
    if up is not None:
        assert rotated(world(pose, "Spine", "Neck", "Head"), [0, 1, 0]) == pytest.approx(up, abs=1e-3)
    assert 0 < angle(pose["Neck"]) < angle(pose["Head"])


def test_a_head_is_turned_as_against_the_neutral() -> None:
    aside, _ = act_out(NEUTRAL, NEUTRAL, Expression(turn=np.array([0.2, 0.3, 0], np.float32)))
    assert angle(world(settled(aside, aside), "Neck", "Head")) == pytest.approx(0, abs=1e-3)


def arms_of(directions: Array) -> Motion:
    """The neutral with arms of these directions (2, 2, 3), camera axes: of upper arm and forearm, left and right."""
    motion = with_body()
    assert motion.body is not None
    for side, (upper, lower) in enumerate(directions):
        put_arm(motion.body, side, upper, lower)
    return motion


def check_arms(pose: Pose, directions: Array) -> None:
    """That the T-pose with these bones points as the arms do."""
    for side, (upper, lower) in enumerate(-directions / np.linalg.norm(directions, axis=-1, keepdims=True)):
        rotations = arm(pose, side)
        assert rotated(rotations[0], outwards(side)) == pytest.approx(upper, abs=1e-3)
        assert rotated(rotations[1], outwards(side)) == pytest.approx(lower, abs=1e-3)


def test_raised_arms_point_where_the_drivers_point() -> None:
    """As the raised arm of a wave, and the other one stretched out to the front."""
    directions = np.array([[[0.7, 0.5, 0.0], [0.1, -0.9, -0.2]], [[-0.3, 0.2, -0.9], [0.1, -0.1, -1.0]]])
    pose = settled(arms_of(directions))
    check_arms(pose, directions)
    for name in SIDE_NAMES:
        assert pose[f"{name}Hand"] == pytest.approx(IDENTITY)  # which is not seen


def test_any_arms_point_where_the_drivers_point_whatever_the_torso_does() -> None:
    chance = np.random.default_rng(7)
    for _ in range(15):
        directions = chance.normal(size=(2, 2, 3))
        motion = arms_of(directions)
        assert motion.body is not None
        motion.body[[LEFT_SHOULDER, RIGHT_SHOULDER], 1] += chance.normal(0, 0.1, 2)  # the torso leans
        for side, (upper, lower) in enumerate(directions):
            put_arm(motion.body, side, upper, lower)
        pose = settled(motion)
        line = rotated(pose["Spine"], [-1, 0, 0])
        assert line == pytest.approx(on_unity_axes(motion.body, RIGHT_SHOULDER, LEFT_SHOULDER), abs=1e-5)
        check_arms(pose, directions)


def test_a_torso_turns_aside_as_far_as_its_shoulders_look_narrower() -> None:
    assert NEUTRAL.body is not None
    for turn in (0.5, -0.5):  # to the driver's own left, and right
        body = NEUTRAL.body.copy()
        middle, half = body[[LEFT_SHOULDER, RIGHT_SHOULDER], :3].mean(0), body[LEFT_SHOULDER, 0]
        ways = half * np.array([math.cos(turn), 0, math.sin(turn) / DEPTH_TRUST])  # the left shoulder goes back
        body[LEFT_SHOULDER, :3], body[RIGHT_SHOULDER, :3] = middle + ways, middle - ways
        spine = settled(replace(NEUTRAL, body=body))["Spine"]
        assert rotated(spine, [0, 0, 1]) == pytest.approx([-math.sin(turn), 0, math.cos(turn)], abs=1e-3)


def test_depth_that_a_bones_length_leaves_no_room_for_is_none() -> None:
    """MediaPipe has arms in the picture's plane in front of it at times."""
    motion = with_body(left_elbow=(2.0, 0.6, -0.6), left_wrist=(2.0, -0.6, -2.0))
    upper, lower, _ = arm(settled(motion), 0)
    assert rotated(upper, outwards(0)) == pytest.approx([-1, 0, 0], abs=1e-5)
    assert rotated(lower, outwards(0)) == pytest.approx([0, 1, 0], abs=1e-5)


@pytest.mark.parametrize("side", [0, 1])
def test_a_bent_elbow_bends_to_the_inside_of_the_arm(side: int) -> None:
    """The upper arm out and the forearm up: the inside of the elbow, in a T-pose in front, looks up."""
    sign = 1 - 2 * side  # of the camera's x axis, away from the body
    assert NEUTRAL.body is not None
    shoulder = NEUTRAL.body[ARMS[side][0], :3]
    name = SIDE_NAMES[side].lower()
    elbow, wrist = (tuple(shoulder + np.array([sign * 0.5, y, 0])) for y in (0, -0.5))
    upper, lower, _ = arm(settled(with_body(**{f"{name}_elbow": elbow, f"{name}_wrist": wrist})), side)
    assert rotated(upper, [0, 0, 1]) == pytest.approx([0, 1, 0], abs=1e-5)
    assert rotated(lower, [0, -1, 0]) == pytest.approx([0, 0, 1], abs=1e-5)  # the palm, to the front


def test_a_hand_turns_with_its_palm() -> None:
    """A forearm that points up, the palm towards the camera and then away from it; the thumb is beside the index."""
    up = {"left_elbow": (1.0, 0.6, 0.0), "left_wrist": (1.0, 0.2, 0.0)}
    for thumb_side, palm in ((-1, (0, 0, 1)), (1, (0, 0, -1))):  # seen from in front, the index nearer to the head
        index, pinky = (1.0 + thumb_side * 0.05, 0.0, 0.0), (1.0 - thumb_side * 0.05, 0.0, 0.0)
        hands = np.zeros((2, 21, 4), np.float32)
        hands[0, :, 3] = 1
        hands[0, :, :3] = up["left_wrist"]
        hands[0, [5, 9, 17], :3] = index, (1.0, 0.0, 0.0), pinky
        pose = settled(replace(with_body(**up), hands=hands))
        _, _, hand = arm(pose, 0)
        assert rotated(hand, outwards(0)) == pytest.approx([0, 1, 0], abs=1e-5)
        if thumb_side == -1:
            assert rotated(hand, [0, -1, 0]) == pytest.approx(palm, abs=1e-5)
        else:  # half a turn is more than a wrist can do
            assert angle(pose["LeftHand"]) == pytest.approx(math.pi / 2)


def test_a_hand_of_the_bodys_joints_alone_points_and_is_not_turned() -> None:
    place = {"left_elbow": (1.0, 0.6, 0.0), "left_wrist": (1.0, 0.2, 0.0)}
    motion = with_body(**place, **dict.fromkeys(("left_index", "left_pinky", "left_thumb"), (1.1, 0.1, 0.0)))
    _, lower, hand = arm(settled(motion), 0)
    assert rotated(hand, outwards(0)) == pytest.approx([-math.sqrt(0.5), math.sqrt(0.5), 0], abs=1e-5)
    assert rotated(hand, [0, -1, 0]) == pytest.approx(rotated(lower, [0, -1, 0]), abs=1e-5)


def test_a_hand_that_is_elsewhere_than_the_arm_is_not_its_hand() -> None:
    hands = np.ones((2, 21, 4), np.float32)
    motion = with_body(left_elbow=(1.0, 0.6, 0.0), left_wrist=(1.0, 0.2, 0.0))
    assert settled(replace(motion, hands=hands))["LeftHand"] == pytest.approx(IDENTITY)


def test_what_is_not_seen_hangs_and_is_eased_there_and_back() -> None:
    stretched = with_body(left_elbow=(1.5, 0.6, 0.0), left_wrist=(2.0, 0.6, 0.0))
    hidden = with_body()
    pose = VmcPose()
    angles = []
    for step in range(90):
        bones = pose.bones(stretched if 30 <= step < 60 else hidden, NEUTRAL, step / 30)
        angles.append(angle({bone.name: bone.rotation for bone in bones}["LeftUpperArm"]))
    assert angles[0] == angles[29] == angles[89] == pytest.approx(HANGING_ANGLE)
    assert angles[59] == pytest.approx(0, abs=1e-6)
    assert 0 < np.abs(np.diff(angles)).max() < 0.3  # radians from one motion to the next
    right = {bone.name: bone.rotation for bone in bones}["RightUpperArm"]
    assert rotated(right, outwards(1)) == pytest.approx([math.cos(HANGING_ANGLE), -math.sin(HANGING_ANGLE), 0])


def test_a_wave_by_keys_raises_an_arm_that_the_camera_does_not_see() -> None:
    raised, neutral = act_out(NEUTRAL, NEUTRAL, Expression(raised=np.array([0, 1], np.float32)))
    pose = settled(raised, neutral)
    _, lower, _ = arm(pose, 1)
    assert rotated(lower, outwards(1))[1] > 0.8 and angle(pose["LeftLowerArm"]) == 0


def test_a_face_by_keys_turns_no_bone() -> None:
    smiling, _ = act_out(NEUTRAL, NEUTRAL, face("smile", 0.0))
    assert angle(settled(smiling)["Head"]) < 0.02


def test_a_motion_needs_a_face() -> None:
    with pytest.raises(ValueError, match="face"):
        VmcPose().bones(Motion(0.0), NEUTRAL, 0.0)

"""Two drivers as one: the face of one on the neck of the other, each measured against its own neutral, at one rate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.geometry.body import LEFT_SHOULDER, RIGHT_SHOULDER
from models.geometry.offsets import NECK
from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_vector
from streamer.tracking.motion import Array, Motion
from streamer.tracking.resolved import Between, Idling, Resolved, joined, on_body
from tests.support.people import person

NECK_POINT = np.array([NECK], np.float32)


def neck(motion: Motion) -> Array:
    assert motion.face is not None
    return head_pose(motion.face).apply(NECK_POINT)[0]


def turn_since(resolved: Resolved) -> Array:
    """Degrees by which a head has turned since its neutral."""
    assert resolved.motion.face is not None and resolved.neutral.face is not None
    now, rest = head_pose(resolved.motion.face).rotation, head_pose(resolved.neutral.face).rotation
    return np.degrees(rotation_vector(now @ rest.T)).astype(np.float32)


def standing(at: float, aside: float, size: float = 0.1, seen: float = 1.0) -> Motion:
    """A whole person far from the camera. aside: of the neck from the middle of the shoulders, in sizes of the head."""
    joints = np.zeros((33, 4), np.float32)
    joints[LEFT_SHOULDER], joints[RIGHT_SHOULDER] = (0.45, -0.4, 0, seen), (0.15, -0.4, 0, seen)
    place = np.array([0.3 + aside * size, -0.4 - 0.9 * size, 0]) - size * NECK_POINT[0]
    face = HeadTransform(size, np.eye(3, dtype=np.float32), place.astype(np.float32)).apply(CANONICAL)
    return Motion.still(face, joints, at)


def test_head_turns_and_speaks_as_the_faces_driver_on_the_neck_of_the_bodys() -> None:
    turn = (0.0, math.radians(20), 0.0)
    face = Resolved(person(1.0, turn, (0.4, 0.1, 0), mouth=0.2), person(0.0, shift=(0.3, 0, 0)), True)
    body = Resolved(person(2.0, (0.3, 0, 0), (-0.2, 0.1, 0)), person(0.0, (0.1, 0, 0), (-0.4, 0, 0)), True)
    made = on_body(face, body)
    assert turn_since(made) == pytest.approx(turn_since(face), abs=0.05)
    assert neck(made.motion) == pytest.approx(neck(body.motion), abs=1e-4)
    assert neck(made.neutral) == pytest.approx(neck(body.neutral), abs=1e-4)
    assert made.motion.face is not None and face.motion.face is not None and made.motion.captured == 2.0
    shapes = [head_pose(each).inverse(each) for each in (made.motion.face, face.motion.face)]
    assert shapes[0] == pytest.approx(shapes[1], abs=1e-4)
    assert made.motion.body is body.motion.body and made.neutral.body is body.neutral.body


def test_head_has_the_size_that_the_bodys_driver_has_before_the_camera() -> None:
    near = Resolved(person(1.0), person(0.0), True)
    far = Resolved(standing(1.0, 0.0, 0.12), standing(0.0, 0.0, 0.1), True)
    made = on_body(near, far)
    assert made.motion.face is not None and made.neutral.face is not None
    assert head_pose(made.motion.face).scale / head_pose(made.neutral.face).scale == pytest.approx(1.2, rel=1e-3)


def test_head_stays_near_the_shoulders_where_the_bodys_driver_has_a_face_elsewhere() -> None:
    face = Resolved(person(1.0), person(0.0), True)
    usual = on_body(face, Resolved(standing(1.0, 0.0), standing(0.0, 0.0), True))
    beside = on_body(face, Resolved(standing(1.0, 3.0), standing(0.0, 0.0), True))
    leaning = on_body(face, Resolved(standing(1.0, 0.5), standing(0.0, 0.0), True))
    unseen = on_body(face, Resolved(standing(1.0, 3.0, seen=0.0), standing(0.0, 0.0), True))
    moved = [float(neck(each.motion)[0] - neck(usual.motion)[0]) / 0.1 for each in (leaning, beside, unseen)]
    assert moved == pytest.approx([0.5, 0.9, 3.0], abs=0.02)


def test_face_that_idles_turns_along_with_the_head_of_the_body() -> None:
    body = Resolved(person(0.0, (0, 0.4, 0)), person(0.0), True)
    idle = Idling().at(0.0)
    made = on_body(idle, body, turns_along=True)
    assert not made.is_seen and turn_since(made)[1] == pytest.approx(np.degrees(0.4), abs=4)
    assert neck(made.motion) == pytest.approx(neck(body.motion), abs=1e-3)
    still = on_body(idle, body)
    assert abs(turn_since(still)[1]) < 5


def steps(rate: float, count: int, start: float = 0.0) -> list[Resolved]:
    """Somebody who turns by half a radian and moves by one unit a second."""
    times = [start + number / rate for number in range(count)]
    return [Resolved(person(at, (0, 0.5 * at, 0), (at, 0, 0)), person(0.0), True) for at in times]


def test_between_frames_head_and_body_are_on_the_straight_way() -> None:
    found = Between(steps(10, 8))
    for at in (0.0, 0.15, 0.2, 0.449):
        resolved = found.at(at)
        assert resolved is not None and resolved.motion.face is not None and resolved.motion.body is not None
        assert rotation_vector(head_pose(resolved.motion.face).rotation)[1] == pytest.approx(0.5 * at, abs=1e-3)
        assert resolved.motion.body[LEFT_SHOULDER, 0] == pytest.approx(0.5 + at, abs=1e-3)


def test_before_the_first_frame_it_is_the_first_and_after_the_last_ones_length_nothing() -> None:
    found = Between(steps(10, 3, start=0.1))
    first = found.at(0.0)
    assert first is not None and first.motion.captured == pytest.approx(0.1)
    last = found.at(0.39)
    assert last is not None and last.motion.captured == pytest.approx(0.3)
    assert found.at(0.41) is None and Between([]).at(0.0) is None


def test_hands_move_on_between_frames_and_a_scene_is_not_mixed_with_the_next() -> None:
    def with_hand(at: float, x: float, scene: int) -> Resolved:
        hands = np.zeros((2, 21, 4), np.float32)
        hands[0] = x, 0, 0, 1
        motion = person(at)
        fields = {name: getattr(motion, name) for name in ("face", "body", "head")}
        neutral = Motion(0.0, person(0.0).face, scene=scene)
        return Resolved(Motion(at, hands=hands, scene=scene, **fields), neutral, True)

    found = Between([with_hand(0.0, 0.0, 0), with_hand(0.1, 1.0, 0), with_hand(0.2, 9.0, 1), with_hand(0.3, 9.0, 1)])
    at = [found.at(seconds) for seconds in (0.05, 0.12, 0.18)]
    assert [each and float(each.motion.hands[0, 0, 0]) for each in at] == pytest.approx([0.5, 1.0, 9.0])
    assert [each and each.neutral.scene for each in at] == [0, 0, 1]


def test_joined_drivers_have_the_times_of_the_one_that_leads_and_end_with_the_first() -> None:
    def first(a: Resolved, b: Resolved) -> Resolved:
        return on_body(b, a)

    fast, slow = steps(30, 12), steps(10, 3)
    assert [each.motion.captured for each in joined(fast, slow, first)] == [each.motion.captured for each in fast[:9]]
    assert [each.motion.captured for each in joined(slow, fast, first)] == [each.motion.captured for each in slow]
    times = [each.motion.captured for each in joined(slow, fast, on_body)]
    assert times == [each.motion.captured for each in slow], "also where the body is another's"


def test_idling_has_a_face_at_any_time_that_is_not_the_drivers() -> None:
    idling = Idling(seed=1)
    shown = [idling.at(number / 30) for number in range(60)]
    assert all(each.motion.face is not None and not each.is_seen for each in shown)
    assert [each.motion.captured for each in shown] == [number / 30 for number in range(60)]

"""An expression in a driver's motion: it shows, it is scaled to their face, and it keeps what it should of theirs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import LEFT_ELBOW, LEFT_SHOULDER, LEFT_WRIST, NOSE, RIGHT_WRIST
from models.geometry.topology import (
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    NOSE_TIP,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
)
from streamer.sources.acting import act_out
from streamer.sources.expression import REST, Array, Expression, blendshapes, weights
from streamer.tracking.eyelids import lid_aspects
from streamer.tracking.head_pose import CANONICAL, head_pose, rotation_matrix, rotation_vector
from streamer.tracking.motion import VISIBILITY, Motion
from streamer.tracking.presence import NEUTRAL

SMILE = Expression(weights(mouthSmile=0.8))
WAVE = Expression(raised=np.array([1, 0], np.float32))


def opened(gap: float) -> Array:
    shape = CANONICAL.copy()
    shape[LOWER_LIP_INNER, 1] += gap
    return shape


def turned(shape: Array, yaw: float = 0.0, scale: float = 0.3) -> Motion:
    return Motion.still((scale * shape @ rotation_matrix(np.array([0, yaw, 0])).T).astype(np.float32))


def local(motion: Motion) -> Array:
    assert motion.face is not None
    return head_pose(motion.face).inverse(motion.face)


def test_rest_returns_the_motion_itself() -> None:
    motion = turned(CANONICAL, 0.3)
    assert act_out(motion, NEUTRAL, REST) == (motion, NEUTRAL)
    with pytest.raises(ValueError, match="face"):
        act_out(Motion(0.0), NEUTRAL, SMILE)


def test_a_face_is_the_same_on_a_turned_head_and_at_any_distance() -> None:
    front = local(act_out(turned(CANONICAL), NEUTRAL, SMILE)[0])
    aside = local(act_out(turned(CANONICAL, 0.5, 0.1), turned(CANONICAL, 0, 0.1), SMILE)[0])
    assert np.abs(front - aside).max() < 2e-3
    assert front[LEFT_MOUTH_CORNER, 0] - front[RIGHT_MOUTH_CORNER, 0] > 1.1 * (
        CANONICAL[LEFT_MOUTH_CORNER, 0] - CANONICAL[RIGHT_MOUTH_CORNER, 0]
    )


def test_eyes_that_are_amplified_are_never_opened_by_less_than_nothing() -> None:
    shut = replace(turned(CANONICAL), lids=np.array([[0, 1], [0.5, 1]], np.float32))
    acted, _ = act_out(shut, NEUTRAL, Expression(kept=np.array([1.4, 1, 1], np.float32)))
    assert acted.lids == pytest.approx(np.array([[0, 1], [0.3, 1]]))


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.4])
def test_head_scales_the_drivers_turn_away_from_the_neutral(gain: float) -> None:
    neutral = turned(CANONICAL, 0.2)
    acted, _ = act_out(turned(CANONICAL, 0.5), neutral, Expression(head=gain))
    assert rotation_vector(acted.head) == pytest.approx([0, 0.2 + gain * 0.3, 0], abs=0.01)
    still, _ = act_out(neutral, neutral, Expression(head=gain))
    assert np.abs(still.head - neutral.head).max() < 1e-4


def test_a_mouth_that_is_taken_keeps_its_smile_where_corners_stay_and_loses_what_it_says() -> None:
    said = CANONICAL + np.tensordot(weights(mouthSmile=0.7, jawOpen=0.4), blendshapes(), 1)
    smiled = CANONICAL + np.tensordot(weights(mouthSmile=0.7), blendshapes(), 1)
    taken = np.array([1, 1, 0], np.float32)
    shown = {
        corners: local(
            act_out(turned(said.astype(np.float32)), turned(CANONICAL), Expression(kept=taken, corners=corners))[0]
        )
        for corners in (0.0, 1.0)
    }

    def corner(shape: Array) -> float:
        return float(shape[LEFT_MOUTH_CORNER, 0] - shape[RIGHT_MOUTH_CORNER, 0])

    def gap(shape: Array) -> float:
        return float(shape[LOWER_LIP_INNER, 1] - shape[UPPER_LIP_INNER, 1])

    assert corner(shown[0.0]) == pytest.approx(corner(CANONICAL), rel=0.01)
    assert corner(shown[1.0]) - corner(CANONICAL) == pytest.approx(corner(smiled) - corner(CANONICAL), rel=0.25)
    assert gap(shown[1.0]) == pytest.approx(gap(smiled), abs=0.01) and gap(said) > gap(smiled) + 0.1


def test_kept_replaces_as_much_of_the_drivers_own_mouth_as_it_says() -> None:
    motion, neutral = turned(opened(0.3)), turned(CANONICAL)
    motion = replace(motion, mouth=np.ones_like(motion.mouth))
    for kept in (0.0, 0.4, 1.0):
        acted, _ = act_out(motion, neutral, Expression(weights(eyeBlink=0.01), np.array([1, 1, kept], np.float32)))
        shape = local(acted)
        gap = shape[LOWER_LIP_INNER, 1] - shape[UPPER_LIP_INNER, 1]
        rest = CANONICAL[LOWER_LIP_INNER, 1] - CANONICAL[UPPER_LIP_INNER, 1]
        assert gap - rest == pytest.approx(0.3 * kept, abs=5e-3)
        assert acted.mouth.max() == pytest.approx(kept)


def test_a_wink_shuts_one_eye_in_landmarks_and_in_measured_lids() -> None:
    motion = replace(turned(CANONICAL), lids=np.array([[0.9, 1], [0.9, 1]], np.float32))
    acted, _ = act_out(motion, NEUTRAL, Expression(weights(eyeBlink_L=1.0)))
    right, left = lid_aspects(local(acted))
    assert left < 0.1 * right and right == pytest.approx(lid_aspects(CANONICAL)[0], abs=0.02)
    assert acted.lids[:, 0] == pytest.approx([0.9, 0]) and acted.lids[:, 1] == pytest.approx([1, 1])


def test_tongue_and_blush_go_along_within_bounds() -> None:
    acted, _ = act_out(turned(CANONICAL), NEUTRAL, Expression(extras=np.array([0.7, 1.2], np.float32)))
    assert acted.extras == pytest.approx([0.7, 1.0]) and not turned(CANONICAL).extras.any()
    assert np.abs(local(acted) - local(turned(CANONICAL))).max() < 1e-3


def test_turns_go_down_to_the_own_right_and_tilt_to_the_own_left() -> None:
    nose, forehead = CANONICAL[NOSE_TIP], CANONICAL[10]
    moved = []
    for turn in np.eye(3, dtype=np.float32) * 0.2:
        acted, _ = act_out(turned(CANONICAL), NEUTRAL, Expression(turn=turn))
        assert acted.face is not None
        moved.append(acted.face / 0.3)
        assert acted.head == pytest.approx(head_pose(acted.face).rotation, abs=1e-5)
    assert moved[0][NOSE_TIP, 1] > nose[1] + 0.05
    assert moved[1][NOSE_TIP, 0] < nose[0] - 0.05  # the camera sees the driver's right on its left
    assert moved[2][10, 0] > forehead[0] + 0.05


@pytest.mark.parametrize("has_body", [False, True])
def test_a_raised_arm_stays_in_the_picture_and_changes_no_size(has_body: bool) -> None:
    motion = NEUTRAL if has_body else replace(NEUTRAL, body=None)
    acted, neutral = act_out(motion, motion, WAVE)
    assert acted.body is not None and acted.face is not None and neutral.face is not None
    arm = acted.body[[LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST]]
    assert (arm[:, VISIBILITY] == 1).all() and np.abs(arm[:, :2]).max() <= 1
    assert arm[2, 1] < arm[0, 1] and arm[2, 0] > arm[0, 0], "the wrist is above the shoulder and beside the body"
    assert acted.body[RIGHT_WRIST, VISIBILITY] == 0
    assert acted.face == pytest.approx(neutral.face, abs=1e-6)
    assert (acted.body[NOSE, VISIBILITY] == 1) == has_body


def test_an_arm_that_is_seen_rises_from_where_it_is() -> None:
    assert NEUTRAL.body is not None
    body = NEUTRAL.body.copy()
    body[LEFT_WRIST] = body[LEFT_ELBOW] + np.array([0, 0.77, 0, 0], np.float32)
    body[:, :3] *= 0.3
    motion = replace(NEUTRAL, face=NEUTRAL.face * np.float32(0.3), body=body)  # type: ignore[operator]
    heights = []
    for share in (0.001, 0.25, 0.5, 0.75, 1.0):
        acted, _ = act_out(motion, motion, Expression(raised=np.array([share, 0], np.float32)))
        assert acted.body is not None
        heights.append(float(acted.body[LEFT_WRIST, 1]))
    assert heights[0] == pytest.approx(float(body[LEFT_WRIST, 1]), abs=2e-3)
    assert heights == sorted(heights, reverse=True)

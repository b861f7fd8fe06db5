"""Damaged frames of a file lie on the way between the faces around them; absences are left."""

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.body import HAND_POINTS, LEFT_WRIST
from streamer.tracking.bridging import BRIDGED_S, bridge
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import CONFIDENCE
from tests.support.people import STEP, nobody, person


def walk(missing, count=20, scene=lambda i: 0):
    """Someone who moves evenly to the right; no face in the frames `missing`."""
    seen = [nobody(i * STEP) if i in missing else person(i * STEP, shift=(0.02 * i, 0, 0)) for i in range(count)]
    return [replace(motion, scene=scene(i)) for i, motion in enumerate(seen)]


def test_a_short_gap_is_bridged_evenly():
    bridged = list(bridge(walk({8, 9})))
    places = [float(head_pose(motion.face).shift[0]) for motion in bridged]
    np.testing.assert_allclose(np.diff(places), 0.02, atol=1e-3)
    assert [motion.captured for motion in bridged] == pytest.approx([i * STEP for i in range(20)])
    assert bridged[8].body is not None


def test_a_body_that_is_seen_while_the_face_is_not_stays():
    motions = walk({8})
    raised = motions[7].body + np.float32(0.3)
    motions[8] = replace(motions[8], body=raised)
    bridged = list(bridge(motions))
    assert bridged[8].face is not None
    assert np.array_equal(bridged[8].body, raised)


def with_hand(motion, spread, confidence=0.9):
    """The motion with its left hand: points in a row from the wrist, `spread` camera units apart."""
    hands = motion.hands.copy()
    hands[0, :, :3] = motion.body[LEFT_WRIST, :3] + np.arange(HAND_POINTS)[:, None] * np.float32(spread)
    hands[0, :, CONFIDENCE] = confidence
    return replace(motion, hands=hands)


@pytest.mark.parametrize("body", [False, True])
def test_a_hand_that_is_missed_beside_a_body_opens_on_its_way_at_the_wrist_of_that_body(body):
    """A damaged frame often hides the fingers, too; the hand would drop for as long as the face is bridged."""
    motions = walk({8, 9})
    motions[7], motions[10] = with_hand(motions[7], 0.01), with_hand(motions[10], 0.04)
    raised = motions[7].body + np.float32(0.3)
    motions[8:10] = [replace(motion, body=raised if body else None) for motion in motions[8:10]]
    bridged = list(bridge(motions))
    for at, spread in ((8, 0.02), (9, 0.03)):
        wrist = bridged[at].body[LEFT_WRIST, :3]
        np.testing.assert_allclose(bridged[at].hands[0, 20, :3] - wrist, 20 * spread, atol=1e-5)
        assert (bridged[at].hands[0, :, CONFIDENCE] == np.float32(0.9)).all()
        assert not bridged[at].hands[1].any()  # never seen
    if body:
        assert np.array_equal(bridged[8].body, raised)


def test_a_hand_that_is_found_while_the_face_is_not_stays():
    motions = [with_hand(motion, 0.01) for motion in walk(())]
    motions[8] = with_hand(replace(motions[8], face=None), 0.05)
    assert np.array_equal(list(bridge(motions))[8].hands, motions[8].hands)


@pytest.mark.parametrize("missing", [{0, 1}, {18, 19}, set(range(5, 5 + round(BRIDGED_S / STEP) + 1))])
def test_what_has_no_face_on_both_sides_or_is_long_is_left(missing):
    bridged = list(bridge(walk(missing)))
    assert {i for i, motion in enumerate(bridged) if motion.face is None} == missing
    assert [motion.captured for motion in bridged] == pytest.approx([i * STEP for i in range(20)])


def test_a_cut_is_not_bridged():
    bridged = list(bridge(walk({8}, scene=lambda i: int(i > 8))))
    assert bridged[8].face is None


def test_no_more_is_held_back_than_a_bridge_is_long():
    taken = []

    def motions():
        for motion in walk(range(1, 200), count=200):
            taken.append(motion)
            yield motion

    bridged = bridge(motions())
    for _ in range(2):
        next(bridged)
    assert len(taken) <= BRIDGED_S / STEP + 3

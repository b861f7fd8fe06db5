"""Measured limbs that cannot be are not believed."""

import numpy as np

from models.geometry.body import LEFT_ELBOW, LEFT_INDEX, LEFT_WRIST, RIGHT_WRIST, SHOULDERS
from streamer.tracking.limb_gate import DISTRUST_S, LimbGate, body_size
from streamer.tracking.motion import VISIBILITY
from tests.support.joints import standing

STEP = 0.041


def joints(**moved):
    """(33, 4) of somebody who stands, with the left wrist, or another joint, elsewhere."""
    body = standing()[0].numpy().copy()
    for name, place in moved.items():
        body[{"wrist": LEFT_WRIST, "elbow": LEFT_ELBOW}[name], :2] = place
    return body


def play(gate, bodies, start=0.0):
    """What the gate makes of bodies that were measured STEP after one another."""
    return [gate.check(body, start + i * STEP) for i, body in enumerate(bodies)]


def test_limbs_that_move_as_people_do_pass_unchanged():
    waving = [joints(wrist=(0.3 + 0.15 * np.sin(i), -0.4)) for i in range(50)]
    assert all(checked is body for checked, body in zip(play(LimbGate(), waving), waving, strict=True))


def test_a_wrist_that_jumps_is_not_believed_until_it_has_stayed():
    away = round(DISTRUST_S / STEP)
    shown = play(LimbGate(), [joints()] * 3 + [joints(wrist=(0.05, -0.45))] * (away + 3))
    seen = [body[LEFT_WRIST, VISIBILITY] > 0 for body in shown]
    assert seen == [True] * 3 + [False] * away + [True] * 3
    assert shown[3][LEFT_INDEX, VISIBILITY] == 0  # the hand goes with it
    assert shown[3][RIGHT_WRIST, VISIBILITY] == 1 and shown[3][LEFT_ELBOW, VISIBILITY] == 1


def test_a_whole_body_that_jumps_with_the_camera_is_believed():
    moved = joints()
    moved[:, 0] += 0.8
    assert all(body[LEFT_WRIST, VISIBILITY] == 1 for body in play(LimbGate(), [joints()] * 3 + [moved] * 3))


def test_a_bone_that_is_far_too_long_is_not_believed():
    gate = LimbGate()
    slowly = [joints(elbow=(0.2 + 0.02 * i, -0.25), wrist=(0.22 + 0.02 * i, -0.03)) for i in range(30)]
    shown = play(gate, slowly)
    assert shown[0] is slowly[0]
    assert shown[-1][LEFT_ELBOW, VISIBILITY] == 0 and shown[-1][LEFT_WRIST, VISIBILITY] == 0


def test_the_drivers_own_lengths_are_learnt():
    """Arms that were seen to be half as long again for seconds are theirs."""
    long = joints(elbow=(0.15 + 1.4 * 0.86 * 0.31, -0.5), wrist=(0.5, -0.2))
    gate = LimbGate()
    play(gate, [long] * 150)
    longer = joints(elbow=(0.15 + 1.8 * 0.86 * 0.31, -0.5), wrist=(0.55, -0.2))
    assert gate.check(longer, 150 * STEP)[LEFT_ELBOW, VISIBILITY] == 1
    assert LimbGate().check(longer, 0.0)[LEFT_ELBOW, VISIBILITY] == 0


def test_nobody_and_gaps_start_again():
    gate = LimbGate()
    play(gate, [joints()] * 3)
    assert gate.check(None, 3 * STEP) is None
    assert gate.check(joints(wrist=(0.05, -0.45)), 4 * STEP)[LEFT_WRIST, VISIBILITY] == 1
    assert gate.check(joints(), 4 * STEP + 1)[LEFT_WRIST, VISIBILITY] == 1


def test_body_size_is_not_that_of_turned_shoulders():
    turned = joints()
    turned[SHOULDERS, 0] *= 0.2
    assert body_size(turned) > 0.95 * body_size(joints())

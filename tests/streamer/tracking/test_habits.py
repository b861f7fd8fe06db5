"""A neutral that talks, smiles or squints is corrected by what is usual, slowly; a true one is kept."""

import numpy as np
import pytest

from models.geometry.topology import LEFT_MOUTH_CORNER, LOWER_LIP_INNER, RIGHT_MOUTH_CORNER, UPPER_LIP_INNER
from streamer.tracking.habits import CORRECTION_S, Habits
from streamer.tracking.head_pose import head_pose
from tests.support.people import STEP, nobody, person


def talk(i, at):
    """Someone who talks, blinks every three seconds and closes the mouth between words."""
    return person(at, mouth=max(0.0, 0.25 * np.sin(5 * at)), eyes=(0.12, 0.12) if i % 75 < 4 else (1.0, 1.0))


def clip(first, seconds=6.0):
    """Talk that begins with a frame `person(0, **first)`."""
    return [person(0.0, **first)] + [talk(i, i * STEP) for i in range(1, round(seconds / STEP))]


def corrected(neutral):
    """The canonical shape of a neutral with its correction."""
    return head_pose(neutral.face).inverse(neutral.face) + neutral.correction


def lips(shape):
    return float(shape[LOWER_LIP_INNER, 1] - shape[UPPER_LIP_INNER, 1])


def width(shape):
    return float(shape[LEFT_MOUTH_CORNER, 0] - shape[RIGHT_MOUTH_CORNER, 0])


def foreseen(motions):
    habits = Habits()
    habits.foresee(motions)
    return habits.relate(motions[0], motions[0].captured)


def test_a_talking_first_frame_is_corrected():
    assert lips(corrected(foreseen(clip({"mouth": 0.2})))) < 0.05


def test_a_smiling_first_frame_is_corrected():
    smiling, usual = foreseen(clip({"smile": 0.25})), foreseen(clip({}))
    assert width(head_pose(smiling.face).inverse(smiling.face)) > 1.2 * width(corrected(usual))
    assert width(corrected(smiling)) < 1.05 * width(corrected(usual))


def test_a_squinting_first_frame_is_told_by_its_openness():
    squinting = foreseen(clip({"eyes": (0.45, 0.45)}))
    assert squinting.lids[:, 0].max() < 0.5 and squinting.lids[:, 1].min() == 1
    assert foreseen(clip({})).lids[:, 0] == pytest.approx([1, 1], abs=0.05)


def test_a_mouth_that_is_never_seen_at_rest_is_taken_to_be_shut_and_of_usual_width():
    smiling = foreseen([person(i * STEP, mouth=0.2, smile=0.35) for i in range(50)])
    assert abs(lips(corrected(smiling))) < 0.04
    assert width(corrected(smiling)) == pytest.approx(width(head_pose(person().face).inverse(person().face)), rel=0.08)


def test_a_first_frame_that_rests_is_kept():
    assert np.abs(foreseen(clip({})).correction).max() < 1e-4


def test_what_is_shown_live_is_learnt_and_moves_slowly():
    habits, neutral, steps = Habits(), person(0.0, mouth=0.2, smile=0.2), []
    for motion in clip({"mouth": 0.2}, seconds=20):
        assert habits.update(motion).lids[:, 1].min() == 1
        steps.append(habits.relate(neutral, motion.captured).correction)
    assert np.abs(steps[0]).max() == 0
    assert lips(corrected(habits.relate(neutral, 20.0))) < 0.05
    assert np.abs(np.diff(steps, axis=0)).max() < 0.25 * STEP / CORRECTION_S * 1.5


def test_a_deliberate_neutral_is_kept():
    """Asked for with open lips, it stays, whatever is usual later; so do its eyes."""
    habits, neutral = Habits(), person(0.0, mouth=0.08, eyes=(0.7, 0.7))
    habits.update(neutral)
    for motion in clip({}, seconds=10):
        habits.update(motion)
        habits.trust(neutral)
        related = habits.relate(neutral, motion.captured)
    assert np.abs(related.correction).max() == 0


def test_frames_without_a_face_and_a_head_turned_away_teach_nothing():
    habits, neutral = Habits(), person(0.0)
    assert habits.update(nobody(0.0)).lids.max() == 0
    assert habits.relate(neutral, 0.0) is neutral  # nothing is known yet
    habits.update(neutral)
    for i in range(200):
        habits.update(person(i * STEP, turn=(0, 0.9, 0), mouth=0.3, eyes=(0.5, 0.5)))
    assert np.abs(habits.relate(neutral, 9.0).correction).max() < 1e-4
    assert habits.relate(neutral, 9.0).lids[:, 0] == pytest.approx([1, 1], abs=0.1)


def test_a_file_in_which_the_head_is_always_turned_away_corrects_nothing():
    turned = [person(i * STEP, turn=(0, 0.9, 0), mouth=0.2) for i in range(10)]
    assert np.abs(foreseen(turned).correction).max() == 0

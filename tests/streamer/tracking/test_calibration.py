"""The neutral: found by itself, on request, and whatever the person does."""

from dataclasses import replace

import numpy as np
import pytest

from streamer.tracking.calibration import (
    MAX_COLLECTION_S,
    MAX_FACE_GAP_S,
    NEUTRAL_FADE_S,
    REVISION_S,
    STEADY_FRAMES,
    Calibration,
    robust_mean,
)
from streamer.tracking.head_pose import head_pose, rotation_vector
from tests.support.people import STEP, nobody, person


def feed(calibration, make, count, start=0.0):
    """Feed `make(i, at)` and return what came back, one for each frame."""
    return [calibration.update(make(i, start + i * STEP)) for i in range(count)]


def mouth_of(motion):
    return float(np.linalg.norm(motion.face[13] - motion.face[14])) / 0.3


def test_a_steady_person_is_calibrated_in_half_a_second():
    calibration = Calibration()
    seen = feed(calibration, lambda i, at: person(at), STEADY_FRAMES + 1)
    assert seen[:-1] == [None] * STEADY_FRAMES
    np.testing.assert_allclose(seen[-1].face, person().face, atol=1e-5)
    np.testing.assert_allclose(seen[-1].body, person().body)
    assert calibration.progress == 1.0


def test_progress_only_grows_and_ends_at_one():
    calibration = Calibration()
    steps = []
    for i in range(STEADY_FRAMES + 1):
        calibration.update(person(i * STEP))
        steps.append(calibration.progress)
    assert steps == sorted(steps) and steps[0] < 0.2 and steps[-1] == 1.0


@pytest.mark.parametrize(
    "make",
    [
        lambda i, at: person(at, shift=(0.3 * np.sin(9 * at), 0, 0)),
        lambda i, at: person(at, mouth=0.3),
        lambda i, at: person(at, turn=(0, 0.9, 0)),
        lambda i, at: replace(person(at), face_confidence=0.1),
    ],
    ids=["restless", "mouth open", "looks away", "doubtful"],
)
def test_whoever_never_holds_still_is_calibrated_when_patience_ends(make):
    calibration = Calibration()
    seen = feed(calibration, make, round(MAX_COLLECTION_S / STEP) + 1)
    assert seen[STEADY_FRAMES + 5] is None  # not taken for steady …
    assert seen[-1] is not None and np.isfinite(seen[-1].face).all()  # … but settled in the end


def test_the_best_frames_are_taken():
    calibration = Calibration()
    talking = feed(calibration, lambda i, at: person(at, mouth=0.0 if 10 <= i < 18 else 0.35), 60)
    assert mouth_of(talking[-1]) < 0.05


def test_a_blink_does_not_become_the_neutral():
    def blinking(i, at):
        motion = person(at)
        if i % 4 == 0:
            motion.face[[159, 160, 158]] = motion.face[[145, 144, 153]]
        return motion

    neutral = feed(Calibration(), blinking, 60)[-1]
    np.testing.assert_allclose(neutral.face, person().face, atol=1e-5)


def test_nobody_is_never_calibrated():
    calibration = Calibration()
    assert feed(calibration, lambda i, at: nobody(at), 200) == [None] * 200
    assert calibration.progress == 0.0


def test_a_person_who_leaves_starts_over():
    calibration = Calibration()
    feed(calibration, lambda i, at: person(at), STEADY_FRAMES - 1)
    feed(calibration, lambda i, at: nobody(at), round(MAX_FACE_GAP_S / STEP) + 3, start=STEADY_FRAMES * STEP)
    assert calibration.progress == 0.0
    assert calibration.update(person(10.0)) is None


def test_a_request_keeps_the_old_neutral_until_the_new_one_then_fades():
    calibration = Calibration()
    old = feed(calibration, lambda i, at: person(at), 20)[-1]
    calibration.request()
    assert calibration.progress < 1
    seen = feed(calibration, lambda i, at: person(at, turn=(0, 0.3, 0)), 40, start=1.0)
    assert all(neutral is old for neutral in seen[:STEADY_FRAMES])
    turns = [rotation_vector(neutral.head)[1] for neutral in seen]
    assert max(np.diff(turns)) < 0.3 * 2.5 * STEP / NEUTRAL_FADE_S  # no jump
    assert turns[-1] == pytest.approx(0.3, abs=1e-3)


def talking(i, at):
    return person(at, mouth=0.3, turn=(0, 0.3 * np.sin(3 * at), 0))


def test_whoever_was_met_talking_gets_a_better_neutral_on_holding_still():
    calibration = Calibration()
    assert mouth_of(feed(calibration, talking, 200)[-1]) > 0.2
    seen = feed(calibration, lambda i, at: person(at), 60, start=10.0)
    assert calibration.progress == 1.0
    assert mouth_of(seen[STEADY_FRAMES - 1]) > 0.2  # a moment of rest is not enough …
    steps = -np.diff([mouth_of(neutral) for neutral in seen])
    assert max(steps) < 0.3 * 2.5 * STEP / NEUTRAL_FADE_S  # nothing jumps
    np.testing.assert_allclose(seen[-1].face, person().face, atol=1e-5)
    later = feed(calibration, lambda i, at: person(at, turn=(0, 0.3, 0)), 60, start=13.0)
    assert all(neutral is seen[-1] for neutral in later)


def test_frames_of_rest_between_words_are_no_rest():
    calibration = Calibration()
    seen = feed(calibration, lambda i, at: person(at, mouth=0.3 if i < 80 or i % 5 == 0 else 0.0), 300)
    first = next(neutral for neutral in seen if neutral is not None)
    assert seen[-1] is first


@pytest.mark.parametrize("case", ["asked", "looks past the camera", "late"])
def test_a_neutral_is_not_doubted_for_ever_nor_against_the_person(case):
    calibration = Calibration()
    if case == "asked":
        calibration.request()
    aside = case == "looks past the camera"
    taken = feed(calibration, lambda i, at: person(at, turn=(0, 0.9, 0)) if aside else talking(i, at), 60)[-1]
    start = MAX_COLLECTION_S + REVISION_S if case == "late" else 5.0
    assert all(neutral is taken for neutral in feed(calibration, lambda i, at: person(at), 60, start=start))


def test_a_body_that_is_seen_later_joins_the_neutral():
    calibration = Calibration()
    faces = feed(calibration, lambda i, at: person(at, body=False), 20)
    assert faces[-1].body is None
    later = feed(calibration, lambda i, at: person(at), STEADY_FRAMES + 1, start=1.0)
    np.testing.assert_allclose(later[-1].body, person().body)
    np.testing.assert_array_equal(later[-1].face, faces[-1].face)


def test_the_middle_of_a_moving_head_is_not_smeared():
    moving = [person(turn=(0, 0.1 * i, 0), shift=(0.1 * i, 0, 0)) for i in range(8)]
    found = head_pose(robust_mean(moving).face)
    np.testing.assert_allclose(found.inverse(robust_mean(moving).face), found.inverse(moving[0].face), atol=1e-3)


def test_a_neutral_needs_a_face():
    with pytest.raises(ValueError, match="needs a face"):
        robust_mean([nobody()])

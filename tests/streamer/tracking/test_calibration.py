"""The neutral is found by itself and on request, however the person behaves."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from models.geometry.openings import lid_pairs
from models.geometry.topology import LOWER_LIP_INNER, RIGHT_LID, UPPER_LIP_INNER
from streamer.tracking.calibration import (
    MAX_COLLECTION_S,
    MAX_FACE_GAP_S,
    MAX_FRAME_GAP_S,
    NEUTRAL_FADE_S,
    REQUESTED_COLLECTION_S,
    REVISION_S,
    STEADY_FRAMES,
    Calibration,
    robust_mean,
)
from streamer.tracking.head_pose import head_pose, rotation_vector
from tests.support.people import STEP, nobody, person


def feed(calibration, make, count, start=0.0):
    """Feed `count` motions `make(i, at)`; the neutral after each."""
    return [calibration.update(make(i, start + i * STEP)) for i in range(count)]


def lip_gap(motion):
    """In face sizes."""
    return float(np.linalg.norm(motion.face[UPPER_LIP_INNER] - motion.face[LOWER_LIP_INNER])) / 0.3


def test_calibration_ends_after_enough_steady_frames():
    calibration = Calibration()
    neutrals = feed(calibration, lambda i, at: person(at), STEADY_FRAMES + 1)
    assert neutrals[:-1] == [None] * STEADY_FRAMES
    np.testing.assert_allclose(neutrals[-1].face, person().face, atol=1e-5)
    np.testing.assert_allclose(neutrals[-1].body, person().body)
    assert calibration.progress == 1.0


def test_calibration_progress_grows_to_one():
    calibration = Calibration()
    steps = []
    for i in range(STEADY_FRAMES + 1):
        calibration.update(person(i * STEP))
        steps.append(calibration.progress)
    assert steps == sorted(steps) and steps[0] < 0.2 and steps[-1] == 1.0


def test_calibration_progress_can_be_sent():
    """Measured confidences are numbers of numpy, which the protocol's encoder refuses."""
    calibration = Calibration()
    for i in range(STEADY_FRAMES):
        calibration.update(replace(person(i * STEP), face_confidence=np.float64(0.65)))
        msgspec.to_builtins({"progress": calibration.progress})


@pytest.mark.parametrize(
    "make",
    [
        lambda i, at: person(at, shift=(0.3 * np.sin(9 * at), 0, 0)),
        lambda i, at: person(at, mouth=0.3),
        lambda i, at: person(at, turn=(0, 0.9, 0)),
        lambda i, at: replace(person(at), face_confidence=0.1),
    ],
    ids=["moving", "mouth open", "turned away", "low confidence"],
)
def test_calibration_takes_unsteady_frames_when_the_time_is_over(make):
    calibration = Calibration()
    neutrals = feed(calibration, make, round(MAX_COLLECTION_S / STEP) + 1)
    assert neutrals[STEADY_FRAMES + 5] is None  # none of them is steady
    assert neutrals[-1] is not None and np.isfinite(neutrals[-1].face).all()


def test_calibration_takes_the_steadiest_frames():
    calibration = Calibration()
    neutrals = feed(calibration, lambda i, at: person(at, mouth=0.0 if 10 <= i < 18 else 0.35), 60)
    assert lip_gap(neutrals[-1]) < 0.05


def test_calibration_leaves_out_blinks():
    def blinking(i, at):
        motion = person(at)
        if i % 4 == 0:
            upper, lower = (list(lid[2:5]) for lid in lid_pairs(RIGHT_LID))
            motion.face[upper] = motion.face[lower]
        return motion

    neutral = feed(Calibration(), blinking, 60)[-1]
    np.testing.assert_allclose(neutral.face, person().face, atol=1e-5)


def test_calibration_never_ends_without_a_face():
    calibration = Calibration()
    assert feed(calibration, lambda i, at: nobody(at), 200) == [None] * 200
    assert calibration.progress == 0.0


def test_calibration_starts_again_after_a_gap_without_a_face():
    calibration = Calibration()
    feed(calibration, lambda i, at: person(at), STEADY_FRAMES - 1)
    feed(calibration, lambda i, at: nobody(at), round(MAX_FACE_GAP_S / STEP) + 3, start=STEADY_FRAMES * STEP)
    assert calibration.progress == 0.0
    assert calibration.update(person(10.0)) is None


@pytest.mark.parametrize("requested", [False, True])
def test_calibration_ends_on_a_busy_machine_whose_frames_are_seconds_apart(requested):
    calibration = Calibration()
    if requested:
        calibration.request()
    wait = 1.3 * MAX_FACE_GAP_S
    frames = round((REQUESTED_COLLECTION_S if requested else MAX_COLLECTION_S) / wait) + 2
    neutrals = [calibration.update(person(i * wait)) for i in range(frames)]
    np.testing.assert_allclose(neutrals[-1].face, person().face, atol=1e-5)
    assert calibration.progress == 1.0


def test_calibration_starts_again_where_no_frame_came_for_long():
    calibration = Calibration()
    feed(calibration, lambda i, at: person(at), STEADY_FRAMES - 1)
    assert calibration.update(person(2 * MAX_FRAME_GAP_S)) is None
    assert calibration.progress == 0.0


def test_calibration_request_keeps_the_old_neutral_and_then_fades_to_the_new_one():
    calibration = Calibration()
    old = feed(calibration, lambda i, at: person(at), 20)[-1]
    calibration.request()
    assert calibration.progress < 1
    neutrals = feed(calibration, lambda i, at: person(at, turn=(0, 0.3, 0)), 40, start=1.0)
    assert all(neutral is old for neutral in neutrals[:STEADY_FRAMES])
    turns = [rotation_vector(neutral.head)[1] for neutral in neutrals]
    assert max(np.diff(turns)) < 0.3 * 2.5 * STEP / NEUTRAL_FADE_S  # no jump
    assert turns[-1] == pytest.approx(0.3, abs=1e-3)


def talking(i, at):
    return person(at, mouth=0.3, turn=(0, 0.3 * np.sin(3 * at), 0))


def test_calibration_replaces_a_neutral_from_unsteady_frames_by_a_steady_one():
    calibration = Calibration()
    assert lip_gap(feed(calibration, talking, 200)[-1]) > 0.2
    neutrals = feed(calibration, lambda i, at: person(at), 60, start=10.0)
    assert calibration.progress == 1.0
    assert lip_gap(neutrals[STEADY_FRAMES - 1]) > 0.2  # more steady frames are needed
    steps = -np.diff([lip_gap(neutral) for neutral in neutrals])
    assert max(steps) < 0.3 * 2.5 * STEP / NEUTRAL_FADE_S  # nothing jumps
    np.testing.assert_allclose(neutrals[-1].face, person().face, atol=1e-5)
    later = feed(calibration, lambda i, at: person(at, turn=(0, 0.3, 0)), 60, start=13.0)
    assert all(neutral is neutrals[-1] for neutral in later)


def test_calibration_is_not_replaced_by_steady_frames_between_words():
    calibration = Calibration()
    neutrals = feed(calibration, lambda i, at: person(at, mouth=0.3 if i < 80 or i % 5 == 0 else 0.0), 300)
    first = next(neutral for neutral in neutrals if neutral is not None)
    assert neutrals[-1] is first


@pytest.mark.parametrize("case", ["requested", "turned away", "late"])
def test_calibration_keeps_a_neutral_that_was_requested_or_turned_away_or_is_old(case):
    calibration = Calibration()
    if case == "requested":
        calibration.request()
    turned_away = case == "turned away"
    first = feed(calibration, lambda i, at: person(at, turn=(0, 0.9, 0)) if turned_away else talking(i, at), 150)[-1]
    start = 6.0 + REVISION_S if case == "late" else 7.0
    assert all(neutral is first for neutral in feed(calibration, lambda i, at: person(at), 60, start=start))


def test_calibration_adds_a_body_that_is_found_later():
    calibration = Calibration()
    without = feed(calibration, lambda i, at: person(at, body=False), 20)
    assert without[-1].body is None
    later = feed(calibration, lambda i, at: person(at), STEADY_FRAMES + 1, start=1.0)
    np.testing.assert_allclose(later[-1].body, person().body)
    np.testing.assert_array_equal(later[-1].face, without[-1].face)


def test_calibration_of_another_scene_begins_with_a_provisional_neutral():
    calibration = Calibration()
    calibration.request()
    feed(calibration, lambda i, at: person(at), 20)
    assert calibration.is_deliberate
    provisional = person(0.8, turn=(0, 0.2, 0), shift=(0.5, 0, 0))
    calibration.change_scene(provisional)
    neutrals = feed(calibration, lambda i, at: replace(person(at, shift=(0.6, 0, 0)), scene=1), 40, start=0.8)
    assert neutrals[0] is provisional and not calibration.is_deliberate
    np.testing.assert_allclose(neutrals[-1].face, person(shift=(0.6, 0, 0)).face, atol=1e-5)
    places = [float(head_pose(neutral.face).shift[0]) for neutral in neutrals]
    assert np.abs(np.diff(places)).max() < 0.1 * 2.5 * STEP / NEUTRAL_FADE_S  # it fades in
    assert neutrals[-1].scene == 1


def test_robust_mean_does_not_blur_a_moving_head():
    moving = [person(turn=(0, 0.1 * i, 0), shift=(0.1 * i, 0, 0)) for i in range(8)]
    found = head_pose(robust_mean(moving).face)
    np.testing.assert_allclose(found.inverse(robust_mean(moving).face), found.inverse(moving[0].face), atol=1e-3)


def test_robust_mean_refuses_motions_without_a_face():
    with pytest.raises(ValueError, match="needs a face"):
        robust_mean([nobody()])


def test_calibration_names_the_obstacle_while_it_runs():
    calibration = Calibration()
    feed(calibration, lambda i, at: person(at, mouth=0.3), 10)
    assert calibration.obstacle == "talks"
    feed(calibration, lambda i, at: person(at), STEADY_FRAMES + 2, start=0.5)
    assert calibration.progress == 1.0 and calibration.obstacle is None


def test_requested_calibration_waits_longer_for_a_face_that_rests():
    calibration = Calibration()
    feed(calibration, lambda i, at: person(at), 20)
    calibration.request()
    count = round((MAX_COLLECTION_S + 1) / STEP)
    feed(calibration, lambda i, at: person(at, mouth=0.3), count, start=1.0)
    assert calibration.progress < 1 and calibration.obstacle == "talks"
    rested = feed(calibration, lambda i, at: person(at), STEADY_FRAMES + 15, start=1.0 + count * STEP)
    assert calibration.progress == 1.0 and calibration.is_deliberate and lip_gap(rested[-1]) < 0.02


def test_requested_calibration_ends_with_the_steadiest_frames():
    calibration = Calibration()
    calibration.request()
    neutrals = feed(calibration, lambda i, at: person(at, mouth=0.3), round(REQUESTED_COLLECTION_S / STEP) + 2)
    assert neutrals[-1] is not None and not calibration.is_deliberate

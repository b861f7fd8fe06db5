"""One-Euro filters, and the smoothing of motions by them."""

import numpy as np
import pytest

from models.geometry.topology import NOSE_TIP
from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion
from streamer.tracking.smoothing import MotionFilter, OneEuro, smooth_both_ways
from tests.support.people import STEP, with_torso


def run(values, filters=None):
    filters = filters or OneEuro(1.0, 30.0, 5.0)
    return np.array([filters(np.array([value], np.float32), i * STEP) for i, value in enumerate(values)])[:, 0]


def clip(count, move=lambda i: (0, 0, 0), noise=0.0, seed=0):
    random = np.random.default_rng(seed)
    faces = [CANONICAL * 0.3 + np.array(move(i)) + random.normal(0, 1, (478, 3)) * noise for i in range(count)]
    return [Motion.still(face.astype(np.float32), captured=i * STEP) for i, face in enumerate(faces)]


def test_one_euro_leaves_points_at_rest_unchanged():
    out = run(np.ones((30, 3)))
    np.testing.assert_array_equal(out, np.ones((30, 3), np.float32))


def test_one_euro_halves_the_jitter_at_rest():
    noise = np.random.default_rng(1).normal(0, 0.004, (500, 3))
    out = run(noise)[20:]
    assert out.std() < 0.7 * noise.std()
    assert np.abs(np.diff(out, 3, axis=0)).mean() < 0.5 * np.abs(np.diff(noise, 3, axis=0)).mean()


def test_one_euro_lags_a_fast_move_by_at_most_two_frames():
    x = np.repeat([[0.0], [1.0]], [10, 10], axis=0) * [1, 0, 0]
    out = run(x)[:, 0]
    assert out[11] > 0.9 and out[12] > 0.97 and out.max() <= 1.0


def test_one_euro_filters_each_point_by_its_own_speed():
    alone, together = OneEuro(1.0, 30.0, 5.0), OneEuro(1.0, 30.0, 5.0)
    for i, value in enumerate(np.random.default_rng(0).normal(0, 0.01, (50, 3)).astype(np.float32)):
        pair = np.stack([value, [i, 0, 0]]).astype(np.float32)
        np.testing.assert_array_equal(together(pair, i * STEP)[0], alone(value[None], i * STEP)[0])


def test_one_euro_measures_speed_in_sizes():
    values = np.cumsum(np.random.default_rng(2).normal(0, 0.02, (60, 3)), axis=0)
    near, far = OneEuro(1.0, 30.0, 5.0), OneEuro(1.0, 30.0, 5.0)
    for i, value in enumerate(values.astype(np.float32)):
        a, b = near(value[None], i * STEP, 1.0), far(value[None] / 8, i * STEP, 1 / 8)
        np.testing.assert_allclose(a, b * 8, atol=1e-4)


@pytest.mark.parametrize("jump", [2.0, -0.5])
def test_one_euro_restarts_after_a_gap_or_when_time_runs_backwards(jump):
    filters = OneEuro(1.0, 0.0)
    filters(np.zeros((1, 3), np.float32), 1.0)
    assert filters(np.ones((1, 3), np.float32), 1.0 + jump).min() == 1.0


def test_one_euro_repeats_its_result_at_the_same_time():
    filters = OneEuro(1.0, 0.0)
    first = filters(np.zeros((1, 3), np.float32), 1.0)
    np.testing.assert_array_equal(filters(np.ones((1, 3), np.float32), 1.0), first)


def test_without_smoothing_points_pass_unchanged():
    motions = clip(20, noise=0.004)
    filters = MotionFilter(smoothing=0.0)
    for motion in motions:
        np.testing.assert_array_equal(filters(motion).face, motion.face)


def test_smoothing_of_one_is_byte_identical_to_the_usual():
    usual, explicit = MotionFilter(), MotionFilter()
    explicit.smoothing = 1.0
    for motion in clip(20, move=sway, noise=0.004):
        np.testing.assert_array_equal(usual(motion).face, explicit(motion).face)


def test_more_smoothing_trembles_less_and_lags_more():
    still, jump = clip(120, noise=0.003), clip(30, move=lambda i: (0.1 * (i >= 10), 0, 0))
    tremble, reached = [], []
    for smoothing in (0.5, 1.0, 2.0):
        filters = MotionFilter(smoothing)
        tremble.append(np.array([filters(motion).face for motion in still])[20:].std(axis=0).mean())
        filters = MotionFilter(smoothing)
        faces = [filters(motion).face for motion in jump]
        reached.append((faces[11] - faces[9])[NOSE_TIP, 0] / 0.1)
    assert tremble[0] > 1.1 * tremble[1] > 1.21 * tremble[2]
    assert reached[0] > reached[1] > reached[2] > 0.2


def test_smoothing_changes_without_a_jump():
    filters = MotionFilter()
    motions = clip(60, move=sway)
    faces = []
    for i, motion in enumerate(motions):
        filters.smoothing = 2.0 if i >= 30 else 1.0
        faces.append(filters(motion).face)
    steps = np.linalg.norm(np.diff(faces, axis=0)[:, NOSE_TIP], axis=-1)
    assert steps[29] < 1.5 * steps[25:29].max()


def test_motion_filter_restarts_after_a_cut():
    filters = MotionFilter()
    motions = clip(20, move=lambda i: (0, 0, 0) if i < 10 else (0.9, 0, 0))
    out = [filters(motion) for motion in motions]
    np.testing.assert_array_equal(out[10].face, motions[10].face)


def test_motion_filter_restarts_when_a_face_reappears():
    filters = MotionFilter()
    motions = clip(10, move=lambda i: (0.02 * i, 0, 0))
    for motion in motions[:5]:
        filters(motion)
    filters(Motion(5 * STEP))
    np.testing.assert_array_equal(filters(motions[6]).face, motions[6].face)


def test_hands_come_where_they_appear_and_go_softly():
    filters = MotionFilter()
    hands = np.ones((2, 21, 4), np.float32)
    for i in range(5):
        filters(Motion(i * STEP))
    shown = [filters(Motion((5 + i) * STEP, hands=hands)).hands for i in range(8)]
    shown += [filters(Motion((13 + i) * STEP)).hands for i in range(12)]
    np.testing.assert_array_equal([hand[..., :3] for hand in shown[:15]], [hands[..., :3]] * 15)
    confidence = np.array([hand[0, 0, 3] for hand in shown])
    assert 0 < confidence[0] < 0.5 and confidence[7] == 1 and 0 < confidence[9] < 1 and confidence[-1] == 0
    assert np.abs(np.diff(confidence)).max() < 0.25


def sway(i):
    return 0.1 * np.sin(2 * np.pi * 0.8 * i * STEP), 0, 0


def test_smooth_both_ways_lags_less_than_one_way():
    motions = clip(120, sway)
    expected = np.array([motion.face[NOSE_TIP, 0] for motion in motions])
    filters = MotionFilter()
    one = np.array([filters(motion).face[1, 0] for motion in motions])
    both = np.array([motion.face[NOSE_TIP, 0] for motion in smooth_both_ways(motions)])
    assert np.abs(both - expected)[10:-10].max() < 0.5 * np.abs(one - expected)[10:-10].max()


def test_smooth_both_ways_is_the_same_in_chunks():
    motions = clip(150, sway, noise=0.002)
    whole = list(smooth_both_ways(motions, chunk=1000))
    pieces = list(smooth_both_ways(motions, chunk=32))
    assert [motion.captured for motion in pieces] == [motion.captured for motion in motions]
    assert max(np.abs(a.face - b.face).max() for a, b in zip(whole, pieces, strict=True)) < 1e-3


def test_smooth_both_ways_keeps_frames_without_a_face():
    motions = [*clip(5), Motion(5 * STEP), *(Motion.still(CANONICAL, captured=i * STEP) for i in range(6, 10))]
    assert [motion.face is None for motion in smooth_both_ways(motions, chunk=3, lookahead=2)].index(True) == 5
    assert list(smooth_both_ways([])) == []


def test_smoothing_restarts_the_torso_at_a_new_keyframe():
    motions = [with_torso(0.0 if i < 10 else 0.3, 1.0 if i < 10 else 2.0, captured=i * STEP) for i in range(20)]
    filters = MotionFilter()
    for given, out in zip(motions, [filters(motion) for motion in motions], strict=True):
        np.testing.assert_allclose(out.torso, given.torso, atol=1e-6)
    for given, out in zip(motions, smooth_both_ways(motions), strict=True):
        np.testing.assert_allclose(out.torso, given.torso, atol=1e-6)

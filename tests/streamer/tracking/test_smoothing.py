"""One-Euro filters and what is built of them."""

import numpy as np
import pytest

from streamer.tracking.head_pose import CANONICAL
from streamer.tracking.motion import Motion
from streamer.tracking.smoothing import MotionFilter, OneEuro, smooth_both_ways

STEP = 1 / 25


def run(values, filters=None):
    filters = filters or OneEuro(1.0, 30.0, 5.0)
    return np.array([filters(np.array([value], np.float32), i * STEP) for i, value in enumerate(values)])[:, 0]


def clip(count, move=lambda i: (0, 0, 0), noise=0.0, seed=0):
    random = np.random.default_rng(seed)
    faces = [CANONICAL * 0.3 + np.array(move(i)) + random.normal(0, 1, (478, 3)) * noise for i in range(count)]
    return [Motion.still(face.astype(np.float32), captured=i * STEP) for i, face in enumerate(faces)]


def test_what_stands_still_stays():
    out = run(np.ones((30, 3)))
    np.testing.assert_array_equal(out, np.ones((30, 3), np.float32))


def test_noise_at_rest_trembles_less_than_half_as_much():
    noise = np.random.default_rng(1).normal(0, 0.004, (500, 3))
    out = run(noise)[20:]
    assert out.std() < 0.7 * noise.std()
    assert np.abs(np.diff(out, 3, axis=0)).mean() < 0.5 * np.abs(np.diff(noise, 3, axis=0)).mean()


def test_a_fast_move_arrives_within_a_frame_or_two():
    x = np.repeat([[0.0], [1.0]], [10, 10], axis=0) * [1, 0, 0]
    out = run(x)[:, 0]
    assert out[11] > 0.9 and out[12] > 0.97 and out.max() <= 1.0


def test_a_point_at_rest_is_not_stirred_by_a_fast_one():
    alone, together = OneEuro(1.0, 30.0, 5.0), OneEuro(1.0, 30.0, 5.0)
    for i, value in enumerate(np.random.default_rng(0).normal(0, 0.01, (50, 3)).astype(np.float32)):
        pair = np.stack([value, [i, 0, 0]]).astype(np.float32)
        np.testing.assert_array_equal(together(pair, i * STEP)[0], alone(value[None], i * STEP)[0])


def test_near_and_far_faces_are_smoothed_alike():
    values = np.cumsum(np.random.default_rng(2).normal(0, 0.02, (60, 3)), axis=0)
    near, far = OneEuro(1.0, 30.0, 5.0), OneEuro(1.0, 30.0, 5.0)
    for i, value in enumerate(values.astype(np.float32)):
        a, b = near(value[None], i * STEP, 1.0), far(value[None] / 8, i * STEP, 1 / 8)
        np.testing.assert_allclose(a, b * 8, atol=1e-4)


@pytest.mark.parametrize("jump", [2.0, -0.5])
def test_a_gap_or_a_clock_set_back_starts_afresh(jump):
    filters = OneEuro(1.0, 0.0)
    filters(np.zeros((1, 3), np.float32), 1.0)
    assert filters(np.ones((1, 3), np.float32), 1.0 + jump).min() == 1.0


def test_twice_the_same_time_repeats_the_answer():
    filters = OneEuro(1.0, 0.0)
    first = filters(np.zeros((1, 3), np.float32), 1.0)
    np.testing.assert_array_equal(filters(np.ones((1, 3), np.float32), 1.0), first)


def test_after_a_cut_the_new_face_stands_where_it_is():
    filters = MotionFilter()
    motions = clip(20, move=lambda i: (0, 0, 0) if i < 10 else (0.9, 0, 0))
    out = [filters(motion) for motion in motions]
    np.testing.assert_array_equal(out[10].face, motions[10].face)


def test_a_face_that_comes_back_is_not_drawn_from_where_it_left():
    filters = MotionFilter()
    motions = clip(10, move=lambda i: (0.02 * i, 0, 0))
    for motion in motions[:5]:
        filters(motion)
    filters(Motion(5 * STEP))
    np.testing.assert_array_equal(filters(motions[6]).face, motions[6].face)


def test_hands_that_appear_are_where_they_are():
    filters = MotionFilter()
    hands = np.ones((2, 21, 4), np.float32)
    for i in range(5):
        filters(Motion(i * STEP))
    np.testing.assert_array_equal(filters(Motion(5 * STEP, hands=hands)).hands, hands)


def sway(i):
    return 0.1 * np.sin(2 * np.pi * 0.8 * i * STEP), 0, 0


def test_both_ways_lag_less_than_one_way():
    motions = clip(120, sway)
    wanted = np.array([motion.face[1, 0] for motion in motions])
    filters = MotionFilter()
    one = np.array([filters(motion).face[1, 0] for motion in motions])
    both = np.array([motion.face[1, 0] for motion in smooth_both_ways(motions)])
    assert np.abs(both - wanted)[10:-10].max() < 0.5 * np.abs(one - wanted)[10:-10].max()


def test_chunks_leave_no_seams_and_lose_nothing():
    motions = clip(150, sway, noise=0.002)
    whole = list(smooth_both_ways(motions, chunk=1000))
    pieces = list(smooth_both_ways(motions, chunk=32))
    assert [motion.captured for motion in pieces] == [motion.captured for motion in motions]
    assert max(np.abs(a.face - b.face).max() for a, b in zip(whole, pieces, strict=True)) < 1e-3


def test_both_ways_keeps_frames_without_a_face():
    motions = [*clip(5), Motion(5 * STEP), *(Motion.still(CANONICAL, captured=i * STEP) for i in range(6, 10))]
    assert [motion.face is None for motion in smooth_both_ways(motions, chunk=3, lookahead=2)].index(True) == 5
    assert list(smooth_both_ways([])) == []

"""Limbs come and go softly."""

import numpy as np
import pytest
import torch

from models.geometry.body import LEFT_ANKLE, LEFT_FOOT, LEFT_HIP, LEFT_INDEX, LEFT_SHOULDER, LEFT_WRIST, NOSE
from models.geometry.proportions import sanitized
from streamer.tracking.limb_fade import DEPTH_BAND, FADE_IN_S, FADE_OUT_S, FAINT, Fade, LimbFade
from streamer.tracking.motion import VISIBILITY
from tests.support.joints import standing

STEP = 0.04
SIZE = 0.3


def joints(wrist=(0.22, -0.03, 0.0), visibility=1.0, joint=LEFT_WRIST, shift=0.0):
    body = standing()[0].numpy().copy()
    body[LEFT_WRIST, :3] = wrist
    body[joint, VISIBILITY] = visibility
    body[:, 0] += shift
    return body


def play(fade, bodies):
    return np.stack([fade(body, i * STEP, SIZE) for i, body in enumerate(bodies)])


def test_joints_that_are_seen_pass_and_count_as_seen():
    shown = play(LimbFade(), [joints()] * 5)
    np.testing.assert_allclose(shown[..., :3], np.stack([joints()] * 5)[..., :3], atol=1e-6)
    assert (shown[:, LEFT_SHOULDER:, VISIBILITY] > 0.8).all()


def test_a_wrist_that_is_lost_freezes_at_the_shoulders_and_fades():
    away = round(FADE_OUT_S / STEP) + 2
    lost = [joints((0.9, 0.9, 0.0), 0.1, shift=0.01 * i) for i in range(away)]
    shown = play(LimbFade(), [joints()] * 3 + lost)[3:]
    frozen = shown[:, LEFT_WRIST, 0] - shown[:, LEFT_SHOULDER, 0]
    np.testing.assert_allclose(frozen, frozen[0], atol=1e-5)
    visibility = shown[:, LEFT_WRIST, VISIBILITY]
    assert (np.diff(visibility) <= 0).all() and visibility[2] > 0.6 and visibility[-1] == pytest.approx(FAINT)
    assert shown[-1, LEFT_INDEX, VISIBILITY] == pytest.approx(FAINT)  # the hand goes with it
    assert shown[-1, NOSE, VISIBILITY] == 1


def test_a_limb_returns_without_a_jump():
    """After a short loss it moves on from where it froze; after a long one its weight rises from nothing."""
    short = play(LimbFade(), [joints()] * 3 + [joints(visibility=0.0)] * 3 + [joints((0.5, -0.3, 0.0))] * 12)
    path = short[:, LEFT_WRIST, :2]
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 0.6 * np.hypot(0.28, 0.27)
    np.testing.assert_allclose(path[-1], [0.5, -0.3], atol=0.01)
    back = round(FADE_IN_S / STEP)
    long = play(LimbFade(), [joints(visibility=0.0)] * 15 + [joints()] * (back + 2))[15:, LEFT_WRIST]
    assert 0.35 < long[0, VISIBILITY] < 0.6 and (np.diff(long[:, VISIBILITY]) >= 0).all() and long[-1, VISIBILITY] > 0.8


def test_a_visibility_at_the_threshold_does_not_flicker():
    shown = play(LimbFade(), [joints()] + [joints(visibility=v) for v in [0.45, 0.55, 0.4, 0.5] * 6])
    assert (shown[:, LEFT_WRIST, VISIBILITY] > 0.8).all()
    shown = play(LimbFade(), [joints(visibility=0)] + [joints(visibility=v) for v in [0.45, 0.5, 0.4, 0.5] * 6])
    assert (shown[:, LEFT_WRIST, VISIBILITY] < FAINT + 0.01).all()


def test_what_fades_out_weighs_ever_less():
    """In steps that retargeting does not turn into a jump."""
    shown = play(LimbFade(), [joints()] * 2 + [joints(visibility=0.0, joint=LEFT_HIP)] * 12)
    weight = sanitized(torch.from_numpy(shown))[:, LEFT_HIP, 3].numpy()
    assert weight[1] == 1 and weight[-1] == 0 and np.abs(np.diff(weight)).max() < 0.35


def test_depth_moves_only_when_it_leaves_its_band():
    random = np.random.default_rng(0)
    noisy = [joints((0.2, 0.0, float(z))) for z in random.normal(0, 0.3 * DEPTH_BAND * SIZE, 60)]
    depths = play(LimbFade(), noisy)[20:, LEFT_WRIST, 2]
    assert np.ptp(depths) < 0.35 * np.ptp([body[LEFT_WRIST, 2] for body in noisy])
    moved = play(LimbFade(), [joints((0.2, 0.0, 0.05 * i)) for i in range(20)])[:, LEFT_WRIST, 2]
    np.testing.assert_allclose(moved[10:], 0.05 * np.arange(10, 20) - DEPTH_BAND * SIZE, atol=1e-4)


def test_feet_fade_with_their_ankle():
    shown = play(LimbFade(), [joints()] + [joints(visibility=0.0, joint=LEFT_ANKLE)] * 20)
    assert shown[-1, LEFT_FOOT, VISIBILITY] == pytest.approx(FAINT)


def test_a_gap_restarts_the_fade():
    fade = Fade()
    points = np.zeros((1, 3), np.float32)
    fade(points, np.array([True]), 0.0)
    moved, level = fade(points + 1, np.array([False]), 5.0)
    np.testing.assert_array_equal(moved, points + 1)
    assert level == [0]

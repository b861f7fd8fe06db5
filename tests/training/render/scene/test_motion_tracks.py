"""Random motion has human timing and limits."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.scene.motion_tracks import (
    FPS,
    ExpressionIndex,
    Mood,
    blink_curve,
    pair_tracks,
    random_track,
    wander,
)

BOTH = [
    "browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekRaiser", "cheekSquint", "eyeBlink",
    "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown",
    "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer",
]  # fmt: skip
ONE = [
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel", "mouthLeft", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
]  # fmt: skip
NAMES = ExpressionIndex([f"{name}_{side}" for name in BOTH for side in "LR"] + ONE)


def test_track_weights_and_angles_stay_in_range():
    for seed in range(20):
        track = random_track(np.random.default_rng(seed), 120, NAMES)
        assert len(track) == 120
        assert track.expression.min() >= 0 and track.expression.max() <= 1
        assert np.abs(track.gaze).max() < 0.551
        assert np.abs(track.head).max() < 0.951


def test_track_head_moves_smoothly():
    tracks = [random_track(np.random.default_rng(seed), 120, NAMES) for seed in range(20)]
    steps = np.concatenate([np.abs(np.diff(track.head, axis=0)).max(1) for track in tracks])
    assert np.quantile(steps, 0.99) < 0.12  # radians a frame
    assert np.mean(steps) > 0.002  # and it does move


def test_blinks_have_their_rate_and_close_the_eye():
    curve = blink_curve(np.random.default_rng(1), int(FPS * 600), 0.35)
    starts = ((curve[1:] > 0.5) & (curve[:-1] <= 0.5)).sum()
    assert 0.2 < starts / 600 < 0.5
    assert curve.max() > 0.95
    assert 0.02 < (curve > 0.5).mean() < 0.12


def test_mood_without_speech_keeps_the_jaw_closed():
    silent = random_track(np.random.default_rng(3), 100, NAMES, Mood(talk=0, face=0, blinks=0))
    assert silent.expression[:, NAMES.columns("jawOpen")].max() == 0
    loud = random_track(np.random.default_rng(3), 100, NAMES, Mood(talk=1, face=0))
    assert loud.expression[:, NAMES.columns("jawOpen")].max() > 0.2


def test_wander_has_unit_variance():
    assert wander(np.random.default_rng(0), 20000, 0.4).std() == pytest.approx(1, abs=0.15)


def test_pair_kinds_have_their_shares():
    rng = np.random.default_rng(5)
    kinds, moved, exact = [], {"still": [], "small": [], "large": []}, 0
    for _ in range(300):
        first, track, kind = pair_tracks(rng, 2, NAMES)
        kinds.append(kind)
        difference = np.abs(track.head[-1] - first.head).max()
        moved[kind].append(difference)
        exact += difference == 0 and np.array_equal(track.expression[1], first.expression)
    share = {kind: kinds.count(kind) / 300 for kind in moved}
    assert share["still"] == pytest.approx(0.15, abs=0.07)
    assert share["small"] == pytest.approx(0.45, abs=0.1)
    assert share["large"] == pytest.approx(0.40, abs=0.1)
    assert exact >= 8
    assert np.mean(moved["still"]) < np.mean(moved["small"]) < np.mean(moved["large"])
    assert np.mean(moved["large"]) > 0.2


def test_tracks_are_reproducible_by_seed():
    one, two = (random_track(np.random.default_rng(9), 50, NAMES) for _ in range(2))
    np.testing.assert_array_equal(one.expression, two.expression)
    np.testing.assert_array_equal(one.head, two.head)

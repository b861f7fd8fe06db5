"""Rendered bodies: their poses, the figures of their true pixels, and one that is rendered."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation.rendered_bodies import (
    CAST,
    HOLD_FRAMES,
    MOVE_FRAMES,
    RENDERED_BODY_FIGURES,
    RENDERED_SIZE,
    BodyRenderer,
    acts,
    rendered_figures,
)
from streamer.errors import KagamiError
from tests.support.kits import BODYKIT, FACEKIT, needs_bodykit, needs_facekit
from training.render.character.gestures import POSES, REST_ARMS, REST_FINGERS
from training.render.joints import Joint

BACKGROUND, HEAD, TORSO, ARM = range(4)


def test_poses_follow_each_other_from_rest_and_are_held():
    track = acts((("wave", "hang"), ("hip", "fist")))
    step = MOVE_FRAMES + HOLD_FRAMES
    assert len(track) == 1 + 2 * step
    assert np.array_equal(track[0].arms, REST_ARMS) and np.array_equal(track[0].fingers, REST_FINGERS)
    for i in range(step - HOLD_FRAMES, step + 1):
        assert np.allclose(track[i].arms, [POSES["wave"][0], POSES["hang"][0]], atol=1e-6)
    assert np.allclose(track[-1].arms, [POSES["hip"][0], POSES["fist"][0]], atol=1e-6)
    assert np.allclose(track[-1].fingers, [POSES["hip"][1], POSES["fist"][1]], atol=1e-6)
    steps = [np.abs(b.arms - a.arms).max() for a, b in pairwise(track[: MOVE_FRAMES + 1])]
    assert max(steps) == steps[MOVE_FRAMES // 2]  # fastest halfway


def test_figures_belong_to_arms_to_what_they_uncover_and_to_the_torso():
    rest, moved = np.full((2, 40, 40), TORSO, np.uint8)
    rest[:, :10], moved[:, 30:] = ARM, ARM
    moved[:, 20:30] = BACKGROUND
    truth = [np.full((40, 40, 3), 100, np.uint8)] * 2
    errors = {"uncovered_psnr": (slice(0, 10), 1), "torso_psnr": (slice(10, 20), 2), "arms_psnr": (slice(30, 40), 4)}
    drawn = truth[1].copy()
    drawn[:, 20:30] = 0  # of the background, which was never behind an arm: no figure
    for columns, error in errors.values():
        drawn[:, columns] += error
    figures = rendered_figures([rest, moved], truth, [np.zeros_like(drawn), drawn])
    assert set(figures) == set(RENDERED_BODY_FIGURES) and figures["arm_share"] == 25
    for name, (_, error) in errors.items():
        assert figures[name] == pytest.approx(20 * np.log10(255 / error))


def test_arms_that_stay_uncover_nothing():
    parts = np.full((40, 40), ARM, np.uint8)
    frame = np.zeros((40, 40, 3), np.uint8)
    figures = rendered_figures([parts, parts], [frame] * 2, [frame] * 2)
    assert np.isnan(figures["uncovered_psnr"]) and np.isnan(figures["torso_psnr"]) and figures["arms_psnr"] > 70


def test_a_file_that_is_no_model_is_an_error_in_one_sentence(tmp_path):
    with pytest.raises(KagamiError) as caught:
        BodyRenderer(tmp_path / "face.npz", tmp_path / "body.npz")
    assert "face.npz" in str(caught.value) and "\n" not in str(caught.value)


@needs_facekit
@needs_bodykit
def test_a_rendered_body_is_tracked_and_its_arms_are_known(monkeypatch):
    monkeypatch.setitem(CAST, "upper", replace(CAST["upper"], poses=(("wave", "hang"),)))
    body = BodyRenderer(Path(FACEKIT), Path(BODYKIT)).body("upper")
    assert len(body.clip.frames) == len(body.clip.motions) == len(body.parts) == 1 + MOVE_FRAMES + HOLD_FRAMES
    assert body.clip.shape == (RENDERED_SIZE, RENDERED_SIZE)
    for parts, person in zip(body.parts, body.persons, strict=True):
        assert set(np.unique(parts)) == {BACKGROUND, HEAD, TORSO, ARM} and (person == (parts > 0)).all()
    last = body.clip.track.joints[-1]
    assert last is not None
    across, down = last[Joint.LEFT_ELBOW, :2].astype(int)
    assert body.parts[-1][down, across] == ARM and body.parts[0][down, across] != HEAD

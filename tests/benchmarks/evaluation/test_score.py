"""The figures, against cases whose answer is known and against scikit-image."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from benchmarks.evaluation.score import FIGURES, means, score, ssim
from models.geometry.topology import LEFT_EYE_OUTER, LOWER_LIP_INNER, RIGHT_EYE_OUTER, UPPER_LIP_INNER
from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix

SIZE = 128


def face(turn=0.0, mouth=0.0, shift=(64.0, 60.0)):
    """(478, 3) pixels: 40 between the eye corners, turned to the side by `turn` radians."""
    shape = CANONICAL.astype(np.float64)
    shape[LOWER_LIP_INNER, 1] = shape[UPPER_LIP_INNER, 1] + mouth
    return (
        HeadTransform(40.0, rotation_matrix(np.array([0, turn, 0])), np.array([*shift, 0.0])).apply(shape).astype(float)
    )


def clip(count=24, seed=0):
    """Noise pictures and a face that talks and turns."""
    random = np.random.default_rng(seed)
    frames = [random.integers(0, 256, (SIZE, SIZE, 3), np.uint8) for _ in range(count)]
    return frames, [face(0.2 * np.sin(0.3 * i), 0.1 + 0.1 * np.sin(i)) for i in range(count)]


def test_a_perfect_copy_scores_perfectly():
    frames, faces = clip()
    got = score(frames, frames, faces, faces)
    assert list(got) == list(FIGURES)
    assert got["frames"] == 24 and got["found"] == 1
    assert got["psnr"] == got["face_psnr"] == pytest.approx(10 * np.log10(255**2 / 1e-3))
    assert got["ssim"] == pytest.approx(1) and got["sharp"] == pytest.approx(1) and got["jitter"] == pytest.approx(1)
    assert got["mouth_l1"] == got["eyes_l1"] == got["akd"] == 0
    assert got["pose_deg"] == pytest.approx(0, abs=1e-4)
    assert got["mouth_corr"] == pytest.approx(1) and got["mouth_gain"] == pytest.approx(1)
    assert np.isnan(got["eye_corr"])  # these eyes never move


def test_a_known_error_gives_the_known_figures():
    frames, faces = clip()
    lighter = [np.where(frame < 245, frame + 10, frame - 10).astype(np.uint8) for frame in frames]
    got = score(frames, lighter, faces, [one + np.array([2.0, 0, 0]) for one in faces])
    assert got["psnr"] == pytest.approx(10 * np.log10(255**2 / 100))
    assert got["mouth_l1"] == pytest.approx(10) and got["eyes_l1"] == pytest.approx(10)
    widths = [np.linalg.norm(one[RIGHT_EYE_OUTER, :2] - one[LEFT_EYE_OUTER, :2]) for one in faces]
    assert got["akd"] == pytest.approx(100 * np.mean([2 / width for width in widths]))


def test_half_the_opening_is_half_the_gain_and_full_correlation():
    frames, faces = clip()
    half = [face(0.2 * np.sin(0.3 * i), 0.05 + 0.05 * np.sin(i)) for i in range(24)]
    got = score(frames, frames, faces, half)
    assert got["mouth_gain"] == pytest.approx(0.5, abs=0.02) and got["mouth_corr"] > 0.99


def test_a_head_that_does_not_turn_misses_by_the_turn():
    frames = clip()[0]
    turning, still = [face(0.02 * i) for i in range(24)], [face()] * 24
    got = score(frames, frames, turning, still)
    assert got["pose_deg"] == pytest.approx(np.degrees(np.mean([0.02 * i for i in range(1, 24)])), rel=1e-3)


def test_frames_without_a_face_are_left_out():
    frames, faces = clip()
    lost = [None if i % 2 else one for i, one in enumerate(faces)]
    got = score(frames, frames, faces, lost)
    assert got["found"] == 0.5 and got["akd"] == 0
    nothing = score(frames, frames, faces, [None] * 24)
    assert nothing["found"] == 0 and np.isnan(nothing["akd"]) and not np.isnan(nothing["face_psnr"])


def test_ssim_is_that_of_scikit_image():
    random = np.random.default_rng(4)
    a = random.integers(0, 256, (70, 90, 3), np.uint8)
    b = np.clip(a + random.normal(0, 30, a.shape), 0, 255).astype(np.uint8)
    assert ssim(a, b) == pytest.approx(structural_similarity(a, b, channel_axis=2), abs=1e-6)


def test_means_leave_out_what_is_undefined():
    row = dict.fromkeys(FIGURES, 1.0)
    got = means([row, row | {"psnr": 3.0, "eye_corr": np.nan}])
    assert got["psnr"] == 2 and got["eye_corr"] == 1
    assert np.isnan(means([row | {"eye_corr": np.nan}])["eye_corr"])

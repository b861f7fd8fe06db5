"""Landmarks of large drawn eyes are spread over these; those of eyes that they fit, and of photographs, stay."""

import cv2
import numpy as np
import pytest

from models.geometry.openings import EYES
from models.geometry.topology import CHIN, topology
from streamer.rigging.drawn_eyes import fit_drawn_eyes
from streamer.rigging.face_parts import is_flat_drawing

SIDE = 256
SKIN, IRIS, LASHES = (0.95, 0.85, 0.8), (0.2, 0.4, 0.8), (0.15, 0.1, 0.2)


def drawing(half_height, noise=0.0):
    """A flat face with eyes of so many pixels, and the landmarks of a person's: picture and landmarks."""
    canonical = topology().canonical.numpy()
    face = canonical * 0.45
    face[:, 1] -= 0.2
    rgb = np.full((SIDE, SIDE, 3), SKIN, np.float32)
    for ring, _ in EYES:
        x, y = ((face[list(ring), :2].mean(0) + 1) * SIDE / 2).round().astype(int).tolist()
        cv2.ellipse(rgb, (x, y + half_height // 2), (16, half_height), 0, 0, 360, LASHES, -1)
        cv2.ellipse(rgb, (x, y + half_height // 2), (11, max(half_height - 4, 1)), 0, 0, 360, IRIS, -1)
    rgb += np.random.default_rng(1).normal(0, noise, (SIDE, SIDE, 1)).astype(np.float32)
    return rgb.clip(0, 1), face.astype(np.float32)


def height(face, ring):
    return float(np.ptp(face[list(ring), 1])) * SIDE / 2


def test_landmarks_are_spread_over_large_drawn_eyes():
    rgb, face = drawing(11)
    fitted = fit_drawn_eyes(rgb, face)
    for ring, iris in EYES:
        assert height(fitted, ring) == pytest.approx(22, abs=2)
        middle = fitted[list(ring), :2]
        np.testing.assert_allclose(fitted[iris, :2], (middle.min(0) + middle.max(0)) / 2, atol=0.01)
    np.testing.assert_array_equal(fitted[CHIN], face[CHIN])


def test_landmarks_that_fit_stay():
    rgb, face = drawing(3)
    np.testing.assert_array_equal(fit_drawn_eyes(rgb, face), face)
    blank = np.full_like(rgb, SKIN)
    np.testing.assert_array_equal(fit_drawn_eyes(blank, face), face)


@pytest.mark.parametrize(("noise", "flat"), [(0.0, True), (0.01, False)])
def test_a_flat_drawing_has_no_texture_in_its_face(noise, flat):
    rgb, face = drawing(12, noise)
    assert is_flat_drawing(rgb, face) is flat
    assert is_flat_drawing(rgb, face + 10) is False  # beyond the picture

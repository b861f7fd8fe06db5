"""Errors at the border of a disc."""

import cv2
import numpy as np
import pytest

from benchmarks.evaluation.edges import GREEN, band_errors, over_green

SIDE = 512
RED = (200, 30, 30)


def disc():
    """A red disc over green and its soft matte."""
    matte = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(matte, (256, 256), 100, 1.0, -1)
    matte = cv2.GaussianBlur(matte, (3, 3), 0.8)
    return composed(np.full((SIDE, SIDE, 3), RED, np.float64), matte), matte


def composed(colour, matte):
    return np.round(colour * matte[..., None] + np.array(GREEN) * (1 - matte[..., None])).astype(np.uint8)


def test_the_truth_has_no_error_and_what_lies_beside_the_band_does_not_count():
    truth, matte = disc()
    drawn = truth.copy()
    drawn[200:300, 200:300] = 0
    drawn[:100] = 255
    assert band_errors(drawn, truth, matte) == {"band": 0, "inner": 0, "outer": 0}


@pytest.mark.parametrize(("radius", "side"), [(101, "outer"), (98, "inner")])
def test_a_ring_counts_on_its_own_side_of_the_silhouette(radius, side):
    truth, matte = disc()
    drawn = truth.copy()
    cv2.circle(drawn, (256, 256), radius, (255, 255, 255), 1)
    errors = band_errors(drawn, truth, matte)
    other = "inner" if side == "outer" else "outer"
    assert errors[side] > 30 and errors[other] < 5
    assert errors["band"] == pytest.approx((errors["inner"] + errors["outer"]) / 2, rel=0.05)


def test_straight_alpha_gives_the_composite_back():
    _, matte = disc()
    alpha = np.round(matte * 255).astype(np.uint8)
    colour = np.full((SIDE, SIDE, 3), RED, np.float64)
    premultiplied = np.round(colour * alpha[..., None] / 255).astype(np.uint8)
    expected = composed(colour, alpha / np.float64(255))
    assert np.abs(over_green(premultiplied, alpha).astype(int) - expected).max() <= 2

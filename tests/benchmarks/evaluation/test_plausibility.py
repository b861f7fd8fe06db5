"""Faults put into a made picture of a head are found, and what only moves or changes the light is not taken for one."""

import cv2
import numpy as np
import pytest

from benchmarks.evaluation.plausibility import Palette, find_faults

SIDE = 256
BODY, HAIR, SKIN = 1, 2, 3
RED, BROWN, TAN, BLACK, GREEN = (150, 40, 40), (60, 40, 25), (205, 160, 130), (8, 8, 8), (60, 170, 90)


def head(shift=0, gain=1.0):
    """Picture, matte and label of a head with hair, brows and eyes over a bust, before a green wall."""
    image, label = np.full((SIDE, SIDE, 3), GREEN, np.uint8), np.zeros((SIDE, SIDE), np.uint8)

    def ellipse(centre, axes, colour, part):
        for canvas, value in ((image, colour), (label, part)):
            cv2.ellipse(canvas, (centre[0] + shift, centre[1]), axes, 0, 0, 360, value, -1)

    ellipse((128, 270), (110, 80), RED, BODY)
    ellipse((128, 110), (74, 90), BROWN, HAIR)
    ellipse((128, 122), (60, 72), TAN, SKIN)
    for x in (103, 153):
        ellipse((x, 96), (12, 2), BLACK, SKIN)
        ellipse((x, 108), (8, 3), (240, 240, 240), SKIN)
        ellipse((x, 108), (3, 3), BLACK, SKIN)
    matte = (label > 0).astype(np.float32)
    image = image.copy()
    image[label > 0] = np.clip(image[label > 0] * gain, 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(image, (3, 3), 0.6), matte, label


def faults(drawn, alpha=None):
    truth, matte, label = head()
    return find_faults(drawn, matte if alpha is None else alpha, truth, matte, label, Palette([truth], [label])).counts


@pytest.mark.parametrize(
    ("shift", "gain", "blur"),
    [(0, 1.0, 0), (3, 1.0, 0), (-6, 1.0, 0), (0, 0.88, 0), (0, 1.12, 0), (4, 0.92, 0), (2, 1.0, 1.5)],
)
def test_a_moved_lit_or_soft_head_has_no_faults(shift, gain, blur):
    drawn, alpha, _ = head(shift, gain)
    if blur:
        drawn = cv2.GaussianBlur(drawn, (0, 0), blur)
    assert faults(drawn, alpha) == dict.fromkeys(("dirt", "holes", "cuts", "islands"), 0)


def test_specks_of_one_pixel_are_found_one_by_one():
    drawn, _, _ = head()
    places = [(y, x) for y in range(130, 180, 10) for x in range(100, 160, 10)]
    for i, place in enumerate(places):
        drawn[place] = (BLACK, (255, 255, 255), (0, 90, 255))[i % 3]
    assert faults(drawn)["dirt"] == pytest.approx(len(places), abs=0)


def test_a_black_disc_over_an_eye_is_found_though_lashes_are_black_too():
    drawn, _, _ = head()
    cv2.circle(drawn, (153, 108), 16, BLACK, -1)
    area = np.pi * 16**2  # of which the part beside the true brow passes for a brow
    assert 0.5 * area < faults(drawn)["dirt"] < 1.1 * area


def test_a_black_disc_in_a_dark_face_is_found():
    truth, matte, label = head(gain=0.35)
    drawn = truth.copy()
    cv2.circle(drawn, (128, 150), 9, BLACK, -1)
    counts = find_faults(drawn, matte, truth, matte, label, Palette([truth], [label])).counts
    assert counts["dirt"] > 0.8 * np.pi * 9**2


def test_a_ring_of_the_background_within_the_silhouette_is_found():
    drawn, matte, _ = head()
    contours, _ = cv2.findContours(matte.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    ring = np.zeros((SIDE, SIDE), np.uint8)
    cv2.drawContours(ring, contours, -1, 1, 13)
    drawn[(ring > 0) & (matte > 0)] = GREEN
    assert faults(drawn)["dirt"] > 1000


@pytest.mark.parametrize(("centre", "radius"), [((128, 150), 5), ((70, 110), 3)])
def test_an_opening_in_the_alpha_is_a_hole(centre, radius):
    drawn, matte, _ = head()
    alpha = matte.copy()
    cv2.circle(alpha, centre, radius, 0.0, -1)
    counts = faults(drawn, alpha)
    assert counts["holes"] == (alpha < matte).sum() and counts["dirt"] == 0


def test_a_hole_that_breaks_through_the_silhouette_is_still_one():
    drawn, matte, _ = head()
    alpha = matte.copy()
    cv2.circle(alpha, (186, 112), 7, 0.0, -1)
    cv2.line(alpha, (186, 112), (220, 112), 0.0, 3)
    counts = faults(drawn, alpha)
    assert counts["holes"] > 80 and counts["cuts"] == 0


def test_a_head_drawn_too_narrow_has_no_cut_but_one_of_which_half_is_missing_has():
    drawn, matte, _ = head()
    narrow = cv2.erode(matte, np.ones((9, 9)))
    assert faults(drawn, narrow)["cuts"] == faults(drawn, narrow)["holes"] == 0
    half = np.where(np.arange(SIDE) < 128, matte, 0).astype(np.float32)
    assert faults(drawn, half)["cuts"] > 5000 and faults(drawn, half)["holes"] == 0


def test_a_piece_in_the_air_is_an_island_and_a_longer_lock_is_not():
    drawn, matte, _ = head()
    alpha = matte.copy()
    cv2.circle(alpha, (20, 40), 6, 1.0, -1)
    area = int((alpha > matte).sum())
    assert faults(drawn, alpha)["islands"] == area
    alpha = matte.copy()
    cv2.line(alpha, (60, 110), (40, 170), 1.0, 4)
    assert faults(drawn, alpha)["islands"] == 0

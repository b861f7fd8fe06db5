"""The regions of a synthetic frame."""

import numpy as np
import pytest

from benchmarks.evaluation.regions import PARTITION, REGIONS, region_psnr, regions
from models.geometry.topology import LEFT_LID, LOWER_LIP_INNER, OUTER_LIPS, RIGHT_LID, UPPER_LIP_INNER
from streamer.tracking.head_pose import CANONICAL

SIZE = 170  # the margin of mouth and eyes is two pixels


def scene(open_mouth=True):
    """A label picture and its landmarks: body below, head of hair around a square of skin, canonical features."""
    face = CANONICAL.astype(np.float64) * 50 + [85, 70, 0]
    label = np.zeros((SIZE, SIZE), np.uint8)
    label[140:] = 1
    label[20:150, 30:140] = 2
    label[40:150, 40:130] = 3
    if open_mouth:
        middle = face[[UPPER_LIP_INNER, LOWER_LIP_INNER], :2].mean(0).astype(int)
        label[middle[1] - 2 : middle[1] + 3, middle[0] - 6 : middle[0] + 7] = 4
    return label, face


def test_regions_cover_the_frame_once():
    label, face = scene()
    parts = regions(label, face)
    assert tuple(parts) == REGIONS
    assert (np.sum([parts[name] for name in PARTITION], axis=0) == 1).all()
    assert parts["mouth"][label == 4].all() and (parts["inside"] == (label == 4)).all()
    assert parts["hair"][30, 35] and parts["body"][160, 10]


def test_closed_mouth_and_eyes_are_regions():
    label, face = scene(open_mouth=False)
    parts = regions(label, face)
    for name, ring in (("mouth", OUTER_LIPS), ("eyes", RIGHT_LID), ("eyes", LEFT_LID)):
        x, y = face[list(ring), :2].mean(0).astype(int)
        assert parts[name][y, x]


def test_glasses_in_front_of_the_eyes_are_hair():
    label, face = scene()
    x, y = face[list(RIGHT_LID), :2].mean(0).astype(int)
    label[y, x] = 2
    assert regions(label, face)["hair"][y, x] and not regions(label, face)["eyes"][y, x]


def test_an_error_lowers_the_psnr_of_its_region_alone():
    label, face = scene()
    truth = np.full((SIZE, SIZE, 3), 100, np.uint8)
    drawn = truth.copy()
    drawn[regions(label, face)["mouth"]] += 10
    got = region_psnr([truth, truth], [drawn, truth], [label] * 2, [face] * 2)
    assert got["mouth"] == pytest.approx(10 * np.log10(255**2 / 50))  # 100 in one frame, 0 in the other
    assert all(got[name] > 70 for name in REGIONS if name not in ("mouth", "inside"))


def test_a_missing_region_has_no_figure():
    label, face = scene()
    label[(label == 1) | (label == 4)] = 0
    truth = np.zeros((SIZE, SIZE, 3), np.uint8)
    got = region_psnr([truth], [truth], [label], [face])
    assert np.isnan(got["body"]) and np.isnan(got["inside"])

"""The lashes of flat eyes are found, and how far they fall; dots, lamps and eyes under hair have none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.geometry.drawn_lids import COLUMNS, REACH
from models.geometry.openings import EYES
from models.geometry.topology import topology
from streamer.rigging.canvas import canvas_pixels
from streamer.rigging.drawn_lids import find_drawn_lids

SIDE = 384
SKIN, WHITE, IRIS, INK = (0.95, 0.85, 0.8), (1.0, 1.0, 1.0), (0.2, 0.4, 0.8), (0.15, 0.1, 0.2)
HALF, LASH = (34, 24), 7  # pixels: half sizes of an eye, and height of its lashes
AT = np.linspace(-REACH, REACH, COLUMNS, endpoint=False) + REACH / COLUMNS


def drawing(eye: tuple[float, ...] = WHITE, lash: int = LASH, hair: bool = False):
    """A flat face whose eyes are as large as their landmarks' ring: picture and landmarks."""
    face = topology().canonical.numpy() * np.float32(0.6)
    rgb = np.full((SIDE, SIDE, 3), SKIN, np.float32)
    for ring, _ in EYES:
        points = face[list(ring), :2]
        middle = (points.min(0) + points.max(0)) / 2
        points = middle + (points - middle) / (np.ptp(points, axis=0) / 2) * (np.array(HALF) * 2 / SIDE)
        face[list(ring), :2] = points
        x, y = np.round(canvas_pixels(np.append(middle, 0)[None], SIDE)[0]).astype(int).tolist()
        cv2.ellipse(rgb, (x, y), HALF, 0, 0, 360, INK, -1)
        cv2.ellipse(rgb, (x, y + lash // 2), (HALF[0] - 1, HALF[1] - lash // 2), 0, 0, 360, eye, -1)
        cv2.circle(rgb, (x, y + 4), 12, IRIS if eye == WHITE else eye, -1)
        if hair:
            cv2.line(rgb, (x, 0), (x, y), INK, 6)
    return cv2.GaussianBlur(rgb, (0, 0), 0.7), face


def test_lashes_are_found_and_fall_to_the_lower_lid() -> None:
    lids = find_drawn_lids(*drawing())
    assert lids.drawn.tolist() == [[1, 1]]
    np.testing.assert_allclose(lids.skin[0], [SKIN, SKIN], atol=0.02)
    middle = np.abs(AT) < 0.5
    for eye in (0, 1):
        top, edge, fall = (each[0, eye].numpy() for each in (lids.top, lids.edge, lids.fall))
        assert abs(top[middle].min() + 1) < 0.12
        assert np.median((edge - top)[middle]) == pytest.approx(LASH / HALF[1], abs=0.15)
        curve = np.sqrt(1 - AT[middle] ** 2)
        np.testing.assert_allclose((edge + fall)[middle], curve, atol=0.12)
        assert fall[np.abs(AT) > 1.2].max() == 0


@pytest.mark.parametrize(
    "picture",
    [drawing(INK), drawing((1.0, 0.9, 0.3), lash=0), drawing(hair=True), (np.ones((64, 64, 3), np.float32), None)],
    ids=["dots", "lamps", "under hair", "blank"],
)
def test_other_eyes_have_no_lashes(picture) -> None:
    rgb, face = picture
    lids = find_drawn_lids(rgb, drawing()[1] if face is None else face)
    assert lids.drawn.tolist() == [[0, 0]] and float(lids.fall.abs().max()) == 0


def test_a_face_with_texture_has_no_drawn_lids() -> None:
    rgb, face = drawing()
    rgb = rgb + np.random.default_rng(1).normal(0, 0.02, (*rgb.shape[:2], 1)).astype(np.float32)
    assert find_drawn_lids(rgb.clip(0, 1), face).drawn.tolist() == [[0, 0]]


def test_eyes_beyond_the_picture_have_no_lashes() -> None:
    rgb, face = drawing()
    assert find_drawn_lids(rgb, face + 10).drawn.tolist() == [[0, 0]]

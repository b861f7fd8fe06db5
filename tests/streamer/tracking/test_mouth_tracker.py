"""What an open mouth shows, on drawn faces whose mouths show known things."""

import cv2
import numpy as np
import pytest

from models.closeups.mouth import CHEEK_LANDMARKS, SCLERA_LANDMARKS
from models.geometry.topology import INNER_LIPS
from models.motion import MOUTH_COLUMNS, MOUTH_ROWS
from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix
from streamer.tracking.image_points import to_pixels
from streamer.tracking.motion import Motion, blend
from streamer.tracking.mouth_tracker import MAX_COLOUR, WHITE_ADAPTATION_S, MouthTracker

WIDTH, HEIGHT = 640, 480
SKIN, TOOTH, TONGUE = (180, 140, 120), (170, 160, 140), (120, 60, 60)
LOWER = [14, 87, 178, 88, 95, 317, 402, 318, 324]


def person(gap=0.3, size=0.3, roll=0.0, shift=(0.0, 0.02, 0.0)):
    """Landmarks of somebody whose lips are so far apart, canonical units; camera units."""
    shape = CANONICAL.copy()
    shape[LOWER, 1] += gap
    return HeadTransform(size, rotation_matrix(np.array([0, 0, roll])), np.array(shift)).apply(shape)


def picture(face, light=1.0, eyes=(200, 200, 200), right=TONGUE):
    """A face whose mouth shows teeth above, and below a tongue on its left side and something else on its right."""
    rgb = np.full((HEIGHT, WIDTH, 3), SKIN, np.float32)
    found = to_pixels(face[:, :2], rgb.shape)
    ring = found[list(INNER_LIPS)]
    start, end = ring[0], ring[10]
    across = (end - start) / np.linalg.norm(end - start)
    down = np.array([-across[1], across[0]])
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(inside, [np.rint(ring).astype(np.int32)], 1)
    inside = cv2.dilate(inside, np.ones((5, 5), np.uint8)) > 0
    at = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1) - (ring[5] + ring[15]) / 2
    below, left = at @ down > 0, at @ across > 0
    rgb[inside & ~below], rgb[inside & below & left], rgb[inside & below & ~left] = TOOTH, TONGUE, right
    for a, b in SCLERA_LANDMARKS:
        cv2.circle(rgb, tuple(int(v) for v in np.rint((found[a] + found[b]) / 2)), 3, eyes, -1)
    return np.clip(rgb * light, 0, 255).astype(np.uint8)


def look(face, rgb=None):
    return MouthTracker().track(picture(face) if rgb is None else rgb, 0.0, face)


def middle(mouth, row):
    """The colour of a quarter of the cells, in their middle."""
    rows = slice(2, 6) if row == "upper" else slice(MOUTH_ROWS - 6, MOUTH_ROWS - 2)
    part = mouth[rows, MOUTH_COLUMNS // 4 : -MOUTH_COLUMNS // 4]
    return part[..., :3].sum((0, 1)) / part[..., 3].sum()


def test_teeth_and_tongue_are_told_as_shares_of_white():
    mouth = look(person())
    assert mouth.shape == (MOUTH_ROWS, MOUTH_COLUMNS, 4) and mouth.dtype == np.float32
    assert mouth[:, MOUTH_COLUMNS // 2, 3].min() == 1
    np.testing.assert_allclose(middle(mouth, "upper"), np.array(TOOTH) / 200, atol=0.02)
    np.testing.assert_allclose(middle(mouth, "lower"), np.array(TONGUE) / 200, atol=0.02)


@pytest.mark.parametrize(
    "other", [{"size": 0.2, "shift": (0.3, -0.1, 0.0)}, {"roll": 0.5}, {"roll": -0.4, "shift": (-0.2, 0.1, 0.0)}]
)
def test_it_goes_along_with_the_head(other):
    mouth = look(person(**other))
    np.testing.assert_allclose(middle(mouth, "upper"), np.array(TOOTH) / 200, atol=0.03)
    np.testing.assert_allclose(middle(mouth, "lower"), np.array(TONGUE) / 200, atol=0.03)


def test_light_and_exposure_are_left_out():
    face = person()
    one, other = (middle(look(face, picture(face, light)), "upper") for light in (1.0, 0.5))
    np.testing.assert_allclose(one, other, atol=0.03)


def test_white_is_the_lighter_of_cheeks_and_eyes():
    face = person()
    bright = picture(face, eyes=(90, 90, 90))  # in shadow: the cheek it is
    np.testing.assert_allclose(middle(look(face, bright), "upper"), np.array(TOOTH) / SKIN, atol=0.03)
    assert len(CHEEK_LANDMARKS) % 2 == 0 and look(face, picture(face, eyes=(90, 90, 90))).max() <= MAX_COLOUR


def test_shut_lips_tell_nothing():
    assert look(person(gap=-0.1)).max() == 0
    barely = look(person(gap=0.03, size=0.15))[:, MOUTH_COLUMNS // 2, 3]
    assert 0 <= barely.max() < 1
    assert look(person(gap=0.3, size=0.02))[..., 3].min() == 0  # far away there are no pixels to tell by


def test_white_follows_the_light_and_is_taken_anew_after_a_while():
    face, tracker = person(), MouthTracker()
    light, dark = picture(face), picture(face, 0.5)
    before = middle(tracker.track(light, 0.0, face), "upper")[0]
    soon = middle(tracker.track(dark, 0.04, face), "upper")[0]
    assert soon < 0.6 * before
    later = [middle(tracker.track(dark, 0.04 + 0.04 * k, face), "upper")[0] for k in range(1, 60)]
    assert later[-1] == pytest.approx(before, rel=0.05) and later[int(WHITE_ADAPTATION_S / 0.04)] > 0.75 * before
    assert middle(tracker.track(light, 99.0, face), "upper")[0] == pytest.approx(before, rel=0.02)


def test_a_mirror_swaps_its_sides_and_a_blend_is_between():
    face = person()
    motion = Motion(0.0, face, 1.0, mouth=look(face, picture(face, right=(30, 30, 30))))
    side = slice(2, MOUTH_COLUMNS // 3)
    assert motion.mouth[MOUTH_ROWS - 4, side, 0].mean() < 0.3 < motion.mirrored().mouth[MOUTH_ROWS - 4, side, 0].mean()
    np.testing.assert_array_equal(motion.mirrored().mirrored().mouth, motion.mouth)
    half = blend(Motion(0.0, face, 1.0), motion, 0.5)
    np.testing.assert_allclose(half.mouth, motion.mouth / 2, atol=1e-6)

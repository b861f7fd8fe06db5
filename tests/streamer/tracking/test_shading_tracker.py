"""The shade on faces under known lights."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kernels.shade import SPECULAR_REFLECTANCE
from models.geometry.shading import SQUARE_CENTRE, SQUARE_HALF
from models.geometry.topology import INNER_LIPS, LOWER_LIP_INNER, NOSE_TIP, UPPER_LIP_INNER
from models.motion import SHADE_SIDE
from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix
from streamer.tracking.image_points import to_pixels
from streamer.tracking.motion import Motion, blend
from streamer.tracking.shading_tracker import EXPOSURE_ADAPTATION_S, ShadingTracker
from tests.support.textures import rgb, soft_noise

WIDTH, HEIGHT = 640, 480
SKIN = 0.47  # brightness of a face in even light
CHEEKS = {"right": (-0.45, 0.55), "left": (0.45, 0.55)}  # canonical positions; right and left are the person's own


def person(size=0.3, turn=(0.0, 0.0, 0.0), shift=(0.0, 0.02, 0.0)):
    """Landmarks in camera units."""
    return HeadTransform(size, rotation_matrix(np.array(turn, float)), np.array(shift)).apply(CANONICAL)


def picture(face, right=1.0, left=1.0, skin=255 * SKIN):
    """A picture of one colour with faint blots, whose two halves about the nose are under different lights."""
    nose = to_pixels(face[[NOSE_TIP], :2], (HEIGHT, WIDTH))[0, 0]
    light = np.where(np.arange(WIDTH) < nose, right, left)
    return rgb(np.clip((skin + (soft_noise(HEIGHT, WIDTH, 2) - 128.0) / 8) * light, 0, 255).astype(np.uint8))


def change(light):
    """Expected change of the log brightness of `picture` under a light."""
    return np.log((SKIN * light + SPECULAR_REFLECTANCE) / (SKIN + SPECULAR_REFLECTANCE))


def brightness(shade, name):
    """Log brightness at a cheek."""
    x, y = ((np.array(CHEEKS[name]) - SQUARE_CENTRE) / SQUARE_HALF + 1) * SHADE_SIDE / 2
    value, weight = shade[int(y), int(x)]
    assert weight > 0.9
    return value / weight


def test_shade_measures_a_change_of_light():
    tracker, face = ShadingTracker(), person()
    then, now = (tracker.track(picture(face, right), at, face) for at, right in ((0, 1.0), (0.04, 0.7)))
    assert brightness(now, "right") - brightness(then, "right") == pytest.approx(change(0.7), abs=0.05)
    assert brightness(now, "left") - brightness(then, "left") == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("moved", [person(0.2, shift=(0.3, -0.1, 0.0)), person(turn=(0.1, 0.3, 0.1))])
def test_shade_moves_with_the_face(moved):
    tracker, face = ShadingTracker(), person()
    then, now = tracker.track(picture(face), 0, face), tracker.track(picture(moved, left=0.8), 0.04, moved)
    assert brightness(now, "left") - brightness(then, "left") == pytest.approx(change(0.8), abs=0.06)
    assert brightness(now, "right") - brightness(then, "right") == pytest.approx(0, abs=0.03)


def test_shade_has_low_weight_where_the_face_is_turned_away():
    face = person(turn=(0.0, 1.1, 0.0))
    shade = ShadingTracker().track(picture(face), 0, face)
    weights = [
        shade[SHADE_SIDE // 2 - 2 : SHADE_SIDE // 2 + 6, columns, 1].mean() for columns in (slice(3, 7), slice(-7, -3))
    ]
    assert min(weights) < 0.3 and max(weights) > 0.5


def test_shade_ignores_the_mouth_opening():
    face = person()
    face[CANONICAL[:, 1] > CANONICAL[[UPPER_LIP_INNER, LOWER_LIP_INNER], 1].mean(), 1] += 0.05  # the jaw drops
    shut, wide = picture(face), picture(face)
    ring = to_pixels(face[list(INNER_LIPS), :2], shut.shape)
    inside = ring.mean(0) + 0.7 * (ring - ring.mean(0))
    cv2.fillPoly(wide, [np.rint(inside).astype(np.int32)], (0, 0, 0))
    closed, opened = (ShadingTracker().track(each, 0, face) for each in (shut, wide))
    assert np.abs(closed - opened)[..., 1].max() == 0
    assert np.abs(closed - opened)[..., 0].mean() < 0.01


def test_shade_adapts_to_another_exposure():
    tracker, face = ShadingTracker(), person()
    then = tracker.track(picture(face), 0, face)
    at = np.arange(1, int(5 * EXPOSURE_ADAPTATION_S / 0.5)) * 0.5
    measured = [brightness(tracker.track(picture(face, 0.7, 0.7), t, face), "left") for t in at]
    assert measured[0] - brightness(then, "left") == pytest.approx(change(0.7), abs=0.05)
    assert measured[-1] - brightness(then, "left") == pytest.approx(0, abs=0.03)


def test_shade_starts_again_after_a_gap():
    tracker, face = ShadingTracker(), person()
    then = tracker.track(picture(face), 0, face)
    later = tracker.track(picture(face, 0.5, 0.5), 10, face)
    assert brightness(later, "left") == pytest.approx(brightness(then, "left"), abs=0.03)


def test_shade_is_finite_beyond_the_frame_and_zero_for_a_degenerate_face():
    tracker, face = ShadingTracker(), person(shift=(9.0, 9.0, 0.0))
    assert np.isfinite(tracker.track(picture(person()), 0, face)).all()
    assert not ShadingTracker().track(picture(person()), 0, np.zeros_like(face)).any()


def test_motion_mirrors_and_blends_the_shade():
    face = person()
    one, other = (ShadingTracker().track(picture(face, right=light), 0, face) for light in (1.0, 0.6))
    a, b = (replace(Motion.still(face), shade=shade) for shade in (one, other))
    np.testing.assert_allclose(blend(a, b, 0.25).shade, 0.75 * one + 0.25 * other, atol=1e-6)
    swapped = b.mirrored().shade
    assert brightness(swapped, "left") == pytest.approx(brightness(other, "right"), abs=0.01)

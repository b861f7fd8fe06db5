"""The light on a driver's skin, on faces lit by known lights."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kernels.shade import SPECULAR_REFLECTANCE
from models.geometry.shading import SQUARE_CENTRE, SQUARE_HALF
from models.geometry.topology import INNER_LIPS
from models.motion import SHADE_SIDE
from streamer.tracking.head_pose import CANONICAL, HeadTransform, rotation_matrix
from streamer.tracking.image_points import to_pixels
from streamer.tracking.motion import Motion, blend
from streamer.tracking.shading_tracker import EXPOSURE_ADAPTATION_S, ShadingTracker
from tests.support.textures import blots, rgb

WIDTH, HEIGHT = 640, 480
SKIN = 0.47  # brightness of a face in even light
CHEEKS = {"right": (-0.45, 0.55), "left": (0.45, 0.55)}  # canonical places, the person's own sides


def person(size=0.3, turn=(0.0, 0.0, 0.0), shift=(0.0, 0.02, 0.0)):
    """Somebody's landmarks, camera units."""
    return HeadTransform(size, rotation_matrix(np.array(turn, float)), np.array(shift)).apply(CANONICAL)


def picture(face, right=1.0, left=1.0, skin=255 * SKIN):
    """A face of one colour with a few blots, one half of it lit otherwise; behind it is noise."""
    middle = to_pixels(face[[1], :2], (HEIGHT, WIDTH))[0, 0]
    light = np.where(np.arange(WIDTH) < middle, right, left)
    return rgb(np.clip((skin + (blots(HEIGHT, WIDTH, 2) - 128.0) / 8) * light, 0, 255).astype(np.uint8))


def change(light):
    """What is told of such a light on a face of `picture`."""
    return np.log((SKIN * light + SPECULAR_REFLECTANCE) / (SKIN + SPECULAR_REFLECTANCE))


def brightness(shade, name):
    """Mean log at a place."""
    x, y = ((np.array(CHEEKS[name]) - SQUARE_CENTRE) / SQUARE_HALF + 1) * SHADE_SIDE / 2
    value, weight = shade[int(y), int(x)]
    assert weight > 0.9
    return value / weight


def test_light_is_told_by_how_it_changes():
    tracker, face = ShadingTracker(), person()
    then, now = (tracker.track(picture(face, right), at, face) for at, right in ((0, 1.0), (0.04, 0.7)))
    assert brightness(now, "right") - brightness(then, "right") == pytest.approx(change(0.7), abs=0.05)
    assert brightness(now, "left") - brightness(then, "left") == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("moved", [person(0.2, shift=(0.3, -0.1, 0.0)), person(turn=(0.1, 0.3, 0.1))])
def test_it_goes_along_with_the_face(moved):
    tracker, face = ShadingTracker(), person()
    then, now = tracker.track(picture(face), 0, face), tracker.track(picture(moved, left=0.8), 0.04, moved)
    assert brightness(now, "left") - brightness(then, "left") == pytest.approx(change(0.8), abs=0.06)
    assert brightness(now, "right") - brightness(then, "right") == pytest.approx(0, abs=0.03)


def test_what_is_turned_away_is_not_seen():
    face = person(turn=(0.0, 1.1, 0.0))
    shade = ShadingTracker().track(picture(face), 0, face)
    weights = [
        shade[SHADE_SIDE // 2 - 2 : SHADE_SIDE // 2 + 6, columns, 1].mean() for columns in (slice(3, 7), slice(-7, -3))
    ]
    assert min(weights) < 0.3 and max(weights) > 0.5


def test_openings_do_not_count():
    face = person()
    face[CANONICAL[:, 1] > CANONICAL[[13, 14], 1].mean(), 1] += 0.05  # the jaw drops
    shut, wide = picture(face), picture(face)
    ring = to_pixels(face[list(INNER_LIPS), :2], shut.shape)
    inside = ring.mean(0) + 0.7 * (ring - ring.mean(0))
    cv2.fillPoly(wide, [np.rint(inside).astype(np.int32)], (0, 0, 0))
    told = [ShadingTracker().track(each, 0, face) for each in (shut, wide)]
    assert np.abs(told[0] - told[1])[..., 1].max() == 0
    assert np.abs(told[0] - told[1])[..., 0].mean() < 0.01


def test_another_exposure_becomes_the_usual_one():
    tracker, face = ShadingTracker(), person()
    then = tracker.track(picture(face), 0, face)
    at = np.arange(1, int(5 * EXPOSURE_ADAPTATION_S / 0.5)) * 0.5
    told = [brightness(tracker.track(picture(face, 0.7, 0.7), t, face), "left") for t in at]
    assert told[0] - brightness(then, "left") == pytest.approx(change(0.7), abs=0.05)
    assert told[-1] - brightness(then, "left") == pytest.approx(0, abs=0.03)


def test_who_comes_back_is_measured_anew():
    tracker, face = ShadingTracker(), person()
    then = tracker.track(picture(face), 0, face)
    later = tracker.track(picture(face, 0.5, 0.5), 10, face)
    assert brightness(later, "left") == pytest.approx(brightness(then, "left"), abs=0.03)


def test_a_face_beyond_the_frame_tells_nothing_wrong():
    tracker, face = ShadingTracker(), person(shift=(9.0, 9.0, 0.0))
    assert np.isfinite(tracker.track(picture(person()), 0, face)).all()
    assert not ShadingTracker().track(picture(person()), 0, np.zeros_like(face)).any()


def test_motions_carry_it():
    face = person()
    one, other = (ShadingTracker().track(picture(face, right=light), 0, face) for light in (1.0, 0.6))
    a, b = (replace(Motion.still(face), shade=shade) for shade in (one, other))
    np.testing.assert_allclose(blend(a, b, 0.25).shade, 0.75 * one + 0.25 * other, atol=1e-6)
    swapped = b.mirrored().shade
    assert brightness(swapped, "left") == pytest.approx(brightness(other, "right"), abs=0.01)

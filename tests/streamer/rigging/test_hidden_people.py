"""People behind nearer ones are completed by their own other side, or go on for a short way."""

import numpy as np

from models.geometry.body import LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER
from streamer.rigging.cutout import Cutout
from streamer.rigging.hidden_people import CONTINUED, MirrorAxis, behind, mirror_axis
from tests.support.people import person

SIZE, EXTENT = 96, 20.0
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
UPRIGHT = MirrorAxis(47.5, 40, 0, 1)
ANYWHERE = np.ones((SIZE, SIZE), bool)


def striped() -> np.ndarray:
    """(S, S, 3) red and blue stripes that are the same on both sides of the middle."""
    stripe = (np.abs(COLUMNS - 47.5) // 6).astype(int) % 2 == 0
    return np.where(stripe[..., None], np.float32([0.9, 0.1, 0.1]), np.float32([0.1, 0.1, 0.9])).astype(np.float32)


def cutout_of(seen: np.ndarray, colours: np.ndarray) -> Cutout:
    return Cutout(seen.astype(np.float32), colours, np.zeros_like(colours))


def test_hidden_side_is_the_mirrored_other_side_in_shape_and_colours() -> None:
    whole = (np.abs(COLUMNS - 47.5) < 30) & (ROWS > 20)
    hidden = COLUMNS > 52
    alpha, colours = behind(cutout_of(whole & ~hidden, striped()), hidden, ANYWHERE, UPRIGHT, EXTENT)
    assert (alpha[~hidden] == 0).all()
    assert np.array_equal(alpha[hidden] > 0.5, whole[hidden])
    away = whole & (COLUMNS > 58)  # from the seam
    assert np.abs(colours - striped())[away].max() < 0.01


def test_person_whose_sides_differ_goes_on_for_a_short_way_in_own_colours() -> None:
    hidden = COLUMNS > 60
    seen = (COLUMNS > 45) & (ROWS > 20) & ~hidden  # nothing of it lies on the other side of the axis
    red = np.broadcast_to(np.float32([0.9, 0.1, 0.1]), (SIZE, SIZE, 3)).copy()
    alpha, colours = behind(cutout_of(seen, red), hidden, ANYWHERE, UPRIGHT, EXTENT)
    assert (alpha[50:, 61:63] > 0.9).all()
    assert (alpha[:, 61 + int(CONTINUED * EXTENT) + 1 :] == 0).all()
    assert np.abs(colours - red)[alpha > 0].max() < 0.01


def test_axis_is_that_of_the_torso_or_of_the_face() -> None:
    motion = person()
    assert motion.face is not None
    body = np.zeros((33, 4), np.float32)
    body[[LEFT_SHOULDER, RIGHT_SHOULDER], :2] = (0.7, 0.0), (0.3, 0.0)
    body[[LEFT_HIP, RIGHT_HIP], :2] = (0.8, 0.5), (0.4, 0.5)
    axis = mirror_axis(motion.face, body, SIZE)
    assert abs(axis.x - (1.5 * SIZE / 2 - 0.5)) < 1e-3 and np.allclose(
        [axis.dx, axis.dy], np.array([0.1, 0.5]) / 0.26**0.5
    )
    points = np.array([[10.0, 20.0, 1.0], [axis.x, axis.y, 1.0]])
    once = points @ axis.reflection().T
    assert np.allclose(once[1], points[1, :2], atol=1e-3)  # what lies on the axis stays
    assert np.allclose(np.column_stack([once, np.ones(2)]) @ axis.reflection().T, points[:, :2], atol=1e-3)
    body[[LEFT_HIP, RIGHT_HIP], :2] = body[[LEFT_SHOULDER, RIGHT_SHOULDER], :2]  # bent over
    assert abs(mirror_axis(motion.face, body, SIZE).dx) < 0.05

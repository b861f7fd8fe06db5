"""Fine alpha and the character's colours, against a picture whose alpha is known."""

import cv2
import numpy as np
import pytest

from models.geometry.topology import topology
from streamer.rigging import cutout
from streamer.rigging.cutout import closed_form_alpha, continued, cut_out, foreground_colours, strands_only, trimap
from streamer.rigging.matting import CoarseMatte

SIDE = 160
HAIR = np.array([0.25, 0.12, 0.08], np.float32)
BACKDROP = np.array([0.8, 0.85, 0.9], np.float32)


def true_alpha() -> np.ndarray:
    """(SIDE, SIDE) of a round head from which thin strands stand off."""
    large = np.zeros((4 * SIDE, 4 * SIDE), np.float32)
    centre = (2 * SIDE, 2 * SIDE)
    cv2.circle(large, centre, SIDE, 1.0, -1)
    for angle in np.linspace(np.pi, 2 * np.pi, 15):
        tip = (int(centre[0] + 1.1 * SIDE * np.cos(angle)), int(centre[1] + 1.1 * SIDE * np.sin(angle)))
        cv2.line(large, centre, tip, 1.0, 4)
    return cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def face() -> np.ndarray:
    """(478, 2) a face that covers the head, pixels."""
    points = topology().canonical[:, :2].numpy()
    points = (points - points.min(0)) / np.ptp(points, axis=0).max()
    return points * 0.45 * SIDE + 0.28 * SIDE


def coarse(alpha: np.ndarray) -> CoarseMatte:
    """What a segmentation network sees of an alpha: the head without its strands."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    blob = cv2.GaussianBlur(cv2.morphologyEx(alpha, cv2.MORPH_OPEN, kernel), (0, 0), 2)
    return CoarseMatte(blob, np.zeros_like(blob))


def picture(alpha: np.ndarray) -> np.ndarray:
    return (alpha[..., None] * HAIR + (1 - alpha[..., None]) * BACKDROP).astype(np.float32)


def test_strands_that_the_coarse_matte_lacks_are_found() -> None:
    alpha = true_alpha()
    guess = coarse(alpha)
    found = cut_out(picture(alpha), face(), guess).alpha
    strands = (alpha > 0.1) & (guess.matte < 0.1)
    assert strands.sum() > 50
    assert np.abs(found - alpha)[strands].mean() < 0.1 * np.abs(guess.matte - alpha)[strands].mean()
    assert np.abs(found - alpha).max() < 0.2


def test_foreground_has_no_colour_of_the_background() -> None:
    alpha = true_alpha()
    cut = cut_out(picture(alpha), face(), coarse(alpha))
    edge = cv2.dilate(alpha, np.ones((9, 9))) > 0
    assert np.abs(cut.foreground - HAIR)[edge].max() < 0.05


def test_foreground_is_the_picture_where_it_is_opaque() -> None:
    alpha = true_alpha()
    rgb = np.random.default_rng(1).random((SIDE, SIDE, 3), np.float32)
    assert np.array_equal(foreground_colours(rgb, alpha)[alpha == 1], rgb[alpha == 1])


def test_trimap_has_the_face_for_certain_and_the_hair_for_possible() -> None:
    alpha = true_alpha()
    guess = coarse(alpha)
    known = trimap(face(), CoarseMatte(guess.matte * 0.5, (guess.matte > 0.99).astype(np.float32)))
    assert set(np.unique(known)) == {0, 0.5, 1}
    assert (known[guess.matte > 0.99] == 1).all()
    assert (known[alpha > 0.3] > 0).all()
    assert known[0, 0] == 0


def test_without_a_solution_the_guided_filter_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutout, "pymatting_methods", lambda: None)
    alpha = true_alpha()
    cut = cut_out(picture(alpha), face(), coarse(alpha))
    inside = cv2.erode(alpha, np.ones((15, 15))) == 1
    assert (cut.alpha[inside] == 1).all()
    assert cut.alpha[0, 0] == 0
    assert np.abs(cut.foreground - HAIR)[alpha > 0].max() < 0.15


def test_an_implausible_alpha_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = true_alpha()
    monkeypatch.setattr(cutout, "closed_form_alpha", lambda rgb, known: np.ones_like(known))
    assert cut_out(picture(alpha), face(), coarse(alpha)).alpha[0, 0] == 0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_trimap_that_leaves_nothing_to_solve_has_no_solution(value: float) -> None:
    rgb = picture(true_alpha())
    assert closed_form_alpha(rgb, np.full((SIDE, SIDE), value, np.float32)) is None


def test_a_solver_that_does_not_converge_has_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutout, "MAX_STEPS", 1)
    alpha = true_alpha()
    assert closed_form_alpha(picture(alpha), trimap(face(), coarse(alpha))) is None


def test_colours_are_continued_from_where_they_are_known() -> None:
    weight = (true_alpha() == 1).astype(np.float32)
    rgb = np.where(weight[..., None] > 0, HAIR, BACKDROP).astype(np.float32)
    assert np.abs(continued(rgb, weight) - HAIR).max() < 0.01


def test_plate_has_no_colour_of_the_character() -> None:
    alpha = true_alpha()
    cut = cut_out(picture(alpha), face(), coarse(alpha))
    assert np.abs(cut.plate - BACKDROP).max() < 0.03


def test_what_is_thicker_than_strands_beyond_the_coarse_matte_is_not_the_character_s() -> None:
    alpha = true_alpha()
    guess = coarse(alpha)
    frame = alpha.copy()
    frame[60:100, 140:155] = 0.6  # a picture on the wall beside the head, taken for it
    left = strands_only(frame, guess, face())
    assert left[62:98, 142:153].max() < 0.05
    assert np.abs(left - alpha)[:, :130].max() < 0.05

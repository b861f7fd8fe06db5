"""Fine alpha and the character's colours, against a picture whose alpha is known."""

import cv2
import numpy as np
import pytest

from streamer.rigging import cutout
from streamer.rigging.cutout import (
    background,
    closed_form_alpha,
    continued,
    cut_out,
    foreground_colours,
    near_the_body,
    strands_only,
    without_islands,
)
from streamer.rigging.head_region import head_region
from streamer.rigging.matting import CoarseMatte
from streamer.rigging.trimap import bands
from tests.support.heads import BACKDROP, HAIR, SIDE, coarse, face, picture, true_alpha


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
    assert closed_form_alpha(picture(alpha), bands(face(), coarse(alpha))) is None


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


def test_alpha_beside_the_body_ends_where_the_coarse_matte_does() -> None:
    rgb = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    rgb[SIDE - 12 :] = 0.2  # clothes
    guess = CoarseMatte((rgb[..., 0] < 0.5).astype(np.float32), np.zeros((SIDE, SIDE), np.float32))
    bar = guess.matte.copy()
    bar[SIDE - 17 : SIDE - 12, 1:5] = 1  # of a bed behind the shoulder
    left = near_the_body(bar, rgb, guess, face())
    assert left[: SIDE - 15].max() == 0
    assert (left[SIDE - 12 :] == 1).all()


def test_plate_is_the_picture_s_own_beside_the_rim_and_makes_the_picture_where_alpha_is_small() -> None:
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[40:120, 40:120] = 1
    alpha[:20, :20] = 0.1
    behind = np.random.default_rng(1).random((SIDE, SIDE, 3), np.float32)
    rgb = alpha[..., None] * HAIR + (1 - alpha[..., None]) * behind
    plate = background(rgb, alpha, np.broadcast_to(HAIR, rgb.shape), 2, alpha >= 0)
    far = cv2.dilate((alpha == 1).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    assert np.abs(plate - behind)[far].max() < 1e-5
    assert np.array_equal(plate[far & (alpha == 0)], rgb[far & (alpha == 0)])


def test_what_alpha_lacks_of_a_character_before_an_even_wall_does_not_stay_on_the_plate() -> None:
    wall = np.full((200, 200, 3), 0.7, np.float32)
    alpha = np.zeros((200, 200), np.float32)
    alpha[60:, 60:140] = 1
    rgb = np.where(alpha[..., None] > 0, np.float32(0.1), wall)
    rgb[53:60, 100:102] = 0.3  # the tip of a lock
    plate = background(rgb, alpha, np.full_like(rgb, 0.1), 1, alpha >= 0)
    assert np.abs(plate - wall).max() < 0.01


def test_what_goes_on_farther_out_stays_on_the_plate() -> None:
    rgb = np.full((200, 200, 3), 0.7, np.float32)
    rgb[:, 30:50] = 0.2  # a frame beside the character
    alpha = np.zeros((200, 200), np.float32)
    alpha[60:, 60:140] = 1
    rgb[alpha > 0] = 0.1
    plate = background(rgb, alpha, np.full_like(rgb, 0.1), 1, alpha >= 0)
    assert np.array_equal(plate[:, 30:50], rgb[:, 30:50])


def test_specks_beside_the_body_are_nothing() -> None:
    rgb = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    rgb[SIDE - 30 :] = 0.2  # clothes
    guess = CoarseMatte((rgb[..., 0] < 0.5).astype(np.float32), np.zeros((SIDE, SIDE), np.float32))
    speckled = np.where(np.arange(SIDE)[:, None] >= SIDE - 12, 1, 0).astype(np.float32).repeat(SIDE, 1)
    speckled[SIDE - 25, ::7] = 1
    left = near_the_body(speckled, rgb, guess, face())
    outside = head_region(face(), left.shape)[SIDE - 25] < 1
    assert left[SIDE - 25, outside].max() == 0 and (left[SIDE - 12 :] == 1).all()


def test_a_narrow_gap_between_limbs_shows_the_picture_on_the_plate() -> None:
    rgb = np.full((SIDE, SIDE, 3), 0.7, np.float32)
    rgb[:, 60:63] = 0.9  # what stands behind
    alpha = np.ones((SIDE, SIDE), np.float32)
    alpha[:, :20] = alpha[:, 60:63] = 0
    gaps, heads = np.zeros((2, SIDE, SIDE), np.bool_)
    gaps[:, 60:63] = True
    closed, seen = (background(rgb, alpha, rgb, 2, heads, each) for each in (None, gaps))
    assert np.abs(closed[:, 60:63] - 0.7).max() < 0.05
    assert np.array_equal(seen[:, 60:63], rgb[:, 60:63])


@pytest.mark.parametrize(("colour", "kept"), [((0.1, 0.7, 0.6), 1.0), (BACKDROP, 0.0)])
def test_what_an_outline_encloses_is_the_character_s_unless_it_looks_like_the_background(
    colour: tuple[float, float, float], kept: float
) -> None:
    rgb = np.broadcast_to(np.array(BACKDROP, np.float32), (64, 64, 3)).copy()
    alpha, known = np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)
    known[16:48, 16:48] = 0.5
    ring = np.hypot(*(np.indices((64, 64)) - 31.5))
    alpha[(ring < 12) & (ring > 8)] = 1  # the line of an ear-ring, of which matting knows nothing more
    rgb[ring < 12], rgb[ring < 8] = (0, 0, 0), colour
    found = without_islands(alpha, rgb, known)
    assert found[ring < 7].min() == found[ring < 7].max() == kept
    np.testing.assert_array_equal(found[ring > 14], alpha[ring > 14])

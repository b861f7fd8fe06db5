"""What leaves the picture at its border goes on in the silhouette's own direction."""

import numpy as np
import pytest

from streamer.rigging.border import below_without, extend
from streamer.rigging.canvas import Rect, place_on_canvas
from streamer.rigging.cutout import Cutout
from streamer.rigging.picture import Picture
from streamer.rigging.rigger import own_cutout

SIDE, MARGIN = 120, 40
ALL_SIDES = ((MARGIN, MARGIN), (MARGIN, MARGIN))
INSIDE = slice(MARGIN, MARGIN + SIDE)
SKIN, WALL = (0.8, 0.5, 0.4), (0.1, 0.3, 0.2)


def character(alpha: np.ndarray) -> Cutout:
    ones = np.ones((*alpha.shape, 3), np.float32)
    return Cutout(alpha.astype(np.float32), ones * np.float32(SKIN), ones * np.float32(WALL))


def disc(x: float, y: float, radius: float, side: int = SIDE, origin: float = 0) -> np.ndarray:
    """(side, side) soft coverage of a disc, in pixels from `origin`."""
    across, down = np.meshgrid(*[np.arange(side) + origin] * 2)
    return np.clip(radius - np.hypot(across - x, down - y) + 0.5, 0, 1)


def wedge(slope: float) -> np.ndarray:
    """A torso that reaches the lower border, whose sides spread by so many pixels a row."""
    across, down = np.meshgrid(*[np.arange(SIDE, dtype=float)] * 2)
    half = 30 + slope * (down - SIDE)
    return np.clip(half - np.abs(across - SIDE / 2) + 0.5, 0, 1) * (down > 50)


def test_nothing_changes_inside_of_the_picture() -> None:
    rng = np.random.default_rng(3)
    own = Cutout(*(rng.random(shape, np.float32) for shape in ((SIDE, SIDE), (SIDE, SIDE, 3), (SIDE, SIDE, 3))))
    out = extend(own, ((1, 2), (30, 0)))
    assert out.alpha.shape == (SIDE + 3, SIDE + 30)
    for before, after in ((own.alpha, out.alpha), (own.foreground, out.foreground), (own.plate, out.plate)):
        assert np.array_equal(after[1 : 1 + SIDE, 30:], before)
        assert after.dtype == np.float32 and np.isfinite(after).all() and 0 <= after.min() <= after.max() <= 1


def test_without_margins_nothing_is_added() -> None:
    own = character(wedge(0.5))
    out = extend(own, ((0, 0), (0, 0)))
    assert np.array_equal(out.alpha, own.alpha) and np.array_equal(out.plate, own.plate)


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0])
def test_a_torso_goes_on_below_in_the_direction_of_its_sides(slope: float) -> None:
    alpha = extend(character(wedge(slope)), ALL_SIDES).alpha
    widths = alpha[MARGIN + SIDE - 1 :].sum(1)
    assert widths[5] == pytest.approx(widths[0] + 10 * slope, abs=0.1 + 2 * slope)
    assert (np.diff(widths) > -0.1).all()
    assert widths[-1] <= 60 + 2 * MARGIN * slope + 1


def test_there_is_nobody_where_the_silhouette_does_not_reach_the_border() -> None:
    alpha = extend(character(wedge(0.3)), ALL_SIDES).alpha
    assert alpha[:MARGIN].max() == 0
    assert alpha[: INSIDE.stop, :MARGIN].max() == 0


def test_a_head_that_is_cut_above_closes_in_its_own_circle() -> None:
    x, y, radius = 60, 25, 45  # its top is 20 pixels above the border
    alpha = extend(character(disc(x, y, radius)), ALL_SIDES).alpha
    true = disc(x, y, radius, SIDE + 2 * MARGIN, -MARGIN)
    assert np.abs(alpha - true)[:MARGIN].sum() < 0.15 * true[:MARGIN].sum()


def test_shoulders_fall_beside_the_picture() -> None:
    down = np.arange(SIDE)[:, None]
    alpha = extend(character(np.broadcast_to(np.clip(down - 70.0, 0, 1), (SIDE, SIDE))), ALL_SIDES).alpha
    tops = (alpha[:, :MARGIN] > 0.5).argmax(0)[::-1]  # from the border outwards
    assert tops[0] == pytest.approx(MARGIN + 71, abs=1.5)
    assert (np.diff(tops) >= 0).all()
    assert 10 < tops[-1] - tops[0] < 40
    assert alpha[-1, MARGIN + 10 : MARGIN + SIDE - 10].min() == 1


def test_an_arm_that_is_cut_at_a_side_keeps_its_thickness() -> None:
    down = np.arange(SIDE)[:, None]
    arm = np.clip(12.5 - np.abs(down - 40.0), 0, 1)
    alpha = extend(character(np.broadcast_to(arm, (SIDE, SIDE))), ((0, 0), (MARGIN, 0))).alpha
    assert np.abs(alpha[:, :MARGIN].sum(0) - arm.sum()).max() < 1


def test_a_thin_lock_ends_in_a_tip() -> None:
    across = np.arange(SIDE)[None]
    lock = np.broadcast_to(np.clip(3 - np.abs(across - 60.0), 0, 1), (SIDE, SIDE))
    alpha = extend(character(lock), ((0, MARGIN), (0, 0))).alpha[SIDE:]
    assert alpha[0].sum() > 3
    assert alpha[10:].max() == 0


def test_colours_and_background_go_on_smoothly() -> None:
    out = extend(character(wedge(0.5)), ALL_SIDES)
    assert np.allclose(out.foreground, SKIN, atol=1e-5) and np.allclose(out.plate, WALL, atol=1e-5)


def test_stripes_of_a_shirt_fade_with_the_distance() -> None:
    stripes = np.broadcast_to((np.arange(SIDE) // 3 % 2)[None, :, None], (SIDE, SIDE, 3)).astype(np.float32)
    own = character(np.ones((SIDE, SIDE)))
    shirt = extend(Cutout(own.alpha, stripes, own.plate), ((0, MARGIN), (0, 0))).foreground[SIDE:, 20:-20, 0]
    assert shirt[0].std() > 0.3
    assert shirt[-1].std() < 0.02


def test_a_cut_out_picture_goes_on_below_its_border() -> None:
    rgba = np.zeros((100, 100, 4), np.uint8)
    rgba[20:, 30:70] = (230, 40, 40, 255)
    found = own_cutout(place_on_canvas(Picture(rgba, "cut.png"), 64, Rect(-50, -50, 200, 200)))
    assert found.alpha.shape == (64, 64)
    assert found.alpha[-1, 32] > 0.999 and found.alpha[0].max() == 0
    assert found.plate.min() > 0.999
    assert np.allclose(found.foreground[-1, 32], np.array([230, 40, 40]) / 255, atol=0.01)


def test_a_jacket_beside_a_shirt_keeps_its_edge() -> None:
    colours = np.zeros((SIDE, SIDE, 3), np.float32) + 0.1
    colours[:, 60:] = 0.8
    own = character(np.ones((SIDE, SIDE)))
    last = extend(Cutout(own.alpha, colours, own.plate), ((0, MARGIN), (0, 0))).foreground[-1, :, 0]
    assert np.abs(last[:57] - 0.1).max() < 0.02 and np.abs(last[63:] - 0.8).max() < 0.02


def test_fine_texture_goes_on_and_letters_do_not() -> None:
    rng = np.random.default_rng(1)
    grain = 0.5 + 0.02 * rng.standard_normal((SIDE, SIDE, 1), np.float32).repeat(3, -1)
    letters = grain.copy()
    letters[-12:-6, 40:80] = 0.0
    own = character(np.ones((SIDE, SIDE)))
    cloth, written = (extend(Cutout(own.alpha, each, own.plate), ((0, MARGIN), (0, 0))).foreground[SIDE:, :, 0]
                      for each in (grain, letters))  # fmt: skip
    assert cloth[3:20].std() > 0.005
    assert np.abs(written - cloth).max() < 0.1


def test_what_is_cut_goes_on_neither_as_a_shape_nor_as_a_colour() -> None:
    own = character(wedge(0.0))  # from 30 to 90
    colours = own.foreground.copy()
    colours[:, 30:45] = 1.0
    cut = np.zeros(SIDE, np.bool_)
    cut[28:45] = True  # a hand at the outline
    cut[60:70] = True  # and one before the body
    shown = np.zeros((SIDE + MARGIN, SIDE, 3), np.float32), np.zeros((SIDE + MARGIN, SIDE), np.float32)
    shown[0][:SIDE], shown[1][:SIDE] = colours, own.alpha
    foreground, alpha = below_without(*shown, SIDE, cut)
    assert np.array_equal(alpha[:SIDE], own.alpha) and np.array_equal(foreground[:SIDE], colours)
    assert alpha[SIDE:, :44].max() == 0 and alpha[SIDE:, 47:85].min() == 1
    assert np.allclose(foreground[SIDE:, 47:], SKIN, atol=0.01)

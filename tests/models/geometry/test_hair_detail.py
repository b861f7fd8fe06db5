"""The pattern of known hair goes on all around the head, at its own distance; hair without one gets none."""

import torch
from torch import Tensor

from models.geometry.grid import unit_grid
from models.geometry.hair_detail import DETAIL_RANGE, find_hair, folded, hair_detail, repeated

SIDE = 256  # texels of these charts
CPU = torch.device("cpu")
X, Y = unit_grid(SIDE, CPU)[0].unbind(-1)
RADIUS, ANGLE = torch.hypot(X, Y), torch.atan2(X, -Y)
KNOWN = ((RADIUS > 0.5) & (RADIUS < 0.7) & (ANGLE.abs() < 1))[None, None].float()
SMOOTH = torch.full((1, 3, SIDE, SIDE), 0.4)
BEYOND = (RADIUS > 0.52) & (RADIUS < 0.68) & (ANGLE.abs() > 1.2)


def strands(angle: Tensor) -> Tensor:
    """(1, 3, SIDE, SIDE) hair that lies along rays from the middle, lighter and darker by turns."""
    return (0.4 + 0.1 * (30 * angle).sin()).expand(1, 3, -1, -1)


def test_strands_go_on_around_the_head_as_strong_as_they_are() -> None:
    detail = hair_detail(strands(ANGLE), SMOOTH, KNOWN)[0, 0]
    inside = detail[KNOWN[0, 0] > 0].std()
    assert inside > 0.05
    assert 0.5 * inside < detail[BEYOND].std() < 1.2 * inside
    assert detail.abs().max() <= DETAIL_RANGE * 1.5
    at_left = BEYOND & (X < 0) & (Y.abs() < 0.1)  # rays are level there: less changes along them than across
    assert (detail.diff(dim=1)[at_left[:, 1:]]).abs().mean() < 0.5 * (detail.diff(dim=0)[at_left[1:]]).abs().mean()


def test_hair_of_one_colour_and_too_little_hair_have_no_detail() -> None:
    plain = torch.full((1, 3, SIDE, SIDE), 0.3)
    assert hair_detail(plain, plain, KNOWN).abs().max() < 1e-4
    narrow = KNOWN * (ANGLE.abs() < 0.2)
    assert hair_detail(strands(ANGLE), SMOOTH, narrow).abs().max() == 0
    assert hair_detail(strands(ANGLE), SMOOTH, torch.zeros_like(KNOWN)).abs().max() == 0


def test_known_hair_ends_where_it_does_and_not_at_a_gap() -> None:
    gap = KNOWN * ((ANGLE - 0.3).abs() > 0.1)
    for weight in (KNOWN, gap):
        hair = find_hair(weight)
        middle = hair.reach[0, :, 38]  # of 64 rows: at a radius of .6
        torch.testing.assert_close(middle, torch.ones(2), atol=0.05, rtol=0)
        torch.testing.assert_close(hair.rows[0], torch.tensor([0.5, 0.7]), atol=0.03, rtol=0)
        assert hair.found.tolist() == [1]


def test_a_pattern_goes_on_beyond_its_end_the_way_it_runs() -> None:
    values = torch.linspace(0, 3, 61)[None]
    pairs = repeated(values, torch.tensor(1.0), torch.tensor(0.5))
    for share, put in pairs:
        torch.testing.assert_close(put[values <= 1], values[values <= 1])
        beyond = put[values > 1]
        assert beyond.min() >= 0.5 and beyond.max() <= 1
        assert (beyond.diff() > 0).float().mean() > 0.8  # mirrored, half of it would run back
        begins_anew = (put[0].diff(append=put[0, -1:]) < 0) & (values[0] > 1.1)
        assert share[0, begins_anew].max() < 0.25  # it has faded there
    torch.testing.assert_close(pairs[0][0] + pairs[1][0], torch.ones_like(values))


def test_a_gap_within_known_hair_gets_a_pattern_too() -> None:
    gap = ((ANGLE - 0.6).abs() < 0.1) & (RADIUS > 0.55) & (RADIUS < 0.65)
    detail = hair_detail(strands(ANGLE), SMOOTH, KNOWN * ~gap)[0, 0]
    assert detail[gap].std() > 0.4 * detail[(KNOWN[0, 0] > 0) & ~gap].std()


def test_folded_values_lie_between_both_ends_and_stay_where_they_do() -> None:
    values = torch.linspace(-5, 5, 101)
    low, high = torch.tensor(0.2), torch.tensor(0.9)
    put = folded(values, low, high)
    assert put.min() >= 0.2 - 1e-6 and put.max() <= 0.9 + 1e-6
    between = (values >= 0.2) & (values <= 0.9)
    torch.testing.assert_close(put[between], values[between])
    torch.testing.assert_close(folded(torch.tensor([1.0]), low, high), torch.tensor([0.8]))

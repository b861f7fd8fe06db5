"""Places along and across a limb."""

import torch

from models.geometry.limb_curve import LIMB_END, LIMB_START, limb_polylines, place_on_limb
from tests.support.bodies import figure_joints

POLYLINE = torch.tensor([[-0.2, 0.0], [0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.5, 0.8]])


def test_joints_lie_at_whole_numbers_of_s() -> None:
    placed = place_on_limb(POLYLINE, torch.arange(-1.0, 4.0), torch.zeros(5))
    torch.testing.assert_close(placed, POLYLINE, atol=1e-4, rtol=0)


def test_points_lie_to_the_right_of_the_bone_by_their_distance() -> None:
    placed = place_on_limb(POLYLINE, torch.tensor([0.5, 1.5]), torch.tensor([0.1, 0.1]))
    torch.testing.assert_close(placed, torch.tensor([[0.25, 0.1], [0.4, 0.25]]), atol=1e-4, rtol=0)


def test_a_bent_limb_has_no_jump() -> None:
    s = torch.linspace(LIMB_START, LIMB_END, 2000)
    for d in (-0.1, 0.0, 0.1):
        step = place_on_limb(POLYLINE, s, torch.full_like(s, d)).diff(dim=0).norm(dim=-1)
        assert float(step.max()) < 6 * float(step.median())


def test_tips_go_on_beyond_the_fingers_joints() -> None:
    polylines = limb_polylines(figure_joints())
    assert polylines.shape == (1, 4, 5, 2)
    torch.testing.assert_close(polylines[0, 0, 4], torch.tensor([0.369, 0.195]), atol=1e-3, rtol=0)

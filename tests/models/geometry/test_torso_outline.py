"""A torso goes on behind arms before it, smoothly, and ends where background or an arm behind it is seen."""

import torch
from torch import Tensor

from models.geometry.body import LEFT_INDEX, LEFT_PINKY
from models.geometry.grid import unit_grid
from models.geometry.torso_outline import draw_outline, torso_rows
from tests.support.bodies import figure_joints, near_bone

SIZE = 256
X, Y = unit_grid(SIZE, torch.device("cpu"))[0].unbind(-1)
ARM_FROM, ARM_TO = torch.tensor([0.25, -0.35]), torch.tensor([0.25, 0.1])


def scene(torso_width: float, gap: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Alpha and what is taken of a torso with an arm hanging beside it, (1, 1, S, S), and the torso (S, S) bool."""
    torso = (X.abs() < torso_width) & (Y > -0.45) & (Y < 0.3)
    arm = near_bone(torch.stack([X, Y], -1), ARM_FROM, ARM_TO, 0.06)
    hole = (torso_width < X) & (torso_width + gap > X)
    alpha = (torso | arm) & ~(hole & ~torso)
    return alpha[None, None].float(), (arm & ~hole)[None, None].float(), torso


def outline(alpha: Tensor, taken: Tensor, behind: Tensor | None = None) -> Tensor:
    rows = torso_rows(alpha, taken, torch.zeros_like(taken) if behind is None else behind, figure_joints())
    found = draw_outline(rows, figure_joints(), alpha.shape[-1])
    return (found.torso * found.known)[0, 0]


def test_torso_goes_on_a_little_behind_an_arm_and_not_to_its_far_side() -> None:
    alpha, taken, _ = scene(0.22)
    found, side = outline(alpha, taken), (Y > -0.3) & (Y < 0.05)
    assert found[side & (X.abs() < 0.19)].min() > 0.9
    assert found[side & (X > 0.28)].max() < 0.1
    assert found[side & (X < -0.24)].max() < 0.1  # where nothing covers its edge


def test_torso_ends_before_a_gap_however_far_the_arm_is() -> None:
    alpha, taken, _ = scene(0.21, gap=0.02)
    found = outline(alpha, taken)
    beyond = (X > 0.235) & (Y > -0.25) & (Y < 0.05)  # where a dark crescent stood
    assert taken[0, 0][beyond].sum() > 300
    assert found[beyond].max() < 0.1


def test_torso_does_not_reach_to_what_a_hand_beside_it_holds() -> None:
    alpha, taken, _ = scene(0.22)
    held = (X > 0.3) & (X < 0.5) & (Y > -0.2) & (Y < 0)
    found = outline(torch.maximum(alpha, held[None, None].float()), taken)
    assert found[held].max() < 0.1


def test_torso_does_not_reach_to_what_hangs_from_a_hand_before_it() -> None:
    torso = (X.abs() < 0.22) & (Y > -0.45) & (Y < 0.3)
    arm = near_bone(torch.stack([X, Y], -1), torch.tensor([0.25, -0.35]), torch.tensor([0.3, -0.15]), 0.06)
    held = (X > 0.15) & (X < 0.45) & (Y > -0.1) & (Y < 0.05)
    alpha, taken = (mask[None, None].float() for mask in (torso | arm | held, arm))
    joints = figure_joints()
    joints[:, [LEFT_INDEX, LEFT_PINKY], :3] = torch.tensor([0.3, -0.1, 0.0])
    joints[:, [LEFT_INDEX, LEFT_PINKY], 3] = 1
    rows = torso_rows(alpha, taken, torch.zeros_like(taken), joints)
    found = draw_outline(rows, joints, SIZE)
    area = (found.torso * found.known)[0, 0]
    assert area[held & (X > 0.3)].max() < 0.1
    assert area[(X.abs() < 0.19) & (Y > -0.3) & (Y < 0.1)].min() > 0.9


def test_torso_does_not_reach_over_an_arm_behind_it() -> None:
    alpha, taken, _ = scene(0.22)
    behind = taken * (X > 0.215)
    inner = (taken[0, 0] > 0) & (X > 0.23) & (Y > -0.3) & (Y < 0.05)
    assert outline(alpha, taken, behind)[inner].max() < 0.1


def test_torso_behind_folded_arms_is_as_wide_as_shoulders_and_hips() -> None:
    alpha, _, torso = scene(0.22)
    folded = (torso & (Y > -0.2) & (Y < 0.0))[None, None].float()
    found = outline(alpha, folded)
    assert found[(X.abs() < 0.14) & (Y > -0.2) & (Y < 0.0)].min() > 0.9


def test_torsos_of_people_without_a_body_are_finite() -> None:
    alpha, taken, _ = scene(0.22)
    nobody = torch.zeros_like(figure_joints())
    found = draw_outline(torso_rows(alpha, taken, torch.zeros_like(taken), nobody), nobody, alpha.shape[-1])
    assert torch.isfinite(found.torso).all() and torch.isfinite(found.known).all()

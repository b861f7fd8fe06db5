"""Windows move rigidly with the head."""

import pytest
import torch

from models.closeups.window import LEFT_EYE_VIEW, RIGHT_EYE_VIEW, VIEWS, View, Window
from models.geometry.grid import unit_grid
from models.geometry.topology import HeadTransform, topology


def rolled_head(angle: float) -> HeadTransform:
    """A head rolled in the plane of the picture by an angle in radians."""
    c, s = torch.tensor(angle).cos(), torch.tensor(angle).sin()
    rotation = torch.stack([torch.stack([c, -s, c * 0]), torch.stack([s, c, c * 0]), torch.tensor([0.0, 0, 1])])
    return HeadTransform(torch.tensor([0.3]), rotation[None], torch.tensor([[0.1, -0.2, 0.0]]))


@pytest.mark.parametrize("view", VIEWS)
def test_window_to_window_inverts_its_grid(view: View) -> None:
    window = Window.of(view, rolled_head(0.4))
    unit = unit_grid(8, torch.device("cpu"))
    assert torch.allclose(window.to_window(window.grid(8)), unit, atol=1e-5)
    assert torch.allclose(window.to_window(window.grid(8).flatten(1, 2)), unit.flatten(1, 2), atol=1e-5)


@pytest.mark.parametrize("view", VIEWS)
def test_window_keeps_landmarks_in_place_while_the_head_rolls(view: View) -> None:
    canonical = topology().canonical[None]
    rest, moved = (
        Window.of(view, head).to_window(head.apply(canonical)[..., :2]) for head in (rolled_head(0.0), rolled_head(0.7))
    )
    assert torch.allclose(rest, moved, atol=1e-4)


def test_window_of_a_left_eye_mirrors_that_of_a_right_one() -> None:
    head, canonical = rolled_head(0.3), topology().canonical[None]
    right, left = (
        Window.of(view, head).to_window(head.apply(canonical)[:, list(view.landmarks), :2])
        for view in (RIGHT_EYE_VIEW, LEFT_EYE_VIEW)
    )
    assert torch.allclose(right, left, atol=2e-2)

"""The full-resolution compositing step against its own words."""

import pytest
import torch

from kernels.warp import warp, warp_composite
from models.rig import between

SIZE = 33


@pytest.fixture
def layer() -> torch.Tensor:
    torch.manual_seed(1)
    alpha = torch.rand(2, 1, SIZE, SIZE)
    return torch.cat([torch.rand(2, 3, SIZE, SIZE) * alpha, alpha], 1)


def still() -> torch.Tensor:
    return torch.zeros(2, 2, SIZE, SIZE)


def test_between_keeps_the_pixels_and_a_straight_ramp() -> None:
    ramp = torch.arange(SIZE, dtype=torch.float32).expand(1, 1, SIZE, SIZE)
    doubled = between(ramp)
    assert torch.equal(doubled[..., ::2, ::2], ramp)
    inside = doubled[0, 0, 10, 6:-6]
    assert torch.allclose(inside.diff(), torch.full_like(inside[1:], 0.5), atol=1e-4)


def test_zero_flow_returns_the_pixels(layer: torch.Tensor) -> None:
    assert torch.allclose(warp(between(layer), still()), layer, atol=1e-5)


@pytest.mark.parametrize("pixels", [1, 5])
def test_flow_is_a_backward_displacement_in_canvas_units(layer: torch.Tensor, pixels: int) -> None:
    flow = still()
    flow[:, 0] = 2 * pixels / SIZE
    moved = warp(between(layer), flow)
    assert torch.allclose(moved[..., : SIZE - pixels], layer[..., pixels:], atol=1e-5)


def test_person_over_background(layer: torch.Tensor) -> None:
    background = torch.rand(2, 3, SIZE, SIZE)
    picture = warp_composite(between(layer), still(), background)
    expected = layer[:, :3] + (1 - layer[:, 3:]) * background
    assert torch.allclose(picture[:, :3], expected, atol=1e-5)
    assert torch.allclose(picture[:, 3:], layer[:, 3:], atol=1e-5)


def test_paint_replaces_the_moved_colour_under_the_same_alpha(layer: torch.Tensor) -> None:
    background, paint = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 3, SIZE, SIZE)
    keep = torch.zeros(2, 1, SIZE, SIZE)
    picture = warp_composite(between(layer), still(), background, keep, paint)
    alpha = layer[:, 3:]
    assert torch.allclose(picture[:, :3], alpha * paint + (1 - alpha) * background, atol=1e-5)


def test_alpha_follows_the_logits(layer: torch.Tensor) -> None:
    background = torch.rand(2, 3, SIZE, SIZE)
    logit = torch.full((2, 1, SIZE, SIZE), -1.5)
    less = warp_composite(between(layer), still(), background, logit=logit)
    firm = layer[:, 3:].clamp(1e-3, 1 - 1e-3)
    assert torch.allclose(less[:, 3:], torch.sigmoid(torch.logit(firm) - 1.5), atol=2e-3)
    same = warp_composite(between(layer), still(), background, logit=torch.zeros_like(logit))
    assert torch.allclose(same, warp_composite(between(layer), still(), background), atol=1e-5)


def test_trim_drops_what_is_all_but_clear() -> None:
    ghost = torch.full((1, 4, SIZE, SIZE), 0.2)
    ghost[:, 3] = 0
    black = torch.zeros(1, 3, SIZE, SIZE)
    flow = torch.zeros(1, 2, SIZE, SIZE)
    assert warp_composite(between(ghost), flow, black)[:, :3].min() > 0.19
    assert warp_composite(between(ghost), flow, black, trim=True)[:, :3].max() == 0


def test_wrong_sizes_and_backends_are_told(layer: torch.Tensor) -> None:
    background = torch.rand(2, 3, SIZE, SIZE)
    with pytest.raises(ValueError, match="wants a layer of side 65, got 33"):
        warp_composite(layer, still(), background)
    with pytest.raises(ValueError, match="backend must be one of auto, reference, got 'fast'"):
        warp_composite(between(layer), still(), background, backend="fast")

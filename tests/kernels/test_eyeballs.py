"""Eyeballs that turn behind their lids: the kernel equals the reference, and cells without an open eye stay."""

import pytest
import torch

from kernels.eyeballs import Eyeballs, draw_eyeballs

CELLS = 24


def given(batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Eyeballs, torch.Tensor]:
    """Arguments of `draw_eyeballs`; the second picture's eyes are not drawn."""
    noise = torch.Generator().manual_seed(batch)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(batch, *shape, generator=noise)

    opened = (random(2, CELLS, CELLS) - 0.6).clamp_min(0) / 0.4
    turn = torch.eye(2) + 0.3 * (random(2, 2) - 0.5)
    share = torch.arange(batch, 0, -1.0) - (batch - 1)
    focus = torch.tensor([[0.1, -0.05, 0.6]]).expand(batch, -1)
    balls = Eyeballs(random(2, 2) - 0.5, random(2, 2) - 0.5, turn, random(2, CELLS, CELLS), focus, share.clamp(0, 1))
    box = torch.tensor([[0.0, 0.1, 0.7]]).expand(batch, -1)
    return 0.1 * random(2, CELLS, CELLS), opened, random(1, CELLS, CELLS), balls, box


@pytest.mark.parametrize("batch", [1, 2])
def test_numba_equals_the_reference(batch: int) -> None:
    arguments = given(batch)
    expected, found = (draw_eyeballs(*arguments, backend=backend) for backend in ("reference", "numba"))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)
    assert not torch.allclose(expected[:1], arguments[0][:1], atol=1e-2)


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_cells_without_an_open_eye_and_eyes_that_are_not_drawn_keep_their_flow(backend: str) -> None:
    flow, opened, taken, balls, box = given(2)
    found = draw_eyeballs(flow, opened, taken, balls, box, backend)
    assert torch.equal(found[1], flow[1])  # its share is 0
    shut = (opened.amax(1, keepdim=True) == 0).expand_as(flow)
    assert torch.equal(found[shut], flow[shut])


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_an_eyeball_that_stays_where_it_is_moves_as_the_picture(backend: str) -> None:
    flow, _, taken, balls, box = given(1)
    whole = torch.ones(1, 2, CELLS, CELLS)
    still = balls._replace(now=balls.rest, to_rest=torch.eye(2)[None], shown=whole)
    one_eye = whole * torch.tensor([1.0, 0.0])[:, None, None]
    found = draw_eyeballs(flow, one_eye, torch.zeros_like(taken), still, box, backend)
    assert found[..., 8:16, 8:16].abs().max() < 1e-5  # inside of the box that the picture's openings lie on


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="backend"):
        draw_eyeballs(*given(1), backend="none")

"""Rasterising meshes into grids: coverage, depth test, interpolation."""

import pytest
import torch

from kernels.backend import choose
from kernels.mesh import Bucket, draw_mesh, interpolate, rasterise
from tests.kernels.triton_process import devices

SIZE = 16
SQUARE = torch.tensor([[0, 1, 2], [0, 2, 3]])


def square(low: float, high: float, depth: float) -> torch.Tensor:
    return torch.tensor([[low, low, depth], [high, low, depth], [high, high, depth], [low, high, depth]])


def test_rasterise_covers_each_cell_of_a_square_once() -> None:
    index, weight = rasterise(square(-0.5, 0.5, 0)[None], [Bucket(SQUARE, SIZE)], SIZE)
    covered = weight.sum(-1).view(SIZE, SIZE)
    expected = torch.zeros(SIZE, SIZE)
    expected[4:12, 4:12] = 1
    assert torch.allclose(covered, expected, atol=1e-4)
    assert index.shape == (1, SIZE * SIZE, 3)


def test_interpolate_is_linear() -> None:
    points = square(-1, 1, 0)[None]
    index, weight = rasterise(points, [Bucket(SQUARE, SIZE)], SIZE)
    drawn = interpolate(index, weight, points[..., :2])
    line = (torch.arange(SIZE) * 2 + 1) / SIZE - 1
    assert torch.allclose(drawn[0, 0], line.expand(SIZE, SIZE), atol=1e-4)
    assert torch.allclose(drawn[0, 1], line[:, None].expand(SIZE, SIZE), atol=1e-4)


def test_rasterise_keeps_the_nearest_in_any_order() -> None:
    far, near = square(-1, 1, 0.5), square(-0.5, 0.5, -0.5)
    for points, numbers in ((torch.cat([far, near]), (0, 1)), (torch.cat([near, far]), (1, 0))):
        triangles = torch.cat([SQUARE, SQUARE + 4])
        index, weight = rasterise(points[None], [Bucket(triangles[:2], SIZE), Bucket(triangles[2:], SIZE)], SIZE)
        mark = torch.tensor([[0.0, 1.0][number] for number in numbers for _ in range(4)])
        drawn = interpolate(index, weight, mark[None, :, None])[0, 0]
        assert drawn[8, 8] == 1 or torch.isclose(drawn[8, 8], torch.tensor(1.0))
        assert drawn[1, 1] == 0


def test_rasterise_skips_back_faces_invisible_and_degenerate_triangles() -> None:
    points = square(-1, 1, 0)[None]
    back = Bucket(SQUARE.flip(1), SIZE)
    hidden = Bucket(SQUARE, SIZE, torch.zeros(1, 2, dtype=torch.bool))
    flat = Bucket(torch.tensor([[0, 0, 1]]), SIZE)
    for bucket in (back, hidden, flat):
        assert rasterise(points, [bucket], SIZE)[1].abs().max() == 0


def test_rasterise_of_a_batch_equals_each_alone() -> None:
    points = torch.stack([square(-1, 0, 0), square(0, 1, 0)])
    together = rasterise(points, [Bucket(SQUARE, SIZE)], SIZE)
    for k in (0, 1):
        alone = rasterise(points[k : k + 1], [Bucket(SQUARE, SIZE)], SIZE)
        assert torch.equal(together[1][k], alone[1][0])


def folded(seed: int, batch: int = 2, cells: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """A grid mesh with random displacements that folds over itself: points (batch, V, 3), triangles (F, 3)."""
    random = torch.Generator().manual_seed(seed)
    line = torch.linspace(-1.1, 1.1, cells)
    y, x = torch.meshgrid(line, line, indexing="ij")
    flat = torch.stack([x, y, 0 * x], -1).view(1, -1, 3).expand(batch, -1, -1)
    at = torch.arange(cells * cells).view(cells, cells)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]
    triangles = torch.cat([torch.stack([a, b, c], -1).view(-1, 3), torch.stack([a, c, d], -1).view(-1, 3)])
    return flat + 0.15 * torch.randn(flat.shape, generator=random), triangles


def folded_case(seed: int, device: str = "cpu") -> tuple[torch.Tensor, list[Bucket], torch.Tensor]:
    """points, buckets, values: a folded mesh in two buckets, the first with invisible triangles and a tight window."""
    points, triangles = folded(seed)
    half = len(triangles) // 2
    visible = torch.rand(2, half, generator=torch.Generator().manual_seed(seed)) > 0.2
    buckets = [Bucket(triangles[:half].to(device), 3, visible.to(device)), Bucket(triangles[half:].to(device), SIZE)]
    return points.to(device), buckets, torch.cat([points, torch.ones_like(points[..., :1])], -1).to(device)


def assert_equal_but_for_edges(got: torch.Tensor, expected: torch.Tensor) -> None:
    """Rounding may decide differently on an edge that two triangles share."""
    assert got.shape == expected.shape and got.dtype == expected.dtype
    same = (got - expected).abs().amax(1) < 1e-4
    assert same.float().mean() > 0.995


@pytest.mark.parametrize("seed", range(4))
def test_numba_equals_the_reference(seed: int) -> None:
    points, buckets, values = folded_case(seed)
    got, expected = (draw_mesh(points, buckets, values, 2 * SIZE, backend) for backend in ("numba", "reference"))
    assert_equal_but_for_edges(got, expected)


@devices
@pytest.mark.parametrize("seed", range(2))
def test_triton_equals_the_reference(seed: int, device: str) -> None:
    points, buckets, values = folded_case(seed, device)
    assert choose("triton", points, backends=("numba", "triton")) == "triton"
    got, expected = (draw_mesh(points, buckets, values, 2 * SIZE, backend) for backend in ("triton", "reference"))
    assert_equal_but_for_edges(got, expected)
    ragged, expected = (draw_mesh(points, buckets, values[:1], SIZE + 3, which) for which in ("triton", "reference"))
    assert_equal_but_for_edges(ragged, expected)  # one row of values for the batch, blocks that are not full


@devices
def test_triton_keeps_the_first_of_equally_near_triangles(device: str) -> None:
    points = square(-1, 1, 0.25).repeat(2, 1)[None].to(device)
    mark = torch.tensor([0.0, 1.0], device=device).repeat_interleave(4)[None, :, None]
    side = 6  # cells, few for the interpreter
    for numbers in ((0, 4), (4, 0)):
        buckets = [Bucket((SQUARE + number).to(device), side) for number in numbers]
        drawn = draw_mesh(points, buckets, mark, side, "triton")
        assert torch.allclose(drawn, torch.full_like(drawn, float(numbers[0] > 0)), atol=1e-5)


@devices
def test_triton_skips_back_faces_invisible_and_degenerate_triangles(device: str) -> None:
    points = square(-1, 1, 0.0)[None].to(device)
    faces = SQUARE.to(device)
    hidden = torch.zeros(1, 2, dtype=torch.bool, device=device)
    for bucket in (Bucket(faces.flip(1), SIZE), Bucket(faces, SIZE, hidden), Bucket(faces[:, :1].expand(-1, 3), SIZE)):
        assert draw_mesh(points, [bucket, Bucket(faces[:0], 1)], points, SIZE, "triton").abs().max() == 0
    for beyond in (torch.nan, -1e30):
        far = points.clone()
        far[0, 0, 0] = beyond
        assert torch.isfinite(draw_mesh(far, [Bucket(faces[:1], SIZE)], points, SIZE, "triton")).all()


def test_numba_skips_triangles_with_nan() -> None:
    points = torch.full((1, 4, 3), torch.nan)
    assert draw_mesh(points, [Bucket(SQUARE, SIZE)], points, SIZE, "numba").abs().max() == 0


def test_draw_mesh_has_a_gradient() -> None:
    points = square(-1, 1, 0)[None]
    values = torch.ones(1, 4, 1, requires_grad=True)
    draw_mesh(points, [Bucket(SQUARE, SIZE)], values, SIZE).sum().backward()
    assert values.grad is not None and values.grad.sum() > 0


def test_draw_mesh_refuses_an_unknown_backend() -> None:
    points = square(-1, 1, 0)[None]
    with pytest.raises(ValueError, match="backend must be one of auto, triton, numba, reference, got 'fast'"):
        draw_mesh(points, [Bucket(SQUARE, SIZE)], points, SIZE, "fast")

"""Textured pieces drawn into three images: the law, and each backend against the reference."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch

from kernels.backend import choose
from kernels.tiles import draw_tiles
from models.geometry.grid import unit_grid
from tests.kernels.triton_process import devices

SIZE, SIDE, CELLS, PIECES = 40, 18, 9, 5
ROUNDED = {"reference": 1e-5, "numba": 1e-4}  # on a CPU textures are sampled in 16 bits
MIDDLE = slice(SIZE // 4, SIZE * 3 // 4)
cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


class Pieces(NamedTuple):
    """What `draw_tiles` draws."""

    tiles: torch.Tensor
    maps: torch.Tensor
    boxes: torch.Tensor
    order: torch.Tensor
    slot: torch.Tensor

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Pieces":
        """The same with every tensor changed."""
        return Pieces(*(change(part) for part in self))

    def draw(self, backend: str, size: int = SIZE) -> torch.Tensor:
        return draw_tiles(*self, size=size, backend=backend)


def to_float64(part: torch.Tensor) -> torch.Tensor:
    """A tensor of floats in double precision; others as they are."""
    return part.double() if part.is_floating_point() else part


def grid() -> torch.Tensor:
    """(2, CELLS, CELLS) x and y on the tile that lies straight in its box."""
    return unit_grid(CELLS, torch.device("cpu"))[0].permute(2, 0, 1)


def premultiplied_noise(batch: int, pieces: int, side: int, random: torch.Generator) -> torch.Tensor:
    alpha = torch.rand(batch, pieces, 1, side, side, generator=random)
    return torch.cat([torch.rand(batch, pieces, 3, side, side, generator=random) * alpha, alpha], 2)


def case() -> Pieces:
    """Two pictures: maps of noise that reach beyond their tiles, with holes; boxes inside the canvas, across two of its
    borders, larger than it and outside. No pixel centre lies on an edge, where rounding would decide.
    """
    random = torch.Generator().manual_seed(5)
    tiles = premultiplied_noise(2, PIECES, SIDE, random)
    position = grid() * 1.1 + 0.3 * (torch.rand(2, PIECES, 2, CELLS, CELLS, generator=random) - 0.5)
    covered = (torch.rand(2, PIECES, 1, CELLS, CELLS, generator=random) > 0.1).float()
    boxes = torch.tensor(
        [[0.113, 0.1, 0.653], [-0.7, -0.6, 0.517], [0.3, -0.2, 0.331], [0.0, 0.0, 1.307], [4.0, 0.0, 0.5]]
    )
    order = torch.stack([torch.randperm(PIECES, generator=random) for _ in range(2)])
    slot = torch.tensor([[0, 1, 2, 1, 0], [2, 1, -1, 0, 1]])
    return Pieces(tiles, torch.cat([position, covered], 2), boxes.repeat(2, 1, 1), order, slot)


def straight(pieces: int = 1) -> Pieces:
    """Tiles of noise, each of which lies pixel by pixel on the middle of the canvas, half as wide as it, in image 0."""
    tiles = premultiplied_noise(1, pieces, SIZE // 2, torch.Generator().manual_seed(6))
    maps = torch.ones(1, pieces, 3, CELLS, CELLS)
    maps[:, :, :2] = grid()
    boxes = torch.tensor([0.0, 0.0, 0.5]).repeat(1, pieces, 1)
    return Pieces(tiles, maps, boxes, torch.arange(pieces)[None], torch.zeros(1, pieces).long())


@cpu_backends
def test_a_straight_map_returns_the_tile_where_its_box_lies(backend: str) -> None:
    drawn = straight()
    images = drawn._replace(slot=torch.ones(1, 1).long()).draw(backend)
    side = SIZE // 2
    inner = slice(side // CELLS, side - side // CELLS)  # half a cell from its border the map is repeated
    assert torch.allclose(
        images[0, 1][:, MIDDLE, MIDDLE][:, inner, inner], drawn.tiles[0, 0][:, inner, inner], atol=ROUNDED[backend]
    )
    images[:, 1, :, MIDDLE, MIDDLE] = 0
    assert not images.any()


@cpu_backends
def test_pieces_lie_over_one_another_in_their_order_and_slots(backend: str) -> None:
    drawn = straight(pieces=4)
    alone = [drawn._replace(slot=torch.arange(4)[None].eq(k).long() - 1).draw(backend)[:, 0] for k in range(4)]
    ordered = drawn._replace(order=torch.tensor([[2, 3, 1, 0]]), slot=torch.tensor([[2, -1, 2, 0]]))
    images = ordered.draw(backend)
    assert torch.allclose(images[:, 2], alone[0] + (1 - alone[0][:, 3:]) * alone[2], atol=ROUNDED[backend])
    assert torch.equal(images[:, 0], alone[3]) and not images[:, 1].any()


@cpu_backends
def test_a_piece_does_not_show_where_a_cell_around_is_uncovered(backend: str) -> None:
    drawn = straight()
    drawn.tiles[:] = 1
    drawn.maps[:, :, 2, :, CELLS // 2] = 0
    row = drawn.draw(backend)[0, 0, 3, SIZE // 2]
    cell = SIZE / 2 / CELLS
    distance = (torch.arange(SIZE) + 0.5 - SIZE / 2).abs()
    assert not row[distance < cell - 0.1].any()
    assert bool((row[(distance > cell + 0.1) & (distance < SIZE / 4)] > 0.99).all())


@cpu_backends
def test_beyond_its_border_a_tile_is_transparent(backend: str) -> None:
    drawn = straight()
    drawn.tiles[:] = 1
    drawn.maps[:, :, :2] *= 2  # the tile fills half of the box
    row = drawn.draw(backend)[0, 0, :, SIZE // 2]
    inner = row[:, SIZE * 3 // 8 + 1 : SIZE * 5 // 8 - 1]
    assert torch.allclose(inner, torch.ones_like(inner), atol=1e-5)
    assert not row[:, : SIZE * 3 // 8 - 1].any()


def test_numba_equals_the_reference() -> None:
    drawn = case()
    got, expected = drawn.draw("numba"), drawn.draw("reference")
    assert choose("numba", drawn.tiles, backends=("numba", "triton")) == "numba"
    assert expected.flatten(2).any(-1).all()
    assert torch.allclose(got, expected, atol=ROUNDED["numba"])


@pytest.mark.parametrize("backend", ["reference", "numba"])
def test_tiles_beyond_those_in_the_order_are_not_drawn(backend: str) -> None:
    drawn = case()
    more = torch.cat([drawn.tiles, torch.ones_like(drawn.tiles)], 1)
    assert torch.equal(drawn._replace(tiles=more).draw(backend), drawn.draw(backend))
    for count in (3, PIECES):  # the same tiles with fewer pieces, and then with more
        order = torch.arange(count).expand(2, -1)
        parts = [part[:, :count] for part in (drawn.maps, drawn.boxes)]
        fewer = Pieces(more, *parts, order, drawn.slot[:, :count])
        alone = fewer._replace(tiles=drawn.tiles[:, :count])
        assert torch.equal(fewer.draw(backend), alone.draw(backend))


@devices
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("size", [16, 33, SIZE])
def test_triton_equals_the_reference(size: int, channels_last: bool, device: str) -> None:
    drawn = case().map(lambda part: part.to(device))
    expected = drawn.map(to_float64).draw("reference", size)
    if channels_last:
        drawn = drawn._replace(tiles=drawn.tiles.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3))
    error = float((drawn.draw("triton", size) - expected).norm() / expected.norm())
    assert choose("triton", drawn.tiles, backends=("numba", "triton")) == "triton" and error < 2e-5, error


def test_pictures_of_a_batch_do_not_depend_on_one_another() -> None:
    drawn = case()
    alone = [drawn.map(lambda part, i=i: part[i : i + 1]).draw("numba") for i in range(2)]  # type: ignore[misc]
    assert torch.equal(drawn.draw("numba"), torch.cat(alone))


def test_float64_is_drawn_by_the_reference_in_float64() -> None:
    drawn = case()
    precise = drawn.map(to_float64).draw("auto")
    assert precise.dtype == torch.float64
    assert torch.allclose(precise.float(), drawn.draw("auto"), atol=ROUNDED["numba"])


@cpu_backends
def test_nothing_is_read_out_of_bounds_for_nan(backend: str) -> None:
    drawn = case()
    drawn.maps[:, 0, :2] = torch.nan
    drawn.boxes[:, 1], drawn.boxes[:, 2, 2], drawn.boxes[:, 3] = torch.nan, 0, torch.inf
    assert drawn.draw(backend).shape == (2, 3, 4, SIZE, SIZE)


def test_draw_tiles_refuses_sizes_and_backends_that_do_not_fit() -> None:
    drawn = case()
    with pytest.raises(ValueError, match=r"2 times 5 pieces want .* got \(2, 4, 4, 18, 18\), \(2, 5, 3, 9, 9\),"):
        drawn._replace(tiles=drawn.tiles[:, :4]).draw("auto")
    with pytest.raises(ValueError, match="backend must be one of"):
        drawn.draw("fast")

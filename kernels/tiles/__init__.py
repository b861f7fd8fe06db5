"""Textures of moving pieces, as limbs are, drawn one over another into three images at full resolution.

Each piece comes with a small map that says where on its texture, its tile, every cell of its box lies now. The torch
reference is the specification; the numba and Triton kernels read and write only the pixels of the boxes.
"""

from __future__ import annotations

from torch import Tensor

from kernels.backend import choose
from kernels.tiles import reference

__all__ = ["draw_tiles"]


def draw_tiles(
    tiles: Tensor, maps: Tensor, boxes: Tensor, order: Tensor, slot: Tensor, size: int, backend: str = "auto"
) -> Tensor:
    """Draw K pieces into three images: (B, 3, 4, size, size) premultiplied RGB and alpha, 0..1, 0 where nothing is.

    tiles: (B, ≥K, 4, T, T) premultiplied RGB and alpha, 0..1, T at least 2, of which the first K are drawn. On a CPU
    they are kept in 16 bits as long as the tensor lives, whose values must not change.
    maps: (B, K, 3, M, M) over each piece's box, as `kernels.mesh.draw_mesh` draws them: x and y on its tile, −1..1 over
    the tile's side, and covered, 1 where the piece has its mesh and 0 elsewhere.
    boxes: (B, K, 3) centre x, y and half side of what a map spans, canvas units.
    order: (B, K) int64, the pieces' numbers from back to front, each in 0..K − 1, which is not checked.
    slot: (B, K) int64, the number of the image that each piece is drawn into; a piece with any other number, such as
    −1, is not drawn.
    backend: see `kernels.backend`.

    A pixel whose centre lies in a box is interpolated in the map where all cells around it are covered; elsewhere the
    piece does not show there. Beyond its borders a tile is transparent. Raises ValueError for an unknown backend and
    for sizes that do not fit.
    """
    batch, pieces = order.shape
    side, cells = tiles.shape[-1], maps.shape[-1]
    wanted = (
        (batch, max(tiles.shape[1], pieces), 4, side, side),
        (batch, pieces, 3, cells, cells),
        (batch, pieces, 3),
        (batch, pieces),
    )
    if tuple(tuple(part.shape) for part in (tiles, maps, boxes, slot)) != wanted or side < 2:
        shapes = ", ".join(str(tuple(part.shape)) for part in (tiles, maps, boxes, slot))
        raise ValueError(f"{batch} times {pieces} pieces want as many tiles, maps, boxes and slots, got {shapes}")
    chosen = choose(backend, tiles, maps, boxes, backends=("numba", "triton"))
    if chosen == "triton":
        from kernels.tiles import triton_kernel  # noqa: PLC0415  (triton is optional)

        return triton_kernel.draw_tiles(tiles, maps, boxes, order, slot, size)
    if chosen == "numba":
        from kernels.tiles import numba_kernel  # noqa: PLC0415  (numba is slow to import)

        return numba_kernel.draw_tiles(tiles, maps, boxes, order, slot, size)
    return reference.draw_tiles(tiles, maps, boxes, order, slot, size)

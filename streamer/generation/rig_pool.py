"""The rigs of all streams on the device, at fixed addresses, as CUDA graphs need them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.config import GUIDE_SIDE
from models.geometry.limb_curve import PIECES
from models.geometry.rig import BATCHED, Rig
from streamer.generation.tensor_tree import iter_tensors, map_tensors

# Guidance cells per canonical unit of the largest possible head, whose outer eye corners are half a canvas apart, so
# that windows sized by it are wide enough for every head.
LARGEST_CELLS_PER_UNIT = GUIDE_SIDE / 2


class RigPool:
    """Rigs and backgrounds, a row for each lane and a spare one, allocated once.

    What a `Rig` holds as Python values is the same for all of them, so that batches of any pictures are the same work:
    every triangle of the grid meshes, two meshes even where a focus box is the whole canvas, windows for the largest
    head, and all pieces of limbs, which are drawn even where no picture shows one.
    """

    def __init__(self, rig: Rig, lanes: int) -> None:
        """rig: of one picture; gives the sizes, and fills the spare row. Raises torch.OutOfMemoryError."""

        def allocate(row: Tensor) -> Tensor:
            return torch.cat([row] * (lanes + 1))  # keeps the memory format: the layer is channels last

        with torch.inference_mode(False):  # tensors made in inference mode could not be written to outside of it
            self._pool = [map_tensors(getattr(rig, name), allocate) for name in BATCHED]
            self._backgrounds = allocate(rig.plate)
            every = torch.arange(rig.triangle_visible.shape[-1], device=rig.triangle_visible.device)
        self._visible_triangles = every, every
        self._chosen: list[Tensor | None] = [None] * lanes

    def put(self, lane: int, rig: Rig) -> None:
        """Copy a rig of one picture into a lane, with the picture's own background."""
        rows = [getattr(rig, name) for name in BATCHED]
        for pool, row in zip(iter_tensors(self._pool), iter_tensors(rows), strict=True):
            pool[lane : lane + 1].copy_(row)
        self._backgrounds[lane : lane + 1].copy_(rig.plate)
        self._chosen[lane] = None

    def set_background(self, lane: int, background: Tensor | None) -> None:
        """Put a background (1, 3, S, S) into a lane, None: the picture's own. Copies only if it changed."""
        if background is not self._chosen[lane]:
            plate = self._pool[BATCHED.index("plate")]
            self._backgrounds[lane : lane + 1].copy_(plate[lane : lane + 1] if background is None else background)
            self._chosen[lane] = background

    def look_up(self, lane: Tensor) -> tuple[Rig, Tensor]:
        """The rigs of lanes (B,) long as one batch, and their backgrounds (B, 3, S, S)."""
        rows = map_tensors(self._pool, lambda pool: _select(pool, lane))
        named: dict[str, Any] = dict(zip(BATCHED, rows, strict=True))
        rig = Rig(
            **named,
            visible_triangles=self._visible_triangles,
            cells_per_unit=LARGEST_CELLS_PER_UNIT,
            full_canvas=False,
            pieces=PIECES,
        )
        return rig, _select(self._backgrounds, lane)


def _select(pool: Tensor, lane: Tensor) -> Tensor:
    """The rows of lanes, in the memory format of the pool: channels last if it is."""
    if pool.dim() == 4 and pool.stride(1) == 1:
        return pool.movedim(1, -1).index_select(0, lane).movedim(-1, 1)
    return pool.index_select(0, lane)

"""The rigs of all streams on a device, at addresses that do not change."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.config import GUIDE_SIDE
from models.geometry.rig import BATCHED, Rig
from streamer.generation.tensor_tree import each, tensors

MAX_CELLS_PER_UNIT = (
    GUIDE_SIDE / 2
)  # of a head whose outer eye corners are half a canvas apart: none is larger, windows are wide enough


class Rigs:
    """One row for each lane and one more that is nobody's, allocated once; and what stands behind each picture.

    What `Rig` tells in Python's numbers is the same for all, so that batches of whatever pictures are the same work:
    the whole grid meshes, two of them even where a box is the whole canvas, and windows for the largest head.
    """

    def __init__(self, rig: Rig, lanes: int) -> None:
        """rig: any; its sizes are those of all, and nobody's row is a copy of it. Raises torch.OutOfMemoryError."""

        def room(row: Tensor) -> Tensor:
            return torch.cat([row] * (lanes + 1))  # as it lies in memory: the layer's channels last

        with torch.inference_mode(False):  # in any mode they may be written to later
            self._kept = [each(getattr(rig, name), room) for name in BATCHED]
            self._behind = room(rig.plate)
            every = torch.arange(rig.triangle_visible.shape[-1], device=rig.triangle_visible.device)
        self._visible_triangles = every, every
        self._chosen: list[Tensor | None] = [None] * lanes

    def put(self, lane: int, rig: Rig) -> None:
        """Copy a rig of one into a lane; its own background stands behind it."""
        for kept, row in zip(tensors(self._kept), tensors([getattr(rig, name) for name in BATCHED]), strict=True):
            kept[lane : lane + 1].copy_(row)
        self._behind[lane : lane + 1].copy_(rig.plate)
        self._chosen[lane] = None

    def stand(self, lane: int, behind: Tensor | None) -> None:
        """Let this (1, 3, S, S) stand behind a lane's picture, None: its own; copied only where it is another one."""
        if behind is not self._chosen[lane]:
            plate = self._kept[BATCHED.index("plate")]
            self._behind[lane : lane + 1].copy_(plate[lane : lane + 1] if behind is None else behind)
            self._chosen[lane] = behind

    def look_up(self, lane: Tensor) -> tuple[Rig, Tensor]:
        """The rigs of lanes (B,) long as one batch, and what stands behind them (B, 3, S, S)."""
        rows: dict[str, Any] = dict(zip(BATCHED, each(self._kept, lambda kept: _select(kept, lane)), strict=True))
        rig = Rig(
            **rows, visible_triangles=self._visible_triangles, cells_per_unit=MAX_CELLS_PER_UNIT, full_canvas=False
        )
        return rig, _select(self._behind, lane)


def _select(kept: Tensor, lane: Tensor) -> Tensor:
    """Rows as they lie in memory, channels last if they do."""
    if kept.dim() == 4 and kept.stride(1) == 1:
        return kept.movedim(1, -1).index_select(0, lane).movedim(-1, 1)
    return kept.index_select(0, lane)

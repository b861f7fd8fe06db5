"""The interface between the pipeline and whatever renders a batch of frames: stage by stage, or as a recorded graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from models.geometry.rig import Rig
from models.geometry.views import View
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.generator import Reference, State
from streamer.runtime.stopwatch import Stopwatch

Planes = tuple[Tensor, ...]  # colours (B, S, S, 3), then perhaps alphas (B, S, S, 1), uint8


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """One frame of each of B streams.

    states: from the renderer's `open`. rigs: one picture each. canvases: the rigs on the canvases to draw, which on a
    CPU may be smaller. backgrounds: (1, 3, S, S) each, S the canvases' side; None for the picture's own. alpha: whether
    the alphas are wanted.
    """

    states: Sequence[Any]
    rigs: Sequence[Rig]
    canvases: Sequence[Rig]
    drivers: DriverBatch
    backgrounds: Sequence[Tensor | None]
    alpha: bool


class Renderer(Protocol):
    """Renders batches of frames on one device, and holds what the device keeps of each stream."""

    @property
    def device(self) -> torch.device: ...

    @property
    def batches(self) -> bool:
        """Whether one batch of several streams is faster than their frames one by one."""
        ...

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        """The network's memory of a picture and of further views of it; `rig` holds one picture. Callable beside a
        running `draw`.
        """
        ...

    def open(self, reference: Reference) -> State:
        """Start a stream. Raises DeviceMemoryError if the device has no memory for it."""
        ...

    def put(self, state: Any, rig: Rig) -> None:
        """Store a stream's rig on the device, after `open`. Raises torch.OutOfMemoryError."""
        ...

    def record(self, rig: Rig, drivers: DriverBatch) -> None:
        """Prepare for live drawing, with one frame as an example: record CUDA graphs where there is a recorder. Call it
        after the first `put`, and before any stream is live.
        """
        ...

    def draw(self, batch: FrameBatch, stopwatch: Stopwatch) -> Planes:
        """Draw the batch; mutates its states and laps `stopwatch` at the end of each stage. The planes are valid until
        the next call. Alphas may come although they are not wanted.
        """
        ...

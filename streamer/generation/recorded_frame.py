"""A whole frame, from drivers to bytes, as one function of tensors: recorded as CUDA graphs for batches of fixed sizes,
then replayed by one launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from kernels.pixels import to_bytes
from models.compositor import compose
from models.geometry.guidance import make_guidance
from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from models.geometry.views import View
from streamer.generation.cuda_graphs import GraphSet, Recorder, sizes_for
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.eager_frame import ALPHA, COLOURS, EagerFrame
from streamer.generation.generator import Reference
from streamer.generation.renderer import FrameBatch, Planes
from streamer.generation.rig_pool import RigPool
from streamer.generation.torch_generator import NetworkInputs, TorchGenerator, TorchState
from streamer.generation.transfer import upload
from streamer.runtime.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class TickInputs:
    """What changes from frame to frame for B streams: their lanes (B,) long, and the motion of their drivers."""

    lane: Tensor
    drivers: DriverBatch


TickGraphs = dict[bool, GraphSet[TickInputs, tuple[Tensor, Tensor]]]  # by whether any stream chose a background


class RecordedFrame:
    """Renders with the network in torch: retarget, guide, the network's step, compose and bytes as one graph, over rigs
    in the generator's lanes.

    There are two recordings for each batch size: one for pictures before their own backgrounds, one for batches in
    which any stream chose another, which `compose` puts behind the trimmed person. A batch without a recording is drawn
    stage by stage; if recording fails, so are all, and then the generator records its own graphs, of the network alone.
    """

    def __init__(self, generator: TorchGenerator, recorder: Recorder) -> None:
        self.device = generator.device
        self._generator = generator
        self._eager = EagerFrame(generator, generator.device)
        self._rigs: RigPool | None = None
        self._graphs: TickGraphs | None = {
            trim: GraphSet(partial(self.step, trim=trim), recorder, "A tick runs") for trim in (False, True)
        }

    @property
    def batches(self) -> bool:
        return self._graphs is not None or self._eager.batches

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        return self._generator.encode_reference(rig, views)

    def open(self, reference: Reference) -> TorchState:
        return self._generator.open(reference)

    def put(self, state: TorchState, rig: Rig) -> None:
        """Copy a rig into the stream's lane. The first call allocates all lanes. Raises torch.OutOfMemoryError."""
        if self._graphs is None:
            return
        if self._rigs is None:
            self._rigs = RigPool(rig, self._generator.lanes.count)
        self._rigs.put(state.lane, rig)

    def record(self, rig: Rig, drivers: DriverBatch) -> None:
        """Record all batch sizes. A failure is logged once, and the generator's own graphs are recorded instead."""
        if self._graphs is not None and not self._record(self._graphs, drivers):
            self._graphs = self._rigs = None
        if self._graphs is None:
            self._eager.record(rig, drivers)

    def _record(self, graphs: TickGraphs, drivers: DriverBatch) -> bool:
        spare = torch.full((1,), self._generator.spare, device=self.device)
        sizes = sizes_for(self._generator.lanes.count)
        for graph_set in graphs.values():
            graph_set.record(TickInputs(spare, drivers), sizes)
            if not graph_set.sizes:
                return False
        return True

    def draw(self, batch: FrameBatch, stopwatch: Stopwatch) -> Planes:
        """Laps "tick" where a recording is replayed, else the stages of `EagerFrame`. Alphas always come with it."""
        planes = self._replayed(batch)
        if planes is None:
            return self._eager.draw(batch, stopwatch)
        stopwatch.lap("tick")
        return planes

    def _replayed(self, batch: FrameBatch) -> tuple[Tensor, Tensor] | None:
        """Colours (B, S, S, 3) and alphas (B, S, S, 1), uint8, valid until the next call; None if no recorded size is
        large enough.
        """
        if self._graphs is None or self._rigs is None or len(batch.states) > self._largest(self._graphs):
            return None
        for state, background in zip(batch.states, batch.backgrounds, strict=True):
            self._rigs.set_background(state.lane, background)
        lane = upload(torch.tensor([state.lane for state in batch.states]), self.device)
        trim = any(background is not None for background in batch.backgrounds)
        return self._graphs[trim].replay(TickInputs(lane, batch.drivers), len(batch.states))

    @staticmethod
    def _largest(graphs: TickGraphs) -> int:
        """The largest batch size that both recordings hold; 0 before any is recorded."""
        return min(max(graph_set.sizes, default=0) for graph_set in graphs.values())

    def step(self, inputs: TickInputs, trim: bool) -> tuple[Tensor, Tensor]:
        """The frame itself, as a function of tensors and of what lies in the lanes. trim: put the backgrounds of the
        lanes behind the person instead of the pictures' own.
        """
        assert self._rigs is not None
        rig, backgrounds = self._rigs.look_up(inputs.lane)
        drivers = inputs.drivers
        pose = retarget(rig, drivers.current, drivers.neutral, drivers.strength, drivers.bounds, drivers.offsets)
        guidance = make_guidance(rig, pose)
        prediction = self._generator.step(NetworkInputs.of(inputs.lane, rig, pose, guidance))
        frames = compose(rig, guidance, prediction.edit, backgrounds if trim else None, prediction.patches)
        return to_bytes(frames[:, COLOURS]), to_bytes(frames[:, ALPHA])

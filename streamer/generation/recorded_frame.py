"""A whole tick, from drivers to bytes, as one function of tensors: recorded for batches of fixed sizes, then replayed
by one launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor

from kernels.pixels import to_bytes
from models.compositor import compose
from models.geometry.guidance import make_guidance
from models.geometry.retarget import Strength, retarget
from models.geometry.rig import Rig
from models.motion import Driver
from streamer.generation.cuda_graphs import Graphs, Recorder, sizes_for
from streamer.generation.rig_pool import Rigs
from streamer.generation.torch_generator import Scene, TorchGenerator, TorchState
from streamer.generation.transfer import upload


@dataclass(frozen=True, slots=True)
class Cue:
    """What moves B pictures: lane (B,) long, their drivers now and in their neutrals, strengths of (B,)."""

    lane: Tensor
    driver: Driver
    neutral: Driver
    strength: Strength


class Tick:
    """retarget, guide, the generator's step, compose and bytes, over rigs in the generator's lanes.

    Two recordings for each size: pictures before their own backgrounds, and pictures of whom somebody chose another,
    which `compose` trims.
    """

    def __init__(self, generator: TorchGenerator, recorder: Recorder) -> None:
        self._generator = generator
        self._rigs: Rigs | None = None
        self._graphs = [Graphs(partial(self.step, trim=trim), recorder, "A tick runs") for trim in (False, True)]

    def put(self, state: TorchState, rig: Rig) -> None:
        """Copy a rig into a stream's lane. The first one allocates all lanes. Raises torch.OutOfMemoryError."""
        if self._rigs is None:
            self._rigs = Rigs(rig, self._generator.lanes.count)
        self._rigs.put(state.lane, rig)

    def record(self, driver: Driver) -> bool:
        """Record all sizes, with a driver of one as an example; after the first `put`. False where that fails, which
        is told in the log.
        """
        one = torch.ones(len(fields(Strength)), 1, device=driver.face.device)
        cue = Cue(torch.full((1,), self._generator.spare, device=one.device), driver, driver, Strength(*one))
        sizes = sizes_for(self._generator.lanes.count)
        for graphs in self._graphs:
            graphs.record(cue, sizes)
            if not graphs.sizes:
                return False
        return True

    @property
    def largest(self) -> int:
        """The most streams that are recorded as one batch; 0 before `record`."""
        return max(self._graphs[-1].sizes, default=0)

    def draw(
        self, states: Sequence[TorchState], driver: Driver, neutral: Driver, strength: Strength,
        behind: Sequence[Tensor | None],
    ) -> tuple[Tensor, Tensor] | None:  # fmt: skip
        """Colours (B, S, S, 3) and alphas (B, S, S, 1), uint8, valid until the next call; None where no recorded size
        is so large. behind: what stands behind each picture, (1, 3, S, S), None: its own background.
        """
        assert self._rigs is not None
        for state, chosen in zip(states, behind, strict=True):
            self._rigs.stand(state.lane, chosen)
        lane = upload(torch.tensor([state.lane for state in states]), driver.face.device)
        graphs = self._graphs[any(chosen is not None for chosen in behind)]
        return graphs.draw(Cue(lane, driver, neutral, strength), len(states))

    def step(self, cue: Cue, trim: bool) -> tuple[Tensor, Tensor]:
        """The tick itself, as a function of tensors and of what lies in the lanes."""
        assert self._rigs is not None
        rig, behind = self._rigs.look_up(cue.lane)
        pose = retarget(rig, cue.driver, cue.neutral, cue.strength)
        guidance = make_guidance(rig, pose)
        drawing = self._generator.step(Scene.of(cue.lane, rig, pose, guidance))
        frames = compose(rig, guidance, drawing.edit, behind if trim else None, drawing.patches)
        return to_bytes(frames[:, :3]), to_bytes(frames[:, 3:])

"""The network in torch, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from models.cache import Cache
from models.closeup import Sight
from models.dit import Edit
from models.guidance import Guidance
from models.sampler import draw_frame
from streamer.generator import NetworkGenerator, Reference, State


@dataclass(eq=False, slots=True)
class TorchState(State):
    """cache: the pinned reference and the past frames on the device."""

    cache: Cache

    def forget(self) -> None:
        self.cache.reset()


class TorchGenerator(NetworkGenerator[TorchState]):
    """Each frame of each stream is thought over when it is drawn."""

    def open(self, reference: Reference) -> TorchState:
        assert reference.keys is not None and reference.values is not None
        cache = Cache(self.config, 1, reference.keys.device)
        cache.pin(None, reference.keys, reference.values)
        return TorchState(reference, cache)

    def _edit(self, states: Sequence[TorchState], maps: Tensor, guidance: Guidance) -> Edit:
        edits = []
        for i, state in enumerate(states):
            frame = self._frame(state, maps[i : i + 1], guidance.pick(i))
            edits.append(draw_frame(partial(self.network.step, cache=state.cache), *frame, self.steps))
            state.cache.advance()
        return Edit.stack(edits)

    def _look(self, mouth: Sight, eyes: Sight) -> Sequence[Tensor]:
        return self.network.closeups(mouth.maps, mouth.marks, eyes.maps, eyes.marks)

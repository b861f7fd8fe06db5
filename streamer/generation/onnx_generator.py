"""The network in ONNX Runtime on the CPU; live, the transformer thinks beside the frames."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from models.closeups.inputs import CloseupInput
from models.dit import CausalDiT, Edit, FrameInput
from models.geometry.guidance import Guidance
from models.sampler import backward_warp, sample_edit
from streamer.generation.cpu_features import int8_weight_bits
from streamer.generation.generator import NetworkGenerator, Reference, State
from streamer.generation.onnx_export import export_closeups, export_step
from streamer.runtime.priority import THOUGHT, be_patient

SHARE = 1 / 3  # of the time that the transformer may take for a stream: it shares caches and memory with what is drawn


@dataclass(eq=False, slots=True)
class OnnxState(State):
    """past: keys and values of the past frames, oldest first. said: the transformer's last word, and the flow it was
    said of (1, 2, G, G), box units. thinking: its next one, asked for at the time `asked`; not before the time `due`.
    """

    past: deque[tuple[np.ndarray, np.ndarray]]
    said: tuple[Edit, Tensor] | None = None
    thinking: Future[tuple[Edit, Tensor]] | None = None
    asked: float = 0.0
    due: float = 0.0

    def forget(self) -> None:
        self.past.clear()


def ride(edit: Edit, then: Tensor, now: Tensor) -> Edit:
    """An edit drawn for the flow `then`, carried to the flow `now` (1, 2, G, G), box units: what shows the same place
    of the picture, y + now(y) = y' + then(y'), gets the same edit, with y' ≈ y + now(y) − then(y). Its paint stays
    behind: when a head turns back, the picture shows by itself what was painted of its far side.
    """
    carried = backward_warp(torch.cat([edit.flow, edit.alpha], 1), now - then)
    return Edit(flow=carried[:, :2], alpha=carried[:, 2:], keep=torch.ones_like(edit.keep), paint=edit.paint)


class OnnxGenerator(NetworkGenerator[OnnxState]):
    """The network in ONNX Runtime, exported from the loaded weights at start, so the two cannot disagree.

    live: the transformer thinks in a thread of its own, of low priority, as often as the machine has time for it; until
    its next word the last one rides along, and no frame waits but a stream's first. Close-ups look at every frame.
    clock: seconds, of live streams.
    int8: in 8 bits what may be, see `streamer.generation.onnx_export.export`.
    """

    def __init__(
        self,
        network: CausalDiT,
        device: torch.device,
        steps: int,
        live: bool = False,
        int8: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(network, device, steps)
        self._clock = clock
        self._thought = ThreadPoolExecutor(1, "thought", partial(be_patient, THOUGHT)) if live else None
        weight_bits = int8_weight_bits() if int8 else None
        beside, along = placed(os.cpu_count() or 1, live)
        self.session = session(export_step(network, weight_bits), beside)
        self.closeups = session(export_closeups(network, weight_bits), along)
        self.names, self.sight_names = (
            [entry.name for entry in graph.get_inputs()] for graph in (self.session, self.closeups)
        )
        config = self.config
        empty = (config.depth, 1, config.heads, config.tokens, config.head_width)
        self.empty = (np.zeros(empty, np.float32), np.zeros(empty, np.float32))

    def open(self, reference: Reference) -> OnnxState:
        return OnnxState(reference, deque(maxlen=self.config.ring))

    def _edit(self, states: Sequence[OnnxState], maps: Tensor, guidance: Guidance) -> Edit:
        return Edit.stack([self._one(state, maps[i : i + 1], guidance.pick(i)) for i, state in enumerate(states)])

    def _one(self, state: OnnxState, maps: Tensor, guidance: Guidance) -> Edit:
        """What is known of one stream's frame."""
        if self._thought is None:
            return self._think(state, maps, guidance)[0]
        now = self._clock()
        if state.said is None:
            state.said = self._think(state, maps, guidance)
        elif state.thinking is not None and state.thinking.done():
            state.said, state.thinking = state.thinking.result(), None
            state.due = now + (now - state.asked) * (1 / SHARE - 1)
        if state.thinking is None and now >= state.due:
            state.thinking, state.asked = self._thought.submit(self._think, state, maps, guidance), now
        return ride(*state.said, maps[:, :2])

    @torch.inference_mode()
    def _think(self, state: OnnxState, maps: Tensor, guidance: Guidance) -> tuple[Edit, Tensor]:
        """The transformer's word on a frame, which becomes its stream's newest past; and the frame's flow."""
        newest: list[tuple[np.ndarray, np.ndarray]] = []
        edit = sample_edit(partial(self._step, state, newest), *self._frame(state, maps, guidance), self.steps)
        state.past.append(newest[-1])
        return edit, maps[:, :2]

    def _step(self, state: OnnxState, newest: list[tuple[np.ndarray, np.ndarray]], frame: FrameInput) -> Edit:
        reference = state.reference
        assert reference.keys is not None and reference.values is not None
        missing = self.config.ring - len(state.past)
        live = np.ones((1, self.config.slots), bool)
        live[:, self.config.references : self.config.references + missing] = False
        past = [array for pair in [self.empty] * missing + list(state.past) for array in pair]
        arrays = [*(getattr(frame, name).numpy() for name in FrameInput.__slots__), live, reference.keys.numpy()]
        arrays += [reference.values.numpy(), *past]
        *edit, keys, values = self.session.run(None, dict(zip(self.names, arrays, strict=True)))
        newest.append((keys, values))
        return Edit(*(torch.from_numpy(part) for part in edit))

    def _look(self, mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        arrays = [maps.numpy() for maps in (mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)]
        said = self.closeups.run(None, dict(zip(self.sight_names, arrays, strict=True)))
        return [torch.from_numpy(out) for out in said]


def placed(cores: int, live: bool) -> tuple[int, int]:
    """Threads for the transformer and for the close-ups. Live, other threads want cores, too: on two or three each
    computes alone, since who waits for a helper's turn waits longer than the help is worth; on more the transformer
    takes half of them and leaves the close-ups, for which every frame waits, up to four.
    """
    if not live:
        return cores, cores
    return (1, 1) if cores < 4 else (cores // 2, min(cores - cores // 2, 4))


def session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """A graph ready to run on so many threads, which sleep while they have nothing to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

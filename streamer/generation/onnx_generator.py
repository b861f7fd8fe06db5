"""The network in ONNX Runtime on the CPU; live, the transformer runs in a thread beside the frames."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from models.closeups.inputs import CloseupInput
from models.dit import MAP_FLOW, CausalDiT, Edit, FrameInput
from models.geometry.guidance import Guidance, make_guidance
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from models.geometry.views import View
from models.sampler import backward_warp, guidance_maps, into_picture, layer_maps, sample_edit
from streamer.generation.cpu_features import int8_weight_bits
from streamer.generation.generator import NetworkGenerator, Prediction, Reference, State, at_strength
from streamer.generation.graph_cache import kept_graph
from streamer.generation.onnx_export import export_closeups, export_step
from streamer.generation.recorded_closeups import RecordedCloseups
from streamer.generation.recorded_function import RecordedFunction
from streamer.runtime.onnx_runtime import onnxruntime
from streamer.runtime.priority import TRANSFORMER_NICENESS, lower_priority

Given = TypeVar("Given")
MakeMaps = Callable[[], tuple[Tensor, Tensor]]


@dataclass(eq=False, slots=True)
class OnnxState(State):
    """A stream's memory in ONNX Runtime.

    past: keys and values of the past frames, oldest first.
    last_edit: the newest transformer output and the flow (1, 2, G, G) in box units of the frame that it was made for.
    pending: the transformer run in progress.
    requested_at: when it was requested, in seconds on the generator's clock.
    next_at: when the next run may be requested, in seconds.
    last_closeups: the newest output of the close-ups.
    closeup_age: in frames.
    """

    past: deque[tuple[np.ndarray, np.ndarray]]
    last_edit: tuple[Edit, Tensor] | None = None
    pending: Future[tuple[Edit, Tensor]] | None = None
    requested_at: float = 0.0
    next_at: float = 0.0
    last_closeups: Sequence[Tensor] = ()
    closeup_age: int = 0

    def reset(self) -> None:
        self.past.clear()


def propagate_edit(edit: Edit, then: Tensor, now: Tensor) -> Edit:
    """Warp an edit from the flow that it was predicted for to the current flow, (1, 2, G, G) each in box units.

    The edit follows the picture: y shows the same place as y' if y + now(y) = y' + then(y'), with the approximation
    y' ≈ y + now(y) − then(y). Its paint is dropped (`keep` is 1; one cell is enough for both): when a head turns back,
    the picture itself shows what was painted of its far side.
    """
    moved = backward_warp(torch.cat([edit.flow, edit.alpha], 1), now - then)
    keep, paint = (fill(len(then), n, 1, 1, device=then.device) for fill, n in ((torch.ones, 1), (torch.zeros, 3)))
    return Edit(flow=moved[:, :2], alpha=moved[:, 2:], keep=keep, paint=paint)


def drawn_edit(rig: Rig, edit: Edit, then: Tensor, focus_flow: Tensor, box: Tensor) -> Edit:
    """An edit that was predicted for the flow `then`, as it is drawn in a frame with this guidance: propagated, at its
    strength.
    """
    return at_strength(propagate_edit(edit, then, into_picture(focus_flow, rig, box)))


def network_maps(rig: Rig, guidance: Guidance) -> tuple[Tensor, Tensor]:
    """`guidance_maps` and `layer_maps`."""
    return guidance_maps(rig, guidance), layer_maps(rig, guidance)


class OnnxGenerator(NetworkGenerator[OnnxState]):
    """The network in ONNX Runtime, exported from the loaded weights at the first start, and kept for later ones.

    live: the transformer runs in a low-priority thread of its own, no longer than the state's effort allows. Between
    its outputs the last one is propagated by the flow, so that only a stream's first frame waits for the transformer.
    The close-ups run for every frame, or as rarely as the effort demands; what surrounds their
    network is recorded when a picture is prepared. int8: compute in 8-bit integers where possible, see
    `onnx_export.export`. clock: seconds, for `live`.
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
        self._transformer_thread = (
            ThreadPoolExecutor(1, "transformer", partial(lower_priority, TRANSFORMER_NICENESS)) if live else None
        )
        weight_bits = int8_weight_bits() if int8 else None
        transformer_threads, closeup_threads = thread_counts(os.cpu_count() or 1, live)
        self._transformer = make_session(kept_graph(export_step, network, weight_bits), transformer_threads)
        self._closeups = make_session(kept_graph(export_closeups, network, weight_bits), closeup_threads)
        self._transformer_names, self._closeup_names = (
            [entry.name for entry in session.get_inputs()] for session in (self._transformer, self._closeups)
        )
        config = self.config
        empty = (config.depth, 1, config.heads, config.tokens, config.head_width)
        self._no_frame = (np.zeros(empty, np.float32), np.zeros(empty, np.float32))

        self._maps = RecordedFunction(network_maps)
        self._drawn = RecordedFunction(drawn_edit)
        self._strength = RecordedFunction(at_strength)
        self._closeups_around = RecordedCloseups()

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        reference = super().encode_reference(rig, views)
        pose = rest_pose(rig)
        guidance = make_guidance(rig, pose)
        self._maps((rig,), guidance)
        self._closeups_around.record(rig, reference, pose, guidance, self._run_closeups)
        return reference

    def at_rest(self, reference: Reference, rig: Rig, pose: Pose, guidance: Guidance) -> Sequence[Prediction]:
        flow, side = into_picture(guidance.focus_flow, rig, guidance.box), self.config.side
        keep, paint = torch.ones(1, 1, side, side), torch.zeros(1, 3, side, side)
        edit = Edit(torch.zeros_like(flow), keep, paint, torch.zeros_like(flow[:, :1]))
        live = self._transformer_thread is not None
        drawn = self._drawn_edit(rig, (edit, flow if live else None), guidance)
        around = self._closeups_around
        patches = around.patches(rig, reference, pose, guidance, self._run_closeups)
        with_tongue = [*patches, around.tongue(rig, reference, pose, guidance)]
        return [Prediction(drawn, each) for each in (patches, with_tongue)]

    def predict(self, states: Sequence[OnnxState], rig: Rig, pose: Pose, guidance: Guidance) -> Prediction:
        if len(states) > 1:
            return super().predict(states, rig, pose, guidance)
        state = states[0]
        newest = self._newest_edit(state, partial(self._maps, (rig,), guidance), guidance)
        edit = self._drawn_edit(rig, newest, guidance)
        run = partial(self._closeups_of, states)
        return Prediction(edit, self._closeups_around.patches(rig, state.reference, pose, guidance, run))

    def open(self, reference: Reference) -> OnnxState:
        return OnnxState(reference, deque(maxlen=self.config.ring))

    def _predict_edit(self, states: Sequence[OnnxState], maps: Tensor, layers: Tensor, guidance: Guidance) -> Edit:
        edits = []
        for i, state in enumerate(states):
            own = maps[i : i + 1], layers[i : i + 1]
            edit, then = self._newest_edit(state, partial(_given, own), guidance.pick(i))
            edits.append(edit if then is None else propagate_edit(edit, then, own[0][:, MAP_FLOW]))
        return Edit.stack(edits)

    def _newest_edit(self, state: OnnxState, make_maps: MakeMaps, guidance: Guidance) -> tuple[Edit, Tensor | None]:
        """The newest transformer output for one stream's frame; live, with the flow from which it is to be propagated.

        make_maps: `network_maps`, called in the thread in which the transformer runs.
        """
        if self._transformer_thread is None:
            return self._run_transformer(state, make_maps, guidance)[0], None
        now = self._clock()
        if state.last_edit is None:
            state.last_edit = self._run_transformer(state, make_maps, guidance)
        elif state.pending is not None and state.pending.done():
            state.last_edit, state.pending = state.pending.result(), None
            state.next_at = now + (now - state.requested_at) * (1 / state.effort.transformer_duty - 1)
        if state.pending is None and now >= state.next_at:
            state.pending = self._transformer_thread.submit(self._run_transformer, state, make_maps, guidance)
            state.requested_at = now
        return state.last_edit

    def _drawn_edit(self, rig: Rig, newest: tuple[Edit, Tensor | None], guidance: Guidance) -> Edit:
        """What `_newest_edit` returned, as it is drawn."""
        edit, then = newest
        if then is None:
            return self._strength((), edit)
        return self._drawn((rig,), edit, then, guidance.focus_flow, guidance.box)

    @torch.inference_mode()
    def _run_transformer(self, state: OnnxState, make_maps: MakeMaps, guidance: Guidance) -> tuple[Edit, Tensor]:
        """Transformer output for one frame, and the frame's flow. The frame becomes the newest of `state.past`."""
        maps, layers = make_maps()
        newest: list[tuple[np.ndarray, np.ndarray]] = []
        inputs = self._frame_input(state, maps, layers, guidance)
        edit = sample_edit(partial(self._step, state, newest), *inputs, self.steps)
        state.past.append(newest[-1])
        return edit, maps[:, MAP_FLOW]

    def _step(self, state: OnnxState, newest: list[tuple[np.ndarray, np.ndarray]], frame: FrameInput) -> Edit:
        """One step of the sampler; appends the frame's keys and values to `newest`."""
        reference = state.reference
        assert reference.keys is not None and reference.values is not None
        missing = self.config.ring - len(state.past)
        is_occupied = np.ones((1, self.config.slots), bool)
        is_occupied[:, self.config.references : self.config.references + missing] = False
        past = [array for pair in [self._no_frame] * missing + list(state.past) for array in pair]
        arrays = [*(getattr(frame, name).numpy() for name in FrameInput.__slots__), is_occupied]
        arrays += [reference.keys.numpy(), reference.values.numpy(), *past]
        *edit, keys, values = self._transformer.run(None, dict(zip(self._transformer_names, arrays, strict=True)))
        newest.append((keys, values))
        return Edit(*(torch.from_numpy(part) for part in edit))

    def _closeups_of(self, states: Sequence[OnnxState], mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        """Of one stream its last output, up to the effort's period; several are computed anew, since live on a CPU
        streams are drawn one by one.
        """
        if len(states) > 1:
            return self._run_closeups(mouth, eyes)
        state = states[0]
        state.closeup_age += 1
        if not state.last_closeups or state.closeup_age >= state.effort.closeup_period:
            state.last_closeups, state.closeup_age = self._run_closeups(mouth, eyes), 0
        return state.last_closeups

    def _run_closeups(self, mouth: CloseupInput, eyes: CloseupInput) -> Sequence[Tensor]:
        arrays = [maps.numpy() for maps in (mouth.maps, mouth.landmarks, eyes.maps, eyes.landmarks)]
        outputs = self._closeups.run(None, dict(zip(self._closeup_names, arrays, strict=True)))
        return [torch.from_numpy(output) for output in outputs]


def _given(value: Given) -> Given:
    """For where a function is expected."""
    return value


def thread_counts(cores: int, live: bool) -> tuple[int, int]:
    """Threads for the transformer and for the close-ups.

    Offline each uses all cores, since they run one after the other. Live they share the cores with the other threads:
    on two or three cores each uses one thread, because waiting for a second thread to be scheduled costs more than it
    saves; on more the transformer uses half of them, and the close-ups, which every frame needs, up to four.
    """
    if not live:
        return cores, cores
    return (1, 1) if cores < 4 else (cores // 2, min(cores - cores // 2, 4))


def make_session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session whose threads sleep while there is nothing to do, instead of spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

"""The network in ONNX Runtime on the CPU; live, the transformer thinks beside the frames."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from kernels import attention
from models.cache import REFERENCE_POSITION
from models.closeup import CHANNELS, Sight
from models.dit import CausalDiT, Edit, FrameInput
from models.guidance import Guidance
from models.sampler import draw_frame, move
from models.window import MOUTH_VIEW, RIGHT_EYE_VIEW
from streamer.generator import NetworkGenerator, Reference, State

PATIENT = 10  # niceness of the thread that thinks: what is shown at 25 frames a second goes first


@dataclass(eq=False, slots=True)
class OnnxState(State):
    """past: keys and values of the past frames, oldest first. said: the transformer's last word, and the flow it was
    said of (1, 2, G, G), box units. thinking: its next one.
    """

    past: deque[tuple[np.ndarray, np.ndarray]]
    said: tuple[Edit, Tensor] | None = None
    thinking: Future[tuple[Edit, Tensor]] | None = None

    def forget(self) -> None:
        self.past.clear()


def ride(edit: Edit, then: Tensor, now: Tensor) -> Edit:
    """An edit drawn for the flow `then`, carried to the flow `now` (1, 2, G, G), box units: what shows the same place
    of the picture, y + now(y) = y' + then(y'), gets the same edit, with y' ≈ y + now(y) − then(y).
    """
    coarse = move(torch.cat([edit.flow, edit.alpha], 1), now - then)
    fine = move(torch.cat([edit.keep, edit.paint], 1), now - then)
    return Edit(flow=coarse[:, :2], alpha=coarse[:, 2:], keep=fine[:, :1], paint=fine[:, 1:])


class StepGraph(nn.Module):
    """One step as a function of tensors alone, the shape in which ONNX Runtime takes it.

    Inputs: the six fields of FrameInput; live (1, R + W + 1) bool; then keys and values (L, 1, H, ·, D) of the
    references and of each past frame, oldest first. Outputs: the four fields of Edit, and this frame's keys and values.
    """

    def __init__(self, network: CausalDiT) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        frame, live, memory = FrameInput(*inputs[:6]), inputs[6], inputs[7:]
        config = self.network.config
        ages = [REFERENCE_POSITION] * config.references + [-float(age) for age in range(config.ring, 0, -1)] + [0.0]
        position = torch.tensor([ages])
        fresh: list[tuple[Tensor, Tensor]] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            fresh.append((key, value))
            keys = torch.cat([*(slot[layer] for slot in memory[0::2]), key], 2)
            values = torch.cat([*(slot[layer] for slot in memory[1::2]), value], 2)
            return attention.attend(
                query, keys, values, position, live, self.network.rope, config.keyed, config.references
            )

        edit = self.network(frame, attend)
        keys, values = (torch.stack(each) for each in zip(*fresh, strict=True))
        return edit.flow, edit.keep, edit.paint, edit.alpha, keys, values


class OnnxGenerator(NetworkGenerator[OnnxState]):
    """The network in ONNX Runtime, exported from the loaded weights at start, so the two cannot disagree.

    live: the transformer thinks in a thread of its own, of low priority, as often as the machine has time for it; until
    its next word the last one rides along, and no frame waits but a stream's first. Close-ups look at every frame.
    int8: the transformer's products in 8 bits, see `export`.
    """

    def __init__(
        self, network: CausalDiT, device: torch.device, steps: int, live: bool = False, int8: bool = True
    ) -> None:
        super().__init__(network, device, steps)
        self.live = live
        self._thought = ThreadPoolExecutor(1, "thought", patient) if live else None
        cores = os.cpu_count() or 1
        # A thread that gives way must not hold others that do not: alone, it computes alone.
        self.session = session(self._export(int8), 1 if live and cores < 4 else cores)
        self.closeups = session(self._export_closeups(), cores)
        self.names = [entry.name for entry in self.session.get_inputs()]
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
        if state.said is None:
            state.said = self._think(state, maps, guidance)
        elif state.thinking is not None and state.thinking.done():
            state.said, state.thinking = state.thinking.result(), None
        if state.thinking is None:
            state.thinking = self._thought.submit(self._think, state, maps, guidance)
        return ride(*state.said, maps[:, :2])

    @torch.inference_mode()
    def _think(self, state: OnnxState, maps: Tensor, guidance: Guidance) -> tuple[Edit, Tensor]:
        """The transformer's word on a frame, which becomes its stream's newest past; and the frame's flow."""
        newest: list[tuple[np.ndarray, np.ndarray]] = []
        edit = draw_frame(partial(self._step, state, newest), *self._frame(state, maps, guidance), self.steps)
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

    def _export(self, int8: bool) -> bytes:
        config = self.config
        side, half = config.side, config.side // 2
        memory = torch.zeros(config.depth, 1, config.heads, config.tokens, config.head_width)
        pinned = memory.repeat(1, 1, 1, config.references, 1)
        frame = [(3, side), (3, side), (6, half), (3, half)]
        inputs = [torch.rand(1, channels, pixels, pixels) for channels, pixels in frame]
        inputs += [torch.zeros(1, config.motion_tokens, config.motion_width), torch.ones(1)]
        inputs += [torch.ones(1, config.slots, dtype=torch.bool), pinned, pinned.clone()]
        inputs += [memory.clone() for _ in range(2 * config.ring)]
        return export(StepGraph(self.network), inputs, int8)

    def _look(self, mouth: Sight, eyes: Sight) -> Sequence[Tensor]:
        names = [entry.name for entry in self.closeups.get_inputs()]
        arrays = [maps.numpy() for maps in (mouth.maps, mouth.marks, eyes.maps, eyes.marks)]
        return [torch.from_numpy(out) for out in self.closeups.run(None, dict(zip(names, arrays, strict=True)))]

    def _export_closeups(self) -> bytes:
        config = self.config
        inputs = []
        for view, side in ((MOUTH_VIEW, config.mouth_side), (RIGHT_EYE_VIEW, config.eye_side)):
            inputs += [torch.rand(2, CHANNELS, side, side), torch.rand(2, 2, len(view.marks), 2)]
        return export(self.network.closeups, inputs, batches=("mouths", "mouths", "eyes", "eyes"))


def patient() -> None:
    """Let other threads go before the calling one, where the system lets a thread say so."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PATIENT)


def session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """A graph ready to run on so many threads, which sleep while they have nothing to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def export(graph: nn.Module, inputs: Sequence[Tensor], int8: bool = False, batches: Sequence[str] = ()) -> bytes:
    """A module as ONNX, inputs named input0, input1, …

    int8: products with weights in 8 bits, activations scaled by their own range as they come (docs/decisions.md has
    what that changes); convolutions and attention stay float32. batches: a name for the length of each input's first
    axis where it may have any.
    """
    names = [f"input{i}" for i in range(len(inputs))]
    axes = {name: {0: batch} for name, batch in zip(names, batches, strict=False)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecation and tracing notes
        whole, file = Path(folder) / "whole.onnx", Path(folder) / "graph.onnx"
        torch.onnx.export(
            graph, tuple(inputs), whole, input_names=names, opset_version=18, dynamo=False, dynamic_axes=axes
        )
        if not int8:
            return whole.read_bytes()
        logging.disable(logging.WARNING)  # it advises a step that changes nothing here
        quantize_dynamic(
            whole, file, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8, per_channel=True,
            extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip
        logging.disable(logging.NOTSET)
        return file.read_bytes()

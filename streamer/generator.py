"""Three ways to draw a frame from guidance: the warp alone, the network in torch, the network in ONNX Runtime."""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from kernels.attention import ring_attention
from models import checkpoint as weights
from models.cache import REFERENCE_POSITION, Cache
from models.closeup import CHANNELS, VIEWS, Patch, Retouch, Sight, Still, Subject, patches, sights, stills
from models.config import ModelConfig
from models.dit import CausalDiT, Edit, FrameInput
from models.grid import smoothstep
from models.guidance import Guidance, guide
from models.retarget import Pose, rest_pose
from models.rig import Rig
from models.sampler import NOISE, Focus, draw_frame, frame_input, guidance_maps, move, reference_input
from models.topology import Frame
from models.window import MOUTH_VIEW, RIGHT_EYE_VIEW, Window
from streamer.errors import KagamiError

DEFAULT_CHECKPOINT = Path(__file__).resolve().parent.parent / "checkpoints" / "tiny.safetensors"
TRUST = 0.5  # share of the network's corrections of flow and alpha that is drawn; docs/decisions.md has the measurement
DECIDED = (0.2, 0.7)  # a matte between is drawn as the one or the other, softly: half of each is mush; chosen likewise
NOISE_SEED = 7  # one frozen noise for every stream: nothing flickers that the driver did not move


class GeneratorError(KagamiError):
    """The generator cannot be made on this machine."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture as the network remembers it; keys, values (L, 1, H, N, D), and its close-ups. Empty for geometry."""

    focus: Focus | None = None
    keys: Tensor | None = None
    values: Tensor | None = None
    stills: tuple[Still, ...] = ()


@dataclass(eq=False, slots=True)
class State:
    """One stream's memory: the pinned reference, its past frames in the generator's own form, and the last edit that
    the network drew with the flow it was drawn for (1, 2, G, G), box units; `rides` counts the frames drawn from that
    since. retouches: what its close-ups said last, a batch of one each.
    """

    reference: Reference
    cache: Cache | None = None
    past: deque[tuple[np.ndarray, np.ndarray]] = field(default_factory=deque)
    newest: tuple[np.ndarray, np.ndarray] | None = None
    drawn: tuple[Edit, Tensor] | None = None
    rides: int = 0
    retouches: list[Retouch] = field(default_factory=list)


def ride(edit: Edit, then: Tensor, now: Tensor) -> Edit:
    """An edit drawn for the flow `then`, carried to the flow `now` (1, 2, G, G), box units: what shows the same place
    of the picture, y + now(y) = y' + then(y'), gets the same edit, with y' ≈ y + now(y) − then(y).
    """
    coarse = move(torch.cat([edit.flow, edit.alpha], 1), now - then)
    fine = move(torch.cat([edit.keep, edit.paint], 1), now - then)
    return Edit(flow=coarse[:, :2], alpha=coarse[:, 2:], keep=fine[:, :1], paint=fine[:, 1:])


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the network says of one frame of B streams: the whole, and its close-ups."""

    edit: Edit
    patches: list[Patch]


class Generator(Protocol):
    """Draws one frame for each of several streams; None where the warp alone is to be seen."""

    def refer(self, rig: Rig) -> Reference: ...

    def open(self, reference: Reference) -> State: ...

    def draw(self, states: Sequence[State], rig: Rig, pose: Pose, guidance: Guidance) -> Drawing | None: ...


class GeometryGenerator:
    """The warp alone."""

    def refer(self, rig: Rig) -> Reference:
        return Reference()

    def open(self, reference: Reference) -> State:
        return State(reference)

    def draw(self, states: Sequence[State], rig: Rig, pose: Pose, guidance: Guidance) -> Drawing | None:
        return None


class NetworkGenerator:
    """What torch and ONNX Runtime share: the reference, the frozen noise, the batch of streams."""

    def __init__(self, network: CausalDiT, device: torch.device, steps: int, every: int = 1) -> None:
        """steps: of the sampler. every: the network draws one frame in so many; between, its last edit rides along. Its
        close-ups look at these frames in between, so that no frame waits for both.
        """
        self.network = network.to(device).eval()
        self.config: ModelConfig = network.config
        self.steps = steps
        self.every = every
        side = self.config.side
        noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(NOISE_SEED))
        self.noise = noise.mul(NOISE).to(device)

    def refer(self, rig: Rig) -> Reference:
        focus = Focus.of(rig, self.config.side)
        rest = guide(rig, rest_pose(rig))
        frame = reference_input(focus, guidance_maps(rig, rest), rest.canonical, rest.tokens)
        # One picture fills all reference slots, as in training (training/train.py).
        keys, values = (kept.repeat(1, 1, 1, self.config.references, 1) for kept in self.network.refer(frame))
        return Reference(focus, keys, values, stills(rig.image, rig.face, rig.frame, self.config))

    def draw(self, states: Sequence[State], rig: Rig, pose: Pose, guidance: Guidance) -> Drawing | None:
        maps = guidance_maps(rig, guidance)
        edits = []
        due = [state for state in states if not state.retouches or self.every == 1]
        for i, state in enumerate(states):
            one = slice(i, i + 1)
            if state.drawn is not None and state.rides < self.every - 1:
                state.rides += 1
                edits.append(ride(*state.drawn, maps[one, :2]))
                due.append(state)
                continue
            focus = state.reference.focus
            assert focus is not None
            frame = frame_input(
                focus, maps[one], guidance.canonical[one], guidance.tokens[one], self.noise, self.noise.new_ones(1)
            )
            edits.append(draw_frame(partial(self._step, state), focus, frame, self.steps))
            self._advance(state)
            state.drawn, state.rides = (edits[-1], maps[one, :2]), 0
        edit = Edit(*(torch.cat([getattr(each, name) for each in edits]) for name in Edit.__slots__))
        keep = smoothstep(*DECIDED, edit.keep)
        trusted = Edit(TRUST * edit.flow, keep, edit.paint, TRUST * edit.alpha)
        self._look_closer(states, [i for i, state in enumerate(states) if state in due], rig, pose, guidance)
        windows = [Window.of(view, pose.frame) for view in VIEWS]
        said = [Retouch.stack([state.retouches[k] for state in states]) for k in range(len(VIEWS))]
        return Drawing(trusted, [Patch(*pair) for pair in zip(windows, said, strict=True)])

    def _look_closer(
        self, states: Sequence[State], chosen: list[int], rig: Rig, pose: Pose, guidance: Guidance
    ) -> None:
        """Let the close-ups of the chosen streams look at this frame."""
        if not chosen:
            return
        of = slice(None) if len(chosen) == len(states) else chosen  # a slice copies nothing
        frame = Frame(*(part[of] for part in pose.frame))
        subject = Subject(rig.image[of], guidance.focus_flow[of], rig.focus[of], pose.face[of], frame)
        views = zip(*(states[i].reference.stills for i in chosen), strict=True)
        mouth, eyes = sights(subject, [Still.stack(each) for each in views])
        fresh = patches(mouth, eyes, self._look(mouth, eyes))
        for k, i in enumerate(chosen):
            states[i].retouches = [patch.done.pick(k) for patch in fresh]

    def _look(self, mouth: Sight, eyes: Sight) -> Sequence[Tensor]:
        """The close-ups' six tensors."""
        raise NotImplementedError

    def _step(self, state: State, frame: FrameInput) -> Edit:
        raise NotImplementedError

    def _advance(self, state: State) -> None:
        raise NotImplementedError


class TorchGenerator(NetworkGenerator):
    """The network in torch, on any device."""

    def open(self, reference: Reference) -> State:
        assert reference.keys is not None and reference.values is not None
        cache = Cache(self.config, 1, reference.keys.device)
        cache.pin(reference.keys, reference.values)
        return State(reference, cache)

    def _step(self, state: State, frame: FrameInput) -> Edit:
        assert state.cache is not None
        return self.network.step(frame, state.cache)

    def _advance(self, state: State) -> None:
        assert state.cache is not None
        state.cache.advance()

    def _look(self, mouth: Sight, eyes: Sight) -> Sequence[Tensor]:
        return self.network.closeups(mouth.maps, mouth.marks, eyes.maps, eyes.marks)


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
            return ring_attention(
                query, keys, values, position, live, self.network.rope, config.keyed, config.references
            )

        edit = self.network(frame, attend)
        keys, values = (torch.stack(each) for each in zip(*fresh, strict=True))
        return edit.flow, edit.keep, edit.paint, edit.alpha, keys, values


class OnnxGenerator(NetworkGenerator):
    """The network in ONNX Runtime on the CPU, exported from the loaded weights at start, so the two cannot disagree."""

    def __init__(
        self, network: CausalDiT, device: torch.device, steps: int, every: int = 1, int8: bool = True
    ) -> None:
        super().__init__(network, device, steps, every)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(self._export(int8), options, providers=providers)
        self.closeups = onnxruntime.InferenceSession(self._export_closeups(), options, providers=providers)
        self.names = [entry.name for entry in self.session.get_inputs()]
        config = self.config
        empty = (config.depth, 1, config.heads, config.tokens, config.head_width)
        self.empty = (np.zeros(empty, np.float32), np.zeros(empty, np.float32))

    def open(self, reference: Reference) -> State:
        return State(reference, past=deque(maxlen=self.config.ring))

    def _step(self, state: State, frame: FrameInput) -> Edit:
        reference = state.reference
        assert reference.keys is not None and reference.values is not None
        missing = self.config.ring - len(state.past)
        live = np.ones((1, self.config.slots), bool)
        live[:, self.config.references : self.config.references + missing] = False
        past = [array for pair in [self.empty] * missing + list(state.past) for array in pair]
        arrays = [*(getattr(frame, name).numpy() for name in FrameInput.__slots__), live, reference.keys.numpy()]
        arrays += [reference.values.numpy(), *past]
        *edit, keys, values = self.session.run(None, dict(zip(self.names, arrays, strict=True)))
        state.newest = (keys, values)
        return Edit(*(torch.from_numpy(field) for field in edit))

    def _advance(self, state: State) -> None:
        assert state.newest is not None
        state.past.append(state.newest)

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


def make_generator(
    kind: str, device: torch.device, checkpoint: Path | None = None, steps: int = 1, every: int = 1
) -> Generator:
    """ "geometry", or "dit" on ONNX Runtime (CPU) or torch (elsewhere). Raises GeneratorError with one sentence."""
    if kind == "geometry":
        return GeometryGenerator()
    try:
        network = weights.load(checkpoint or DEFAULT_CHECKPOINT)
    except weights.CheckpointError as error:
        raise GeneratorError(str(error)) from error
    return (OnnxGenerator if device.type == "cpu" else TorchGenerator)(network, device, steps, every)

"""Which generator and which renderer draw on which device."""

from __future__ import annotations

from pathlib import Path

import torch

from models import checkpoint as weights
from models.checkpoint_header import CheckpointError
from streamer.errors import KagamiError
from streamer.generation.eager_frame import EagerFrame
from streamer.generation.generator import Generator, GeometryGenerator
from streamer.generation.onnx_generator import OnnxGenerator
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.recorded_frame import RecordedFrame
from streamer.generation.renderer import Renderer
from streamer.generation.torch_generator import DEFAULT_LANES, TorchGenerator
from streamer.generation.weights_file import shipped_weights
from streamer.options import GeneratorKind, Precision


class GeneratorError(KagamiError):
    """The generator cannot be made on this machine."""


def make_pipeline(
    kind: GeneratorKind = "dit",
    device: str = "cpu",
    size: int = 512,
    checkpoint: Path | None = None,
    steps: int = 1,
    live: bool = False,
    sessions: int = DEFAULT_LANES,
    precision: Precision | None = None,
) -> AvatarPipeline:
    """A pipeline that draws on one device.

    kind: "dit" (the network) or "geometry" (the warp alone).
    device: a torch device name.
    size: longer side of the drawn frames in pixels.
    checkpoint: weights of the network; None for the device's own, see `shipped_weights`.
    steps: of the network's sampler, per frame.
    live: no frame waits for the transformer, see `OnnxGenerator`; without effect elsewhere.
    sessions: number of streams that may be open at once, where torch draws, see `TorchGenerator`.
    precision: of the network where torch draws; None for the device's best.

    Raises GeneratorError with one sentence if the checkpoint cannot be used.
    """
    target = torch.device(device)
    generator = make_generator(kind, target, checkpoint, steps, live, sessions, precision)
    return AvatarPipeline(make_renderer(generator, target), size)


def make_renderer(generator: Generator, device: torch.device) -> Renderer:
    """`RecordedFrame` where the generator has a recorder (the network on CUDA), else `EagerFrame`."""
    if isinstance(generator, TorchGenerator) and generator.recorder is not None:
        return RecordedFrame(generator, generator.recorder)
    return EagerFrame(generator, device)


def make_generator(
    kind: GeneratorKind,
    device: torch.device,
    checkpoint: Path | None = None,
    steps: int = 1,
    live: bool = False,
    sessions: int = DEFAULT_LANES,
    precision: Precision | None = None,
) -> Generator:
    """The warp alone, or the network on ONNX Runtime (CPU) or torch (elsewhere). Arguments and errors as
    `make_pipeline`.
    """
    if kind == "geometry":
        return GeometryGenerator()
    try:
        network = weights.load(checkpoint or shipped_weights(device.type))
    except CheckpointError as error:
        raise GeneratorError(str(error)) from error
    if device.type == "cpu":
        return OnnxGenerator(network, device, steps, live)
    return TorchGenerator(network, device, steps, sessions, precision)

"""A frame in five stages, one after the other: retarget, guide, generate, compose, convert to bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from kernels.pixels import to_bytes
from models.compositor import compose, drawn_maps, pack_textures
from models.geometry.guidance import Guidance, make_guidance
from models.geometry.retarget import Pose, rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.views import View
from streamer.generation.background import stack_backgrounds
from streamer.generation.controls import Controls
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.generator import Generator, Prediction, Reference, State
from streamer.generation.recorded_function import RecordedFunction
from streamer.generation.renderer import FrameBatch, Planes
from streamer.generation.view import frame_bounds
from streamer.runtime.stopwatch import Stopwatch
from streamer.tracking.motion import Motion

COLOURS, ALPHA = slice(3), slice(3, 4)  # channels of composed frames


class EagerFrame:
    """Renders with any generator; each stage is launched on its own and measured under its own name.

    On a CPU a first frame of each picture is drawn when it is prepared, with an edit that changes nothing: what only
    its own frames need, as limbs or an open mouth do, is recorded then, and compiled where this machine has not needed
    it before; textures get the form in which they are sampled.
    """

    def __init__(self, generator: Generator, device: torch.device) -> None:
        self.device = device
        self._generator = generator
        self._stack: tuple[list[Rig], Rig] | None = None
        self._retarget = RecordedFunction(retarget_batch)
        self._guide = RecordedFunction(make_guidance)
        self._maps = RecordedFunction(drawn_maps)

    @property
    def batches(self) -> bool:
        return self.device.type != "cpu"  # on a CPU a batch would only copy the pictures

    def encode_reference(self, rig: Rig, views: Sequence[View] = ()) -> Reference:
        reference = self._generator.encode_reference(rig, views)
        if not self.batches:
            self._rehearse(reference, rig)
        return reference

    def _rehearse(self, reference: Reference, rig: Rig) -> None:
        """Draw a picture's first frame in each form that the generator gives it, where it changes nothing."""
        pack_textures(rig)
        pose = self._retarget((rig,), still_batch(rig))
        guidance = self._guide((rig,), pose)
        for prediction in self._generator.at_rest(reference, rig, pose, guidance):
            self._compose(rig, guidance, prediction)

    def open(self, reference: Reference) -> State:
        return self._generator.open(reference)

    def put(self, state: State, rig: Rig) -> None:
        """Nothing to store: the batch brings its rigs."""

    def record(self, rig: Rig, drivers: DriverBatch) -> None:
        """Record the generator's own graphs, if it has any."""
        pose = rest_pose(rig)
        self._generator.warm_up(rig, pose, make_guidance(rig, pose))

    def draw(self, batch: FrameBatch, stopwatch: Stopwatch) -> Planes:
        """Laps "retarget", "guide", "generate" and "compose", which includes the conversion to bytes."""
        rig, drivers = self._stacked(batch.rigs), batch.drivers
        pose = self._retarget((rig,), drivers)
        stopwatch.lap("retarget")
        guidance = self._guide((rig,), pose)
        stopwatch.lap("guide")
        prediction = self._generator.predict(batch.states, rig, pose, guidance)
        stopwatch.lap("generate")
        canvas = rig if _same(batch.canvases, batch.rigs) else _together(batch.canvases)
        frames = self._compose(canvas, guidance, prediction, stack_backgrounds(canvas, batch.backgrounds))
        planes = tuple(to_bytes(frames[:, part]) for part in ((COLOURS, ALPHA) if batch.alpha else (COLOURS,)))
        stopwatch.lap("compose")
        return planes

    def _compose(
        self, canvas: Rig, guidance: Guidance, prediction: Prediction | None, backgrounds: Tensor | None = None
    ) -> Tensor:
        edit, patches = (None, ()) if prediction is None else (prediction.edit, prediction.patches)
        return compose(canvas, guidance, edit, backgrounds, patches, partial(self._maps, ()))

    def _stacked(self, rigs: Sequence[Rig]) -> Rig:
        """The rigs as one batch, kept while the same pictures are live. For the thread that draws."""
        if self._stack is None or not _same(self._stack[0], rigs):
            self._stack = (list(rigs), _together(rigs))
        return self._stack[1]


def retarget_batch(rig: Rig, drivers: DriverBatch) -> Pose:
    """`retarget` for a whole batch."""
    return retarget(rig, drivers.current, drivers.neutral, drivers.strength, drivers.bounds, drivers.offsets)


def still_batch(rig: Rig) -> DriverBatch:
    """Drivers as the pipeline makes them, who are as the picture shows its character."""
    still, controls, device = Motion.still(rig.face[0].numpy(), rig.body[0].numpy()), [Controls()], rig.face.device
    return DriverBatch.of([still], [still], controls, device, frame_bounds([None], controls, device))


def _together(rigs: Sequence[Rig]) -> Rig:
    """The rigs as one batch; a single one is not copied."""
    return rigs[0] if len(rigs) == 1 else Rig.stack(list(rigs))


def _same(a: Sequence[Rig], b: Sequence[Rig]) -> bool:
    """Whether both hold the same objects in the same order."""
    return len(a) == len(b) and all(one is other for one, other in zip(a, b, strict=True))

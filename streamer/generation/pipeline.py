"""The one path from a driver's motion to the character's picture.

The live engine, `animate` and the benchmarks all draw through `AvatarPipeline`, which owns the device and holds no
session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from kernels.pixels import to_bytes
from models.compositor import compose
from models.geometry.guidance import Guidance, make_guidance
from models.geometry.retarget import Pose, Strength, rest_pose, retarget
from models.geometry.rig import Rig
from models.motion import Driver
from streamer.errors import DeviceMemoryError
from streamer.frames import AvatarFrame
from streamer.generation.background import backdrop, instead
from streamer.generation.driver_batch import to_driver
from streamer.generation.factory import SESSIONS, make_generator
from streamer.generation.generator import Drawing, Generator, Reference, State
from streamer.generation.recorded_frame import Tick
from streamer.generation.torch_generator import TorchGenerator, TorchState
from streamer.generation.transfer import Download, beside, hand_over, upload
from streamer.options import Background, GeneratorKind, Precision
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points
from streamer.rigging.rigger import make_rig
from streamer.runtime.stopwatch import Stopwatch
from streamer.tracking.motion import Motion

Planes = tuple[torch.Tensor, ...]  # colours (B, S, S, 3), perhaps also alphas (B, S, S, 1), uint8


@dataclass(frozen=True, slots=True)
class Controls:
    """What a person sets while live. Strengths: 0..2, 1 = as the driver does; light: of the shading that goes with it.
    teeth: draw what the driver's open mouth shows. colour: RGB 0..255 for `background="colour"`.
    """

    head: float = 1.0
    face: float = 1.0
    body: float = 1.0
    light: float = 1.0
    teeth: bool = True
    mirror: bool = True
    background: Background = "original"
    colour: tuple[int, int, int] = (0, 177, 64)


@dataclass(eq=False, slots=True)
class Avatar:
    """A prepared picture: its rig, its pinned reference, and the size of what comes out."""

    rig: Rig
    reference: Reference
    width: int
    height: int
    notes: list[str] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Stream:
    """One session's state on the device. behind: the background it chose, and what it chose it by."""

    avatar: Avatar
    state: State
    behind: tuple[tuple[Avatar, Background, tuple[int, int, int]], torch.Tensor | None] | None = None

    def background(self, controls: Controls) -> torch.Tensor | None:
        """(1, 3, S, S) instead of the picture's own, or None; made once for each choice."""
        chosen = (self.avatar, controls.background, controls.colour)
        if self.behind is None or self.behind[0] != chosen:
            self.behind = (chosen, backdrop(self.avatar.rig, controls))
        return self.behind[1]


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """One frame to draw: whose, after which motion, relative to which neutral."""

    stream: Stream
    motion: Motion
    neutral: Motion
    controls: Controls = Controls()


def seen(motion: Motion, controls: Controls) -> Motion:
    """The motion as the character takes it over: like a mirror, or side by side."""
    return motion.mirrored() if controls.mirror else motion


class AvatarPipeline:
    """Draws characters on one device.

    generator: "dit" (the network) or "geometry" (the warp alone). device: a torch device name. size: longer side of the
    output in pixels. steps: of the network's sampler. live: no frame waits for the transformer, see `OnnxGenerator`.
    sessions: as many streams may be open at once; precision: of the network, None = the device's best; where torch
    draws, see `TorchGenerator`. On CUDA with the network `warm_up` records whole ticks, see `Tick`.
    Raises KagamiError from the loaders when the checkpoint or the device cannot be used.
    """

    def __init__(
        self,
        generator: GeneratorKind = "dit",
        device: str = "cpu",
        size: int = 512,
        checkpoint: Path | None = None,
        steps: int = 1,
        live: bool = False,
        sessions: int = SESSIONS,
        precision: Precision | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.size = size
        self._generator: Generator = make_generator(
            generator, self.device, checkpoint, steps, live, sessions, precision
        )
        self._tick: Tick | None = None
        if isinstance(self._generator, TorchGenerator) and self._generator.recorder is not None:
            self._tick = Tick(self._generator, self._generator.recorder)
        self._stack: tuple[list[Avatar], Rig] | None = None

    def prepare(self, picture: Picture, points: Points | None = None) -> Avatar:
        """Rig a picture and compute its pinned reference: about a second; safe beside a running `draw`."""
        with beside(self.device):
            made = make_rig(picture, self.size, points, self.device)
            with torch.inference_mode():
                reference = self._generator.refer(made.rig)
        rig, reference = hand_over((made.rig, reference), self.device)
        return Avatar(rig, reference, made.width, made.height, made.notes)

    def open(self, avatar: Avatar) -> Stream:
        """Start a session on a prepared picture. Raises DeviceMemoryError where the device has no room for it."""
        return Stream(avatar, self._seat(avatar))

    def swap(self, stream: Stream, avatar: Avatar) -> None:
        """Continue a session with another picture from its next frame on."""
        self.close(stream)
        stream.avatar = avatar
        stream.state = self._seat(avatar)

    def reset(self, stream: Stream) -> None:
        """Forget the session's past frames."""
        self.swap(stream, stream.avatar)

    def close(self, stream: Stream) -> None:
        """End a session: its place on the device is free. For the thread that draws; may be called again."""
        stream.state.close()

    def _seat(self, avatar: Avatar) -> State:
        """A new stream's place on the device, with all that it needs of the picture."""
        state = self._generator.open(avatar.reference)
        if self._tick is not None:
            assert isinstance(state, TorchState)
            try:
                self._tick.put(state, avatar.rig)
            except torch.OutOfMemoryError as error:
                state.close()
                raise DeviceMemoryError from error
        return state

    @torch.inference_mode()
    def warm_up(self, avatar: Avatar) -> None:
        """Draw a few frames of the picture's own pose so that the first live frame is as fast as the hundredth."""
        still = Motion.still(avatar.rig.face[0].cpu().numpy(), avatar.rig.body[0].cpu().numpy())
        stream = self.open(avatar)
        for _ in range(2):
            self.draw([FrameRequest(stream, still, still)])
        if self._tick is not None and not self._tick.record(to_driver([still], self.device)):
            self._tick = None
        if self._tick is None:
            pose = rest_pose(avatar.rig)
            self._generator.warm_up(avatar.rig, pose, make_guidance(avatar.rig, pose))
        self.close(stream)

    @torch.inference_mode()
    def draw(self, requests: list[FrameRequest]) -> list[AvatarFrame]:
        """Draw one frame for each request, as one batch. Mutates the streams' states.

        The returned frames carry `stages`: milliseconds of retarget, guide, generate, compose, for the whole batch
        where the device takes it as one; of the four together, as `tick`, where they are replayed as one.
        """
        if self._tick is None and self.device.type == "cpu" and len(requests) > 1:  # a batch would only copy pictures
            return [frame for request in requests for frame in self.draw([request])]
        clock = Stopwatch(self.device)
        planes = self._replayed(requests)
        if planes is None:
            planes = self._drawn(requests, clock)
        else:
            clock.lap("tick")
        coming = [Download(plane) for plane in planes[: 1 + _clear(requests)]]
        pictures, stages = [plane.numpy() for plane in coming], clock.read()
        return [self._frame([plane[i] for plane in pictures], request, stages) for i, request in enumerate(requests)]

    def _replayed(self, requests: list[FrameRequest]) -> Planes | None:
        """What the recording of a tick draws; None where there is none of this size."""
        if self._tick is None or len(requests) > self._tick.largest:
            return None
        states = [request.stream.state for request in requests if isinstance(request.stream.state, TorchState)]
        return self._tick.draw(states, *self._driven(requests), self._backgrounds(requests))

    def _drawn(self, requests: list[FrameRequest], clock: Stopwatch) -> Planes:
        """The same, stage by stage."""
        rig = self._stacked([request.stream.avatar for request in requests])
        pose = self._pose(rig, requests)
        clock.lap("retarget")
        guidance = make_guidance(rig, pose)
        clock.lap("guide")
        drawing = self._generator.draw([request.stream.state for request in requests], rig, pose, guidance)
        clock.lap("generate")
        planes = self._composed(rig, guidance, drawing, requests)
        clock.lap("compose")
        return planes

    def _stacked(self, avatars: list[Avatar]) -> Rig:
        """The avatars' rigs as one batch, kept while the same sessions are live."""
        if len(avatars) == 1:
            return avatars[0].rig
        if self._stack is None or self._stack[0] != avatars:  # avatars are equal only to themselves
            self._stack = (avatars, Rig.stack([avatar.rig for avatar in avatars]))
        return self._stack[1]

    def _pose(self, rig: Rig, requests: list[FrameRequest]) -> Pose:
        return retarget(rig, *self._driven(requests))

    def _driven(self, requests: list[FrameRequest]) -> tuple[Driver, Driver, Strength]:
        """Drivers now and in their neutrals, and how far they are followed."""

        def column(values: list[float]) -> torch.Tensor:
            return upload(torch.tensor(values), self.device)

        strength = Strength(
            head=column([request.controls.head for request in requests]),
            face=column([request.controls.face for request in requests]),
            body=column([request.controls.body for request in requests]),
            light=column([request.controls.light for request in requests]),
            teeth=column([float(request.controls.teeth) for request in requests]),
        )
        driver = to_driver([seen(request.motion, request.controls) for request in requests], self.device)
        neutral = to_driver([seen(request.neutral, request.controls) for request in requests], self.device)
        return driver, neutral, strength

    def _backgrounds(self, requests: list[FrameRequest]) -> list[torch.Tensor | None]:
        return [request.stream.background(request.controls) for request in requests]

    def _composed(self, rig: Rig, guidance: Guidance, drawing: Drawing | None, requests: list[FrameRequest]) -> Planes:
        edit, patches = (drawing.edit, drawing.patches) if drawing is not None else (None, ())
        frames = compose(rig, guidance, edit, instead(rig, self._backgrounds(requests)), patches)
        return tuple(to_bytes(frames[:, part]) for part in (slice(3), slice(3, 4))[: 1 + _clear(requests)])

    def _frame(self, planes: list[np.ndarray], request: FrameRequest, stages: dict[str, float]) -> AvatarFrame:
        """Cut the picture's own framing out of its square canvas; colours, then perhaps alpha (S, S, ·)."""
        avatar = request.stream.avatar
        side = planes[0].shape[0]
        top, left = (side - avatar.height) // 2, (side - avatar.width) // 2
        rgb, *alpha = (plane[top : top + avatar.height, left : left + avatar.width] for plane in planes)
        clear = request.controls.background == "transparent"
        return AvatarFrame(
            rgb=np.ascontiguousarray(rgb),
            alpha=np.ascontiguousarray(alpha[0][..., 0]) if clear else None,
            captured=request.motion.captured,
            stages=dict(stages),
        )


def _clear(requests: list[FrameRequest]) -> bool:
    """Whether anybody wants alphas."""
    return any(request.controls.background == "transparent" for request in requests)

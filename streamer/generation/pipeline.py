"""The one path from a driver's motion to the character's picture.

The live engine, `animate` and the benchmarks all draw through `AvatarPipeline`, which owns the device and holds no
session.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from streamer.errors import DeviceMemoryError, KagamiError
from streamer.frames import AvatarFrame
from streamer.generation.avatar import Avatar, Scene, shown_body
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.generator import State
from streamer.generation.renderer import FrameBatch, Renderer
from streamer.generation.scene import over_background, over_plate
from streamer.generation.stream import FrameRequest, Stream
from streamer.generation.transfer import Download, share_with_main_stream, side_stream
from streamer.generation.view import cut_frame, frame_bounds
from streamer.options import EVERY_PERSON, LARGEST_PERSON
from streamer.rigging.framing import Framing, output_size
from streamer.rigging.likeness import Appearance
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points
from streamer.rigging.rigger import Character, build_rig, find_character
from streamer.rigging.scene import FoundScene, find_scene
from streamer.rigging.views import find_view, find_views
from streamer.runtime.stopwatch import Stopwatch
from streamer.tracking.motion import Motion
from streamer.tracking.shown_body import ShownBody


class SceneError(KagamiError):
    """A picture of several characters came with what one character alone can have."""

    code = "scene"

    def __init__(self) -> None:
        super().__init__(
            "All people of a picture are animated from that picture alone: leave out points and further pictures, or "
            "choose one person."
        )


class AvatarPipeline:
    """Prepares pictures and draws them in motion, on the renderer's device. Made by `factory.make_pipeline`.

    size: longer side of the drawn frames in pixels. clock: by which stages are measured on a CPU, seconds.
    """

    clock: Callable[[], float] = staticmethod(time.perf_counter)

    def __init__(self, renderer: Renderer, size: int = 512) -> None:
        self.renderer = renderer
        self.device = renderer.device
        self.size = size

    def prepare(
        self,
        picture: Picture,
        points: Points | None = None,
        framing: Framing | None = None,
        views: Sequence[Picture | Character] = (),
        person: str = LARGEST_PERSON,
    ) -> Avatar:
        """Find the character in a picture and build it, in about a second, and one more for each further view.

        views: up to three further pictures of the character, or what was found in them before. person: EVERY_PERSON
        animates all people of the picture, which then has neither points nor views. Other arguments and errors as
        `find_character`, `find_scene` and `find_view`.
        """
        if person == EVERY_PERSON:
            if points is not None or views:
                raise SceneError
            return self.build_scene(find_scene(picture, self.size, framing))
        first = find_character(picture, self.size, points, framing, person)
        return self.build(find_views(first, views, self.size))

    def add_view(self, picture: Picture, known: Sequence[Character]) -> Avatar:
        """Find a character in one more picture and build it. known: its pictures so far. Errors as `find_view`."""
        return self.build([*known, find_view(picture, self.size, [Appearance.of(each) for each in known])])

    def build(self, characters: Sequence[Character]) -> Avatar:
        """Rig a character from what was found in its pictures, of which the first is drawn, and encode its reference.
        May run in another thread beside `draw`.
        """
        first, *further = characters
        with side_stream(self.device):
            made = build_rig(first, self.device, further)
            with torch.inference_mode():
                reference = self.renderer.encode_reference(made.rig, made.views)
        rig, reference = share_with_main_stream((made.rig, reference), self.device)
        width, height = output_size(made.layout.framing, made.layout.rect, self.size)
        return Avatar(
            rig, reference, width, height, made.notes, made.layout, first.picture, first.points, tuple(characters),
            shown_body(rig), people=first.people, person=first.person,
        )  # fmt: skip

    def build_scene(self, found: FoundScene) -> Avatar:
        """Build each character of a picture with several people, as `build` does for one."""
        avatars = tuple(self.build([character]) for character in found.characters)
        if len(avatars) == 1:
            return avatars[0]
        shown = ShownBody(any(one.shown_body.limbs for one in avatars), any(one.shown_body.hands for one in avatars))
        notes = [note for one in avatars for note in one.notes]
        scene = Scene(avatars, found.order)
        return replace(avatars[0], notes=notes, shown_body=shown, scene=scene)

    def open(self, avatar: Avatar) -> Stream:
        """Start a session on a prepared picture. Raises DeviceMemoryError if the device has no memory for it."""
        parts = self._open_parts(avatar)
        return Stream(avatar, parts[0].state if parts else self._open_state(avatar), parts)

    def swap(self, stream: Stream, avatar: Avatar) -> None:
        """Continue a session with another picture from its next frame on; past frames are dropped.

        Raises DeviceMemoryError.
        """
        self.close(stream)
        stream.avatar = avatar
        stream.parts = self._open_parts(avatar)
        stream.state = stream.parts[0].state if stream.parts else self._open_state(avatar)

    def close(self, stream: Stream) -> None:
        """End a session and free its memory on the device. Idempotent; only for the thread that draws."""
        for each in (stream, *stream.parts):
            each.state.close()

    def _open_parts(self, avatar: Avatar) -> tuple[Stream, ...]:
        """A stream for each character of a scene, all or none of them; none for a single character."""
        parts: list[Stream] = []
        try:
            for one in () if avatar.scene is None else avatar.scene.avatars:
                parts.append(Stream(one, self._open_state(one)))
        except DeviceMemoryError:
            for part in parts:
                part.state.close()
            raise
        return tuple(parts)

    def _open_state(self, avatar: Avatar) -> State:
        state = self.renderer.open(avatar.reference)
        try:
            self.renderer.put(state, avatar.rig)
        except torch.OutOfMemoryError as error:
            state.close()
            raise DeviceMemoryError from error
        return state

    @torch.inference_mode()
    def warm_up(self, avatar: Avatar) -> None:
        """Draw the picture's own pose twice and record, so that the first live frame is as fast as the hundredth."""
        still = Motion.still(avatar.rig.face[0].cpu().numpy(), avatar.rig.body[0].cpu().numpy())
        stream = self.open(avatar)
        request = FrameRequest(stream, still, still)
        for _ in range(2):
            self.draw([request])
        self.renderer.record(avatar.rig, self.batch([request]).drivers)
        self.close(stream)

    @torch.inference_mode()
    def draw(self, requests: list[FrameRequest]) -> list[AvatarFrame]:
        """Draw one frame for each request, as one batch where that is faster. Mutates the streams' states.

        The returned frames carry `stages`, the milliseconds of the whole batch: "retarget", "guide", "generate" and
        "compose" of an eager frame, "tick" of a recorded one.
        """
        if any(request.stream.parts for request in requests):
            return self._draw_scenes(requests)
        if len(requests) > 1 and not self.renderer.batches:
            return [frame for request in requests for frame in self.draw([request])]
        stopwatch = Stopwatch(self.device, self.clock)
        batch = self.batch(requests)
        planes = self.renderer.draw(batch, stopwatch)
        downloads = [Download(plane) for plane in planes[: 2 if batch.alpha else 1]]
        pictures, stages = [download.numpy() for download in downloads], stopwatch.read()
        return [_frame([plane[i] for plane in pictures], request, stages) for i, request in enumerate(requests)]

    def _draw_scenes(self, requests: list[FrameRequest]) -> list[AvatarFrame]:
        """`draw` where some of the requests are for scenes: all characters of all sessions are one batch."""
        each = [request.of_each_character() if request.stream.parts else [request] for request in requests]
        frames = iter(self.draw([one for group in each for one in group]))
        groups = [[next(frames) for _ in group] for group in each]
        return [
            _composed(request, group, self.renderer.batches) if request.stream.parts else group[0]
            for request, group in zip(requests, groups, strict=True)
        ]

    def batch(self, requests: list[FrameRequest]) -> FrameBatch:
        """The requests as the renderer takes them: motions and strengths on the device, backgrounds made."""
        motions, neutrals = [one.motion for one in requests], [one.neutral for one in requests]
        controls = [one.controls for one in requests]
        bounds = frame_bounds([one.stream.avatar.layout for one in requests], controls, self.device)
        return FrameBatch(
            states=[one.stream.state for one in requests],
            rigs=[one.stream.avatar.rig for one in requests],
            canvases=[one.stream.canvas for one in requests],
            drivers=DriverBatch.of(motions, neutrals, controls, self.device, bounds),
            backgrounds=[one.stream.background(one.controls, one.backdrop, one.motion.captured) for one in requests],
            alpha=any(one.transparent for one in requests),
        )


def _composed(request: FrameRequest, frames: Sequence[AvatarFrame], batched: bool) -> AvatarFrame:
    """One frame of a scene from those of its characters, from left to right. batched: they were drawn at once, so that
    each carries the milliseconds of all.
    """
    scene = request.stream.avatar.scene
    assert scene is not None
    began = time.perf_counter()
    ordered = [frames[index] for index in scene.order]
    behind, alpha = request.stream.behind(request.controls, request.backdrop, request.motion.captured), None
    if request.controls.background == "original":
        rgb = over_plate(ordered, behind)
    else:
        rgb, alpha = over_background(ordered, behind)
    stages = dict(frames[0].stages)
    if not batched:
        stages = {name: sum(frame.stages.get(name, 0.0) for frame in frames) for name in stages}
    stages["scene"] = (time.perf_counter() - began) * 1000
    return AvatarFrame(rgb, request.motion.captured, alpha if request.transparent else None, stages)


def _frame(planes: list[np.ndarray], request: FrameRequest, stages: dict[str, float]) -> AvatarFrame:
    """Cut the frame from its square canvas. planes: colours (S, S, 3), perhaps alphas (S, S, 1)."""
    avatar = request.stream.avatar
    if avatar.layout is None:
        side = planes[0].shape[0]
        top, left = (side - avatar.height) // 2, (side - avatar.width) // 2
        cut = [np.ascontiguousarray(plane[top : top + avatar.height, left : left + avatar.width]) for plane in planes]
    else:
        cut = cut_frame(planes, avatar.layout, request.controls.framing, avatar.rig.size)
    return AvatarFrame(
        rgb=cut[0],
        alpha=cut[1][..., 0] if request.transparent else None,
        captured=request.motion.captured,
        stages=dict(stages),
    )

"""The one path from a driver's motion to the character's picture.

The live engine, `animate` and the benchmarks all draw through `AvatarPipeline`, which owns the device and holds no
session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from models.geometry.body import LEFT_WRIST, RIGHT_WRIST
from models.geometry.limb_curve import FOREARM_PIECES, SECOND_JOINTS
from models.geometry.rig import Rig
from streamer.errors import DeviceMemoryError
from streamer.frames import AvatarFrame
from streamer.generation.background import background_of
from streamer.generation.controls import Controls
from streamer.generation.driver_batch import DriverBatch
from streamer.generation.generator import Reference, State
from streamer.generation.renderer import FrameBatch, Renderer
from streamer.generation.transfer import Download, share_with_main_stream, side_stream
from streamer.generation.view import cut_frame, frame_bounds
from streamer.options import LARGEST_PERSON, Background
from streamer.rigging.body_points import Position
from streamer.rigging.framing import Framing, Layout, output_size
from streamer.rigging.likeness import Appearance
from streamer.rigging.picture import Picture
from streamer.rigging.point_guesses import points_found
from streamer.rigging.points import Points
from streamer.rigging.rigger import Character, build_rig, find_character
from streamer.rigging.views import find_view, find_views
from streamer.runtime.stopwatch import Stopwatch
from streamer.tracking.motion import MIN_VISIBILITY, Motion
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody


@dataclass(eq=False, slots=True)
class Avatar:
    """A prepared character.

    rig: of this character alone, on the device. reference: the network's memory of it. width, height: of the drawn
    frame in pixels. notes: sentences for the person who chose the picture. layout: of the picture on its canvas; None:
    the frame is the middle of the canvas. picture, points: what it was prepared from, for another framing. characters:
    what was found in all its pictures, the drawn one first, so that it can be built with one more or one less.
    shown_body: what of a body the picture shows, for the driver's tracker.
    """

    rig: Rig
    reference: Reference
    width: int
    height: int
    notes: list[str] = field(default_factory=list)
    layout: Layout | None = None
    picture: Picture | None = None
    points: Points | None = None
    characters: tuple[Character, ...] = ()
    shown_body: ShownBody = WHOLE_BODY

    @property
    def views(self) -> list[str]:
        """The names of its further pictures."""
        return [view.picture.name for view in self.characters[1:]]

    def point_places(self) -> dict[str, Position]:
        """Where the points of its picture were found or placed, see `points_found`."""
        return points_found(self.characters[0])

    def is_framed(self, framing: Framing) -> bool:
        """Whether it was prepared for this framing, or can be for no other."""
        return self.layout is None or self.layout.framing == framing


@dataclass(eq=False, slots=True)
class Stream:
    """One session's state on the device."""

    avatar: Avatar
    state: State
    _background: tuple[tuple[Avatar, Background, tuple[int, int, int]], torch.Tensor | None] | None = None

    def background(self, controls: Controls) -> torch.Tensor | None:
        """The chosen background (1, 3, S, S), None for the picture's own; made once for each choice."""
        choice = (self.avatar, controls.background, controls.colour)
        if self._background is None or self._background[0] != choice:
            self._background = (choice, background_of(self.avatar.rig, controls))
        return self._background[1]


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """One frame to draw: of which stream, after which motion, relative to which neutral."""

    stream: Stream
    motion: Motion
    neutral: Motion
    controls: Controls = field(default_factory=Controls)


class AvatarPipeline:
    """Prepares pictures and draws them in motion, on the renderer's device. Made by `factory.make_pipeline`.

    size: longer side of the drawn frames in pixels.
    """

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

        views: up to three further pictures of the character, or what was found in them before. Other arguments and
        errors as `find_character` and `find_view`.
        """
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
            shown_body(rig),
        )  # fmt: skip

    def open(self, avatar: Avatar) -> Stream:
        """Start a session on a prepared picture. Raises DeviceMemoryError if the device has no memory for it."""
        return Stream(avatar, self._open_state(avatar))

    def swap(self, stream: Stream, avatar: Avatar) -> None:
        """Continue a session with another picture from its next frame on; past frames are dropped.

        Raises DeviceMemoryError.
        """
        self.close(stream)
        stream.avatar = avatar
        stream.state = self._open_state(avatar)

    def close(self, stream: Stream) -> None:
        """End a session and free its memory on the device. Idempotent; only for the thread that draws."""
        stream.state.close()

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
        if len(requests) > 1 and not self.renderer.batches:
            return [frame for request in requests for frame in self.draw([request])]
        stopwatch = Stopwatch(self.device)
        batch = self.batch(requests)
        planes = self.renderer.draw(batch, stopwatch)
        downloads = [Download(plane) for plane in planes[: 2 if batch.alpha else 1]]
        pictures, stages = [download.numpy() for download in downloads], stopwatch.read()
        return [_frame([plane[i] for plane in pictures], request, stages) for i, request in enumerate(requests)]

    def batch(self, requests: list[FrameRequest]) -> FrameBatch:
        """The requests as the renderer takes them: motions and strengths on the device, backgrounds made."""
        motions, neutrals = [one.motion for one in requests], [one.neutral for one in requests]
        controls = [one.controls for one in requests]
        bounds = frame_bounds([one.stream.avatar.layout for one in requests], controls, self.device)
        return FrameBatch(
            states=[one.stream.state for one in requests],
            rigs=[one.stream.avatar.rig for one in requests],
            drivers=DriverBatch.of(motions, neutrals, controls, self.device, bounds),
            backgrounds=[one.stream.background(one.controls) for one in requests],
            alpha=any(_transparent(one) for one in controls),
        )


def shown_body(rig: Rig) -> ShownBody:
    """What of a body a rig of one picture shows: limbs that are layers, or joints that move the sheet of the body."""
    pieces = rig.limbs.shown[0].cpu() > 0.5
    place, visibility = rig.body[0].cpu().split([3, 1], -1)
    seen = (visibility[:, 0] > MIN_VISIBILITY) & (place[:, :2].abs() <= 1).all(-1)
    hands = bool(pieces[list(FOREARM_PIECES)].any() or seen[[LEFT_WRIST, RIGHT_WRIST]].any())
    limbs = bool(pieces.any() or seen[list(SECOND_JOINTS)].any())
    return ShownBody(limbs or hands, hands)


def _transparent(controls: Controls) -> bool:
    return controls.background == "transparent"


def _frame(planes: list[np.ndarray], request: FrameRequest, stages: dict[str, float]) -> AvatarFrame:
    """Cut the frame from its square canvas. planes: colours (S, S, 3), perhaps alphas (S, S, 1)."""
    avatar = request.stream.avatar
    if avatar.layout is None:
        side = planes[0].shape[0]
        top, left = (side - avatar.height) // 2, (side - avatar.width) // 2
        cut = [np.ascontiguousarray(plane[top : top + avatar.height, left : left + avatar.width]) for plane in planes]
    else:
        cut = cut_frame(planes, avatar.layout, request.controls.framing)
    return AvatarFrame(
        rgb=cut[0],
        alpha=cut[1][..., 0] if _transparent(request.controls) else None,
        captured=request.motion.captured,
        stages=dict(stages),
    )

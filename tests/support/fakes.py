"""Fakes in place of the slow parts: a pipeline that paints plain colours, a tracker that measures brightness."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from streamer.effort import FULL, Effort
from streamer.errors import OutputError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.preview import as_webp, render_preview
from streamer.generation.stream import FrameRequest
from streamer.options import MAX_PICTURES
from streamer.rigging.body_points import BODY_POINT_NAMES
from streamer.rigging.canvas import Rect
from streamer.rigging.framing import Circle, Framing, Layout, frame_rect, output_size
from streamer.rigging.picture import Picture, original_size
from streamer.rigging.picture_process import PictureProcess
from streamer.rigging.point_guesses import guess_points
from streamer.rigging.points import POINT_LANDMARKS, Points
from streamer.rigging.rigger import NoFaceError
from streamer.rigging.views import TooManyViewsError, ViewError
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody
from streamer.tracking.tracker import Handover, TrackedMotion, Wanted

HEAD = Circle(256.0, 200.0, 80.0)  # of every picture
FACELESS = (250, 250, 0)  # colour of the pictures in which `FakePipeline` finds no face


@dataclass(eq=False)
class FakeAvatar:
    """An avatar of `FakePipeline`: the mean colour of a picture."""

    width: int = 512
    height: int = 512
    colour: tuple[int, int, int] = (200, 120, 40)
    notes: list[str] = field(default_factory=list)
    framing: Framing = field(default_factory=Framing)
    picture: Picture | None = None
    points: Points | None = None
    characters: tuple[FakeCharacter, ...] = ()
    shown_body: ShownBody = WHOLE_BODY

    cast_size: int = 1
    scene: None = None
    people: int = 1
    person: str = "largest"

    @property
    def layout(self) -> Layout | None:
        return self.characters[0].layout if self.characters else None

    @property
    def heads(self) -> list[tuple[float, float, float, float]]:
        return [(0.1 + 0.4 * number, 0.1, 0.3, 0.4) for number in range(self.people)]

    @property
    def chosen(self) -> int | None:
        return {"all": None, "largest": 0, "left": 0, "right": self.people - 1}.get(
            self.person, int(self.person) - 1 if self.person.isdigit() else None
        )

    @property
    def cast(self) -> tuple[FakeAvatar, ...]:
        return (self,) * self.cast_size

    @property
    def views(self) -> list[str]:
        return [view.picture.name for view in self.characters[1:]]

    def point_places(self) -> dict[str, tuple[float, float]]:
        assert self.picture is not None
        return fake_guesses(self.picture)

    def is_framed(self, framing: Framing) -> bool:
        return self.picture is None or self.framing == framing


@dataclass(frozen=True)
class FakeCharacter:
    """What `FakePipeline` finds in a picture: nothing more than a head, in its upper left part."""

    picture: Picture
    framing: Framing = field(default_factory=Framing)
    points: Points | None = None

    @property
    def shown(self) -> Picture:
        return self.picture

    @property
    def upright(self) -> Picture:
        return self.picture

    @property
    def layout(self) -> Layout:
        height, width = self.picture.rgba.shape[:2]
        head = Circle(0.4 * width, 0.3 * width, 0.2 * width)
        return Layout(width, height, head, self.framing, Rect(0.0, 0.0, width, height), (0.0, 0.0, 0.0, 1.0))


@dataclass(eq=False)
class FakeStream:
    avatar: FakeAvatar
    drawn: int = 0
    effort: Effort = FULL

    def set_effort(self, effort: Effort) -> None:
        self.effort = effort


class FakePipeline:
    """Paints the avatar's colour and, in the left half, the motion's `hands[0, 0, 0]` (0..1) as grey.

    delay: seconds per batch. prepare_delay: seconds per picture. fail_on: a colour whose frames cannot be drawn.
    no_memory_on: a colour for whose stream the device has no memory. max_batch: largest batch that fits into memory.
    Records its batches, threads and closed streams; asserts that one thread draws at a time.
    """

    def __init__(
        self,
        delay: float = 0.0,
        size: int = 512,
        prepare_delay: float = 0.0,
        fail_on: tuple[int, int, int] | None = None,
        no_memory_on: tuple[int, int, int] | None = None,
        max_batch: int = 1000,
    ) -> None:
        self.device = torch.device("cpu")
        self.delay = delay
        self.size = size
        self.prepare_delay = prepare_delay
        self.fail_on = fail_on
        self.no_memory_on = no_memory_on
        self.max_batch = max_batch
        self.batches: list[int] = []
        self.threads: set[str] = set()
        self.closed: list[tuple[int, int, int]] = []
        self._busy = threading.Lock()

    def prepare(
        self,
        picture: Picture,
        points: Points | None = None,
        framing: Framing | None = None,
        views: Sequence[FakeCharacter] = (),
        person: str = "largest",
    ) -> FakeAvatar:
        time.sleep(self.prepare_delay)
        if points is None and tuple(picture.rgba[0, 0, :3]) == FACELESS:
            raise NoFaceError(picture.name)
        made = self.build([FakeCharacter(picture, framing or Framing(), points), *views])
        people = 2 if picture.name.startswith("two") else 1
        return replace(made, person=person, people=people, cast_size=2 if person == "all" else 1)

    def add_view(self, picture: Picture, known: Sequence[FakeCharacter]) -> FakeAvatar:
        time.sleep(self.prepare_delay)
        if len(known) >= MAX_PICTURES:
            raise TooManyViewsError
        if picture.rgba[..., :3].max() == 0:
            raise ViewError(f"{picture.name} is black.")
        return self.build([*known, FakeCharacter(picture)])

    def build(self, characters: Sequence[FakeCharacter]) -> FakeAvatar:
        picture, framing = characters[0].picture, characters[0].framing
        red, green, blue = (int(value) for value in picture.rgba[..., :3].reshape(-1, 3).mean(0))
        width, height = output_size(framing, frame_rect(framing, self.size, self.size, HEAD), self.size)
        notes = [f"{view.picture.name} is a view." for view in characters[1:]]
        return FakeAvatar(
            width, height, (red, green, blue), notes, framing, picture, characters[0].points, tuple(characters)
        )

    def open(self, avatar: FakeAvatar) -> FakeStream:
        if avatar.colour == self.no_memory_on:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return FakeStream(avatar)

    def swap(self, stream: FakeStream, avatar: FakeAvatar) -> None:
        stream.avatar = self.open(avatar).avatar

    def close(self, stream: FakeStream) -> None:
        self.closed.append(stream.avatar.colour)

    def draw(self, requests: list[FrameRequest]) -> list[AvatarFrame]:
        assert self._busy.acquire(blocking=False), "two threads draw at once"
        try:
            if any(request.stream.avatar.colour == self.fail_on for request in requests):
                raise RuntimeError("cannot draw this colour")
            if len(requests) > self.max_batch:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            time.sleep(self.delay)
            self.batches.append(len(requests))
            self.threads.add(threading.current_thread().name)
            return [self._paint(request) for request in requests]
        finally:
            self._busy.release()

    def _paint(self, request: FrameRequest) -> AvatarFrame:
        stream: FakeStream = request.stream  # type: ignore[assignment]
        stream.drawn += 1
        rgb = np.empty((stream.avatar.height, stream.avatar.width, 3), np.uint8)
        rgb[:] = stream.avatar.colour
        rgb[:, : rgb.shape[1] // 2] = int(255 * np.clip(request.motion.hands[0, 0, 0], 0, 1))
        if request.controls.background == "picture" and request.backdrop is not None:  # on the right: the background
            frame = request.backdrop.frames[request.backdrop.index_at(request.motion.captured)]
            rgb[:, rgb.shape[1] // 2 :] = frame.reshape(-1, 3).mean(0).astype(np.uint8)
        alpha = None
        if request.controls.background == "transparent":
            alpha = np.full(rgb.shape[:2], 128, np.uint8)
            rgb = (rgb.astype(np.uint16) * 128 // 255).astype(np.uint8)  # premultiplied
        return AvatarFrame(rgb, 0.0, alpha, {"paint": self.delay * 1000})


class FakePictureProcess(PictureProcess):
    """Decodes pictures as the real one does. Guesses and films are those of `fake_guesses` and `fake_film`.

    films: points of which a film was wanted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.films: list[Points | None] = []

    def do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        if work is guess_points:
            return fake_guesses(arguments[0])
        assert work is render_preview
        self.films.append(arguments[1])
        return fake_film()


def fake_guesses(picture: Picture) -> dict[str, tuple[float, float]]:
    """Places of all points in a picture: in rows, apart from each other."""
    width, height = original_size(picture)
    names = (*POINT_LANDMARKS, *BODY_POINT_NAMES)
    return {name: (width * (0.1 + 0.13 * (k % 7)), height * (0.1 + 0.14 * (k // 7))) for k, name in enumerate(names)}


def fake_film() -> bytes:
    """An animated WebP of two small frames."""
    return as_webp([np.full((64, 64, 3), value, np.uint8) for value in (40, 200)])


class FakeTracker:
    """Returns the mean brightness of the camera frame in `hands[0, 0, 0]`.

    delay: duration of a frame, seconds. fail_at: index of the frame at which `track` raises RuntimeError.
    answers_soon: whether `idle_soon` has an answer.
    """

    def __init__(self, delay: float = 0.0, fail_at: int | None = None, answers_soon: bool = True) -> None:
        self.delay = delay
        self.fail_at = fail_at
        self.answers_soon = answers_soon
        self.tracked = 0
        self.idled = 0
        self.calibrated = 0
        self.wanted, self.shown = Wanted(), WHOLE_BODY
        self.adopted = Handover()
        self.closed = 0

    def track(self, frame: CameraFrame) -> TrackedMotion:
        time.sleep(self.delay)
        if self.tracked == self.fail_at:
            raise RuntimeError("cannot track")
        self.tracked += 1
        hands = np.zeros((2, 21, 4), np.float32)
        hands[0, 0, 0] = frame.rgb.mean() / 255
        return TrackedMotion(replace(NEUTRAL, captured=frame.captured, hands=hands), NEUTRAL, "live", 1.0)

    def idle(self, now: float) -> TrackedMotion:
        self.idled += 1
        return TrackedMotion(replace(NEUTRAL, captured=now), NEUTRAL, "lost", 0.0)

    def idle_soon(self, now: float) -> TrackedMotion | None:
        return self.idle(now) if self.answers_soon else None

    def look_for(self, wanted: Wanted) -> None:
        self.wanted, self.shown = wanted, wanted.shown[0]

    def calibrate(self) -> None:
        self.calibrated += 1

    def adopt(self, handover: Handover) -> None:
        self.adopted = handover

    def close(self) -> None:
        self.closed += 1


class FakeOutput:
    """Records the brightness of the frames that are sent to it. sentence: of the problem that keeps it from opening."""

    def __init__(self, sentence: str | None = None) -> None:
        self.sentence = sentence
        self.opened: tuple[int, int, float] | None = None
        self.shades: list[int] = []

    @property
    def is_open(self) -> bool:
        return self.opened is not None

    def problem(self) -> str | None:
        return None if self.is_open else self.sentence

    def open(self, width: int, height: int, fps: float) -> None:
        if self.sentence is not None:
            raise OutputError(self.sentence)
        self.opened = (width, height, fps)

    def send(self, frame: AvatarFrame) -> None:
        self.shades.append(int(frame.rgb[0, -1, 0]))

    def close(self) -> None:
        self.opened = None

"""The one thread that owns the device: draws all live sessions as one batch, as often as they move and the pace
allows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import torch

from streamer.engine.admission import Admission
from streamer.engine.engine_session import Move, Seat
from streamer.errors import DeviceMemoryError, EngineClosedError, KagamiError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.pipeline import Avatar, Controls, FrameRequest, Stream
from streamer.rigging.picture import Picture
from streamer.runtime import pacing
from streamer.runtime.cached_value import Kept
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.memory import memory_bytes
from streamer.runtime.meter import DRAWN, QUEUE_AGE, spread
from streamer.tracking.tracker import Tracker

EARLY = 0.75  # share of a period by which a frame may be drawn early: a camera's jitter costs neither a tick nor a wait
SPREAD_PERIOD = 1.0  # seconds; each page asks once a second, and percentiles of everybody's samples cost time
MEMORY_PERIOD = 5.0  # seconds
_log = logging.getLogger(__name__)

FrameHook = Callable[[CameraFrame, AvatarFrame], AvatarFrame]


class Pipeline(Protocol):
    """What the engine needs of a `AvatarPipeline`."""

    def prepare(self, picture: Picture, points: None = None) -> Avatar: ...

    def open(self, avatar: Avatar) -> Stream: ...

    def swap(self, stream: Stream, avatar: Avatar) -> None: ...

    def close(self, stream: Stream) -> None: ...

    def draw(self, requests: list[FrameRequest]) -> list[AvatarFrame]: ...


class Engine:
    """Pipeline for up to `max_sessions` seats, at most `fps` frames a second each, and takes no more of them than leave
    everybody `min_fps` (0: any).

    make_tracker: makes a session's tracker, called in its tracking thread. frame_hook: changes each frame before it
    leaves, given the camera picture it follows; benchmarks copy a bar code with it, nothing else sets it.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        make_tracker: Callable[[], Tracker],
        fps: float = 30.0,
        max_sessions: int = 4,
        frame_hook: FrameHook | None = None,
        min_fps: float = 0.0,
    ) -> None:
        self.pipeline = pipeline
        self.fps = fps
        self._make_tracker = make_tracker
        self._frame_hook = frame_hook
        self._wake = threading.Condition()  # guards all below
        self._seats: list[Seat] = []
        self._left: list[Seat] = []  # whose streams the engine thread has not let go yet
        self._watchers: list[Mailbox[AvatarFrame]] = []
        self._admission = Admission(max_sessions, min_fps)
        self._drawn = 0
        self._left_drops: Counter[str] = Counter()
        self._spread = Kept(lambda: spread([seat.meter for seat in self.seats]), SPREAD_PERIOD)
        self._memory = Kept(memory_bytes, MEMORY_PERIOD)
        self._moved = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._preparing = ThreadPoolExecutor(1, "prepare")

    @property
    def sessions(self) -> int:
        with self._wake:
            return len(self._seats)

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The live sessions, the longest there first."""
        with self._wake:
            return tuple(self._seats)

    @property
    def drawn(self) -> int:
        """Frames drawn since the start."""
        return self._drawn

    @property
    def max_sessions(self) -> int:
        return self._admission.max_sessions

    @property
    def refused(self) -> int:
        """Sessions that found no room since the start."""
        return self._admission.refused

    @property
    def drops(self) -> dict[str, int]:
        """Things replaced before they were used since the start, by mailbox, over all sessions, those that left too."""
        with self._wake:
            counts = Counter(self._left_drops)
            for seat in self._seats:
                counts.update(seat.drops)
        return dict(counts)

    def spread(self) -> dict[str, dict[str, float]]:
        """How alike the live sessions are served, see `meter.spread`; counted anew once a second, whoever asks."""
        return self._spread()

    def memory(self) -> dict[str, int]:
        """What the server holds, see `memory_bytes`; looked at anew every few seconds, whoever asks."""
        return self._memory()

    @property
    def newest(self) -> Avatar | None:
        """The avatar that watchers get, if anybody is live."""
        with self._wake:
            return self._seats[-1].avatar if self._seats else None

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End all seats and the thread. Blocks for the frame being drawn; may be called again."""
        with self._wake:
            self._closed = True
            seats, watchers = list(self._seats), list(self._watchers)
            self._wake.notify_all()
        for seat in seats:
            self.leave(seat)
            seat.join()
        for watcher in watchers:
            self.unwatch(watcher)
        if self._thread.is_alive():
            self._thread.join()
        self._let_go()
        self._preparing.shutdown(cancel_futures=True)

    def admit(self, avatar: Avatar, controls: Controls, on_failure: Callable[[KagamiError], None]) -> Seat:
        """A place for one more session. on_failure: called once, in some thread, if the session breaks.

        Raises ServerFullError, OverloadError, EngineClosedError.
        """
        with self._wake:
            if self._closed:
                raise EngineClosedError
            self._admission.check(len(self._seats), sum(seat.phase == "stalled" for seat in self._seats))
            seat = Seat(
                avatar,
                controls,
                self._make_tracker,
                self._on_move,
                on_failure,
                keep_camera=self._frame_hook is not None,
            )
            self._seats.append(seat)
            return seat

    def leave(self, seat: Seat) -> None:
        """Give a place back. May be called again, from any thread."""
        seat.close()
        with self._wake:
            if seat in self._seats:
                self._seats.remove(seat)
                self._left.append(seat)
                self._left_drops.update(seat.drops)
                self._moved = True
                self._wake.notify_all()

    def watch(self) -> Mailbox[AvatarFrame]:
        """A mailbox that gets every frame of the newest live session, whoever that is at the time."""
        mailbox: Mailbox[AvatarFrame] = Mailbox()
        with self._wake:
            if self._closed:
                raise EngineClosedError
            self._watchers.append(mailbox)
        return mailbox

    def unwatch(self, mailbox: Mailbox[AvatarFrame]) -> None:
        mailbox.close()
        with self._wake:
            if mailbox in self._watchers:
                self._watchers.remove(mailbox)

    def prepare(self, picture: Picture) -> Future[Avatar]:
        """Prepare a picture in the background, one at a time; drawing goes on meanwhile. Raises EngineClosedError; the
        result raises KagamiError.
        """
        if self._closed:
            raise EngineClosedError
        return self._preparing.submit(self._prepare, picture)

    def _prepare(self, picture: Picture) -> Avatar:
        try:
            return self.pipeline.prepare(picture)
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                "The device has no memory left for another picture; choose one again when somebody has left."
            ) from error

    def _on_move(self) -> None:
        with self._wake:
            self._moved = True
            self._wake.notify_all()

    def _run(self) -> None:
        pace = pacing.begin(time.monotonic(), self.fps, EARLY)
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._moved or self._closed)
                self._wake.wait_for(lambda: self._closed, pacing.wait(pace, time.monotonic()))
                if self._closed:
                    return
                self._moved = False
            pace = pacing.advance(pace, time.monotonic())
            self._tick()  # a function of its own: nobody's seat stays in a variable while the thread waits

    def _tick(self) -> None:
        """One frame for every session that has moved since the last tick, each by its newest motion."""
        self._let_go()
        seats = self.seats
        moves = [(seat, move) for seat in seats if (move := seat.moves.poll()) is not None]
        now = time.monotonic()
        for seat, move in moves:
            seat.meter.add({QUEUE_AGE: (now - move.put) * 1000})
        ready = [(seat, move, request) for seat, move in moves if (request := self._shot(seat, move)) is not None]
        if ready:
            self._draw(ready, newest=seats[-1])

    def _let_go(self) -> None:
        """Free what the device keeps of those who left, before anybody new wants it; never while it is drawn with."""
        with self._wake:
            left, self._left = self._left, []
        for seat in left:
            if seat.stream is not None:
                self.pipeline.close(seat.stream)
            seat.stream = None

    def _shot(self, seat: Seat, move: Move) -> FrameRequest | None:
        """The seat's next frame to draw, or None if the seat broke, which then has left."""
        with seat.boundary():
            avatar = seat.avatar
            if seat.stream is None:
                seat.stream = self.pipeline.open(avatar)
            elif seat.stream.avatar is not avatar:
                self.pipeline.swap(seat.stream, avatar)
            return FrameRequest(seat.stream, move.tracked.motion, move.tracked.neutral, seat.controls)
        self.leave(seat)
        return None

    def _draw(self, ready: list[tuple[Seat, Move, FrameRequest]], newest: Seat) -> None:
        began = time.monotonic()
        frames, no_memory = None, False
        try:
            frames = self.pipeline.draw([request for _, _, request in ready])
        except Exception as error:
            no_memory = isinstance(error, torch.OutOfMemoryError | DeviceMemoryError)
            if len(ready) == 1:
                with ready[0][0].boundary():
                    raise
        if frames is None:  # out of the handler, whose error holds what the batch had on the device
            self._part(ready, newest, no_memory)
            return
        drawn = time.monotonic() - began
        with self._wake:
            self._admission.note(len(ready), drawn)
            self._drawn += len(ready)
        for (seat, move, _), frame in zip(ready, frames, strict=True):
            with seat.boundary():
                seat.meter.add({**move.tracked.motion.stages, **frame.stages, "draw": drawn * 1000})
                seat.meter.tick(DRAWN)
                self._hand_out(seat, move, replace(frame, captured=move.tracked.motion.captured), newest)

    def _part(self, batch: list[tuple[Seat, Move, FrameRequest]], newest: Seat, no_memory: bool) -> None:
        """Part with the session that breaks a batch: each is drawn alone, and who breaks alone leaves. Where the device
        has memory for each but not for all, whoever came last leaves, since else every tick would break anew.
        """
        if len(batch) == 1:
            self.leave(batch[0][0])
            return
        for one in batch:
            self._draw([one], newest)
        last = batch[-1][0]
        if no_memory and not any(seat.failure for seat, _, _ in batch):
            with last.boundary():
                raise DeviceMemoryError
            self.leave(last)

    def _hand_out(self, seat: Seat, move: Move, frame: AvatarFrame, newest: Seat) -> None:
        if self._frame_hook and move.camera is not None:
            frame = self._frame_hook(move.camera, frame)
        seat.deliver(frame)
        if seat is newest:
            with self._wake:
                watchers = list(self._watchers)
            for watcher in watchers:
                watcher.put(frame)

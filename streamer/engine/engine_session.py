"""One person's place in the engine: their mailboxes, their tracking thread, what they set, how it goes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from streamer.camera import Converter, ReceivedFrame
from streamer.errors import DeviceMemoryError, KagamiError, SessionError
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.pipeline import Avatar, Controls, Stream
from streamer.options import Phase
from streamer.runtime.mailbox import Mailbox, MailboxClosed
from streamer.runtime.meter import Meter
from streamer.tracking.tracker import TrackedMotion, Tracker

PATIENCE = 0.25  # seconds without a camera picture until the avatar idles
STALLED = 1.5  # seconds without one until the person is told
IDLE_FPS = 25.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Move:
    """A motion on its way to the engine. camera: kept only where a benchmark's frame hook wants it."""

    tracked: TrackedMotion
    camera: CameraFrame | None
    put: float


class Seat:
    """What the engine keeps of one session. Made by `Engine.admit`.

    camera: pictures go in here. controls, paused: may be set from any thread.
    phase, progress: how it goes. failure: why it stopped, if it broke; on_failure is called then, in the thread that
    broke.
    """

    def __init__(
        self,
        avatar: Avatar,
        controls: Controls,
        make_tracker: Callable[[], Tracker],
        wake_engine: Callable[[], None],
        on_failure: Callable[[KagamiError], None],
        keep_camera: bool = False,
    ) -> None:
        self.avatar = avatar
        self.stream: Stream | None = None  # the engine thread's own
        self.controls = controls
        self.paused = False
        self.phase: Phase = "waiting"
        self.progress = 0.0
        self.failure: KagamiError | None = None
        self.camera: Mailbox[ReceivedFrame] = Mailbox()
        self.moves: Mailbox[Move] = Mailbox(on_put=wake_engine)
        self._out: Mailbox[AvatarFrame] = Mailbox()
        self._out_drops = 0
        self.meter = Meter()
        self._make_tracker = make_tracker
        self._on_failure = on_failure
        self._keep_camera = keep_camera
        self._calibrate = threading.Event()
        self._thread = threading.Thread(target=self._track, name="tracking", daemon=True)
        self._thread.start()

    @property
    def drops(self) -> dict[str, int]:
        """Things replaced before they were used, by mailbox."""
        return {"camera": self.camera.drops, "motion": self.moves.drops, "out": self._out_drops + self._out.drops}

    def outlet(self) -> Mailbox[AvatarFrame]:
        """A new mailbox into which the frames come from now on; the one before is closed."""
        self._out_drops += self._out.drops
        self._out.close()
        self._out = Mailbox()
        return self._out

    def deliver(self, frame: AvatarFrame) -> None:
        """The engine's way to the outlet; without one that is open the frame goes nowhere."""
        self._out.put(frame)

    def calibrate(self) -> None:
        """Take the neutral anew from the next steady frames."""
        self._calibrate.set()

    def close(self) -> None:
        """Close the mailboxes; the tracking thread ends by itself. May be called again, from any thread."""
        for mailbox in (self.camera, self.moves, self._out):
            mailbox.close()

    def join(self, timeout: float = 5.0) -> None:
        """Wait for the tracking thread. Blocks: not for the event loop."""
        self._thread.join(timeout)

    @contextmanager
    def boundary(self) -> Iterator[None]:
        """What breaks in here ends this session alone: the one broad except of the engine."""
        try:
            yield
        except MailboxClosed:
            pass
        except Exception as error:
            _log.exception("a session broke")
            if self.failure is None:
                self.failure = _for_people(error)
                self._on_failure(self.failure)
            self.close()

    def _track(self) -> None:
        with self.boundary():
            tracker = self._make_tracker()
            try:
                self._track_with(tracker)
            finally:
                tracker.close()

    def _track_with(self, tracker: Tracker) -> None:
        to_rgb, index, last = Converter(), 0, None
        while True:
            idling = last is None or self.paused or time.monotonic() - last > PATIENCE
            arrival = self.camera.get(timeout=1 / IDLE_FPS if idling else PATIENCE)
            if self._calibrate.is_set():
                self._calibrate.clear()
                tracker.calibrate()
            frame = None
            if arrival is None or self.paused:
                tracked = tracker.idle(time.monotonic())
                self._tell(tracked, last)
            else:
                began = time.perf_counter()
                frame = CameraFrame(to_rgb(arrival.video), arrival.at, index)
                decoded = time.perf_counter()
                tracked = tracker.track(frame)
                done = time.perf_counter()
                self.meter.add({"decode": (decoded - began) * 1000, "track": (done - decoded) * 1000})
                index, last = index + 1, arrival.at
                self.phase, self.progress = tracked.phase, tracked.progress
            self.moves.put(Move(tracked, frame if self._keep_camera else None, time.monotonic()))

    def _tell(self, tracked: TrackedMotion, last: float | None) -> None:
        self.progress = tracked.progress
        if self.paused:
            self.phase = "paused"
        elif last is None:
            self.phase = "waiting"
        elif time.monotonic() - last > STALLED:
            self.phase = "stalled"


def _for_people(error: Exception) -> KagamiError:
    """What broke, in a sentence."""
    if isinstance(error, KagamiError):
        return error
    return DeviceMemoryError() if isinstance(error, torch.OutOfMemoryError) else SessionError()

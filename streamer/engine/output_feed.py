"""Feeds a further output, such as the virtual camera, with the frames of the newest session: switched on and off."""

from __future__ import annotations

import threading
from typing import Protocol

from streamer.engine.engine import Engine
from streamer.engine.watchers import Listener
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox, MailboxClosed


class Output(Protocol):
    """Receives avatar frames. `send` never blocks: a slow output drops frames instead of delaying the engine."""

    @property
    def is_open(self) -> bool:
        """Whether frames are shown: from `open` until `close`, or until the device fails."""
        ...

    def problem(self) -> str | None:
        """None if `open` would succeed now, else one sentence with the reason and the remedy."""
        ...

    def open(self, width: int, height: int, fps: float) -> None:
        """Start with this picture size in pixels. Raises OutputError with the sentence of `problem`."""
        ...

    def send(self, frame: AvatarFrame) -> None:
        """Queue a frame of any size. Does nothing before `open`, after `close` and after the output has failed."""
        ...

    def close(self) -> None:
        """Stop and free the device. Idempotent; `open` may follow."""
        ...


class OutputFeed:
    """An output and the engine that feeds it. All methods may be called from any thread, and block.

    width, height: of the output where nobody is live when it is switched on; else it has the newest avatar's size.
    listener: of an output that has sound, too, gets that of the newest session.
    """

    def __init__(
        self, engine: Engine, output: Output, width: int, height: int, listener: Listener | None = None
    ) -> None:
        self._engine = engine
        self._output = output
        self._size = width, height
        self._listener = listener
        self._lock = threading.Lock()
        self._frames: Mailbox[AvatarFrame] | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_on(self) -> bool:
        return self._frames is not None and self._output.is_open

    def problem(self) -> str | None:
        """Why it cannot be switched on, in one sentence; None if it can, or is on."""
        with self._lock:
            return None if self.is_on else self._output.problem()

    def turn_on(self) -> None:
        """Send the newest session's frames from now on. Raises OutputError, EngineClosedError."""
        with self._lock:
            if self.is_on:
                return
            self._stop()
            newest = self._engine.newest
            size = self._size if newest is None else (newest.width, newest.height)
            frames = self._engine.watch()
            try:
                self._output.open(*size, self._engine.fps)
            except BaseException:
                self._engine.unwatch(frames)
                raise
            if self._listener is not None:
                self._engine.listen(self._listener)
            self._frames = frames
            self._thread = threading.Thread(target=_feed, args=(frames, self._output), name="output", daemon=True)
            self._thread.start()

    def turn_off(self) -> None:
        """Free the device. Idempotent."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        frames, self._frames = self._frames, None
        thread, self._thread = self._thread, None
        if self._listener is not None:
            self._engine.unlisten(self._listener)
        if frames is not None:
            self._engine.unwatch(frames)
        if thread is not None:
            thread.join()
        self._output.close()


def _feed(frames: Mailbox[AvatarFrame], output: Output) -> None:
    while True:
        try:
            frame = frames.get()
        except MailboxClosed:
            return
        if frame is not None:
            output.send(frame)

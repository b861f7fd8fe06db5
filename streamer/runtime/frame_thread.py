"""The thread of an output that shows the newest frame, and the mailbox through which frames get there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox, MailboxClosed

Frames = Mailbox[AvatarFrame]
_log = logging.getLogger(__name__)


class FrameThread:
    """Runs a loop that takes frames from a mailbox, from `open` until `close` or until the loop fails.

    name: of the thread. failure: the line of the log for any error of the loop, which ends this output and nothing
    else.
    """

    def __init__(self, name: str, failure: str) -> None:
        self._name = name
        self._failure = failure
        self._frames: Frames | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def drops(self) -> int:
        """Frames replaced before the loop took them, since `open`."""
        return 0 if self._frames is None else self._frames.drops

    def open(self, loop: Callable[[Frames], None], free: Callable[[], None]) -> None:
        """Start. To be called while it is closed.

        loop: takes from the mailbox until that raises MailboxClosed. free: called in the thread when the loop has
        ended.
        """
        self._frames = Mailbox()
        self._thread = threading.Thread(target=self._run, args=(loop, free, self._frames), name=self._name, daemon=True)
        self._thread.start()

    def send(self, frame: AvatarFrame) -> None:
        """Queue a frame; never blocks. Does nothing before `open`, after `close` and after the loop has failed."""
        if self._frames is not None:
            self._frames.put(frame)

    def close(self) -> None:
        """Wait until the loop has ended and `free` was called. Idempotent; `open` may follow."""
        frames, thread = self._frames, self._thread
        self._frames = self._thread = None
        if frames is not None and thread is not None:
            frames.close()
            thread.join()

    def _run(self, loop: Callable[[Frames], None], free: Callable[[], None], frames: Frames) -> None:
        try:
            loop(frames)
        except MailboxClosed:
            pass
        except Exception:  # any error of a device or a library ends this output, never the engine
            _log.exception(self._failure)
            frames.close()
        finally:
            free()

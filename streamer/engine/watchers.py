"""Who gets the frames and the sound of live sessions besides each session's own page: viewers and further outputs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.sound_feed import Samples, SoundFeed

Listener = Callable[[Samples], None]


class Watchers:
    """Those who watch or listen to one session, or to whichever is the newest. Any thread may call.

    A session is known by the feed of its sound, so that nothing here keeps a session alive.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: dict[Mailbox[AvatarFrame], SoundFeed | None] = {}  # None: of the newest session
        self._listeners: dict[Listener, SoundFeed | None] = {}

    def __len__(self) -> int:
        return len(self._frames) + len(self._listeners)

    def watch(self, session: SoundFeed | None) -> Mailbox[AvatarFrame]:
        """A mailbox for the frames of a session, None: of the newest one at the time."""
        mailbox: Mailbox[AvatarFrame] = Mailbox()
        with self._lock:
            self._frames[mailbox] = session
        return mailbox

    def unwatch(self, mailbox: Mailbox[AvatarFrame]) -> None:
        """Close a mailbox; idempotent."""
        mailbox.close()
        with self._lock:
            self._frames.pop(mailbox, None)

    def listen(self, listener: Listener, session: SoundFeed | None) -> None:
        """Call `listener` with the sound of a session, in the thread in which it arrives."""
        with self._lock:
            self._listeners[listener] = session

    def unlisten(self, listener: Listener) -> None:
        """Idempotent."""
        with self._lock:
            self._listeners.pop(listener, None)

    def deliver(self, session: SoundFeed, newest: bool, frame: AvatarFrame) -> None:
        """Hand a frame of a session on. newest: it is the newest session."""
        with self._lock:
            mailboxes = [box for box, of in self._frames.items() if of is session or (of is None and newest)]
        for mailbox in mailboxes:
            mailbox.put(frame)

    def hear(self, session: SoundFeed, newest: bool, samples: Samples) -> None:
        """Hand sound of a session on."""
        with self._lock:
            listeners = [each for each, of in self._listeners.items() if of is session or (of is None and newest)]
        for listener in listeners:
            listener(samples)

    def leave(self, session: SoundFeed) -> None:
        """A session has ended: close the mailboxes of those who watch it alone, and forget who listens to it."""
        with self._lock:
            ended = [box for box, of in self._frames.items() if of is session]
            self._frames = {box: of for box, of in self._frames.items() if of is not session}
            self._listeners = {each: of for each, of in self._listeners.items() if of is not session}
        for mailbox in ended:
            mailbox.close()

    def close(self) -> None:
        """Close all mailboxes."""
        with self._lock:
            mailboxes, self._frames, self._listeners = list(self._frames), {}, {}
        for mailbox in mailboxes:
            mailbox.close()

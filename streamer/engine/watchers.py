"""Who gets frames, motions and sound of live sessions besides each session's own page: viewers, further outputs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import Mailbox
from streamer.runtime.sound_feed import Samples, SoundFeed
from streamer.tracking.tracker import TrackedMotion

if TYPE_CHECKING:
    from streamer.engine.engine_session import EngineSession

Listener = Callable[[Samples], None]


class Follower(Protocol):
    """Gets every frame of whichever session is the newest at the time, and is told whose it is."""

    def follow(self, session: EngineSession, frame: AvatarFrame) -> None:
        """Called in the engine's thread, which it must not hold up, for a frame of `session.stream`."""

    def leave(self, session: EngineSession) -> None:
        """A session, of which there may have been frames, has ended. Called in any thread."""


class Watchers:
    """Those who watch or listen to one session, or to whichever is the newest. Any thread may call.

    A session is known by the feed of its sound, so that nothing here keeps a session alive.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: dict[Mailbox[AvatarFrame], SoundFeed | None] = {}  # None: of the newest session
        self._listeners: dict[Listener, SoundFeed | None] = {}
        self._followers: tuple[Follower, ...] = ()
        self._motions: tuple[Mailbox[TrackedMotion], ...] = ()  # of the newest session

    def __len__(self) -> int:
        return len(self._frames) + len(self._listeners) + len(self._followers)

    def add_follower(self, follower: Follower) -> None:
        with self._lock:
            self._followers = (*self._followers, follower)

    def remove_follower(self, follower: Follower) -> None:
        """Idempotent."""
        with self._lock:
            self._followers = tuple(each for each in self._followers if each is not follower)

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

    def watch_motions(self) -> Mailbox[TrackedMotion]:
        """A mailbox for the motions that frames of the newest session are drawn from, when they are drawn."""
        mailbox: Mailbox[TrackedMotion] = Mailbox()
        with self._lock:
            self._motions += (mailbox,)
        return mailbox

    def unwatch_motions(self, mailbox: Mailbox[TrackedMotion]) -> None:
        """Close a mailbox; idempotent."""
        mailbox.close()
        with self._lock:
            self._motions = tuple(each for each in self._motions if each is not mailbox)

    def listen(self, listener: Listener, session: SoundFeed | None) -> None:
        """Call `listener` with the sound of a session, in the thread in which it arrives."""
        with self._lock:
            self._listeners[listener] = session

    def unlisten(self, listener: Listener) -> None:
        """Idempotent."""
        with self._lock:
            self._listeners.pop(listener, None)

    def deliver(
        self, session: EngineSession, newest: bool, frame: AvatarFrame, motion: TrackedMotion | None = None
    ) -> None:
        """Hand a frame of a session on, and the motion that it shows. newest: it is the newest session."""
        feed = session.sound
        with self._lock:
            mailboxes = [box for box, of in self._frames.items() if of is feed or (of is None and newest)]
            followers, motions = (self._followers, self._motions) if newest else ((), ())
        for mailbox in mailboxes:
            mailbox.put(frame)
        if motion is not None:
            for each in motions:
                each.put(motion)
        for follower in followers:
            follower.follow(session, frame)

    def hear(self, session: SoundFeed, newest: bool, samples: Samples) -> None:
        """Hand sound of a session on."""
        with self._lock:
            listeners = [each for each, of in self._listeners.items() if of is session or (of is None and newest)]
        for listener in listeners:
            listener(samples)

    def leave(self, session: EngineSession) -> None:
        """A session has ended: close the mailboxes of those who watch it alone, and forget who listens to it."""
        feed = session.sound
        with self._lock:
            ended = [box for box, of in self._frames.items() if of is feed]
            self._frames = {box: of for box, of in self._frames.items() if of is not feed}
            self._listeners = {each: of for each, of in self._listeners.items() if of is not feed}
            followers = self._followers
        for mailbox in ended:
            mailbox.close()
        for follower in followers:
            follower.leave(session)

    def close(self) -> None:
        """Close all mailboxes."""
        with self._lock:
            mailboxes: list[Mailbox[AvatarFrame] | Mailbox[TrackedMotion]] = [*self._frames, *self._motions]
            self._frames, self._listeners, self._motions = {}, {}, ()
        for mailbox in mailboxes:
            mailbox.close()

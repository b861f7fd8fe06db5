"""Viewers and listeners of one session, and of whichever is the newest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streamer.engine.watchers import Watchers
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import MailboxClosed
from streamer.runtime.sound_feed import Samples, SoundFeed
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion

FRAME = AvatarFrame(np.zeros((2, 2, 3), np.uint8), 0.0)
MOTION = TrackedMotion(NEUTRAL, NEUTRAL)


def session_of(feed: SoundFeed) -> Any:
    """What of a session watchers use."""
    return SimpleNamespace(sound=feed)


class RecordedCalls:
    """A follower that keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, AvatarFrame | None]] = []

    def follow(self, session: Any, frame: AvatarFrame) -> None:
        self.calls.append((session, frame))

    def leave(self, session: Any) -> None:
        self.calls.append((session, None))


def test_watchers_get_the_frames_of_their_session_and_of_the_newest() -> None:
    watchers, first, second = Watchers(), SoundFeed(), SoundFeed()
    of_first, of_newest = watchers.watch(first), watchers.watch(None)
    watchers.deliver(session_of(first), False, FRAME, MOTION)
    assert of_first.poll() is FRAME and of_newest.poll() is None
    watchers.deliver(session_of(second), True, FRAME, MOTION)
    assert of_first.poll() is None and of_newest.poll() is FRAME
    watchers.unwatch(of_newest)
    watchers.unwatch(of_newest)
    assert of_newest.closed and len(watchers) == 1


def test_motions_are_those_of_the_newest_session() -> None:
    watchers, session = Watchers(), SoundFeed()
    first, second = watchers.watch_motions(), watchers.watch_motions()
    watchers.deliver(session_of(session), False, FRAME, MOTION)
    assert first.poll() is None
    watchers.deliver(session_of(session), True, FRAME, MOTION)
    assert first.poll() is MOTION and second.poll() is MOTION
    watchers.unwatch_motions(first)
    watchers.unwatch_motions(first)
    watchers.deliver(session_of(session), True, FRAME, MOTION)
    assert first.closed and second.poll() is MOTION
    watchers.leave(session_of(session))
    assert not second.closed
    watchers.close()
    assert second.closed


def test_watchers_of_a_session_that_leaves_are_closed_and_those_of_the_newest_stay() -> None:
    watchers, session = Watchers(), SoundFeed()
    of_session, of_newest = watchers.watch(session), watchers.watch(None)
    watchers.listen(lambda samples: None, session)
    watchers.leave(session_of(session))
    with pytest.raises(MailboxClosed):
        of_session.get()
    assert not of_newest.closed and len(watchers) == 1
    watchers.close()
    assert of_newest.closed and not len(watchers)


def test_listeners_hear_what_is_put_into_the_feed_of_their_session() -> None:
    watchers, heard = Watchers(), []

    def listener(samples: Samples) -> None:
        heard.append(samples)

    feed = SoundFeed(lambda session, samples: watchers.hear(session, False, samples))
    watchers.listen(listener, feed)
    samples = np.ones((3, 2), np.int16)
    feed.put(samples)
    assert heard == [samples] and len(feed.take()) == 3
    watchers.listen(listener, None)  # of the newest now, which this one is not
    feed.put(samples)
    watchers.unlisten(listener)
    watchers.unlisten(listener)
    assert len(heard) == 1 and not len(watchers)


def test_followers_are_told_whose_frames_the_newest_ones_are_and_who_leaves() -> None:
    watchers, follower = Watchers(), RecordedCalls()
    first, second = session_of(SoundFeed()), session_of(SoundFeed())
    watchers.add_follower(follower)
    assert len(watchers) == 1
    watchers.deliver(first, True, FRAME, MOTION)
    watchers.deliver(first, False, FRAME, MOTION)
    watchers.deliver(second, True, FRAME, MOTION)
    watchers.leave(second)
    watchers.remove_follower(follower)
    watchers.remove_follower(follower)
    watchers.deliver(first, True, FRAME, MOTION)
    assert follower.calls == [(first, FRAME), (second, FRAME), (second, None)] and not len(watchers)

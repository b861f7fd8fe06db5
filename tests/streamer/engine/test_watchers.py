"""Viewers and listeners of one session, and of whichever is the newest."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.engine.watchers import Watchers
from streamer.frames import AvatarFrame
from streamer.runtime.mailbox import MailboxClosed
from streamer.runtime.sound_feed import Samples, SoundFeed

FRAME = AvatarFrame(np.zeros((2, 2, 3), np.uint8), 0.0)


def test_watchers_get_the_frames_of_their_session_and_of_the_newest() -> None:
    watchers, first, second = Watchers(), SoundFeed(), SoundFeed()
    of_first, of_newest = watchers.watch(first), watchers.watch(None)
    watchers.deliver(first, False, FRAME)
    assert of_first.poll() is FRAME and of_newest.poll() is None
    watchers.deliver(second, True, FRAME)
    assert of_first.poll() is None and of_newest.poll() is FRAME
    watchers.unwatch(of_newest)
    watchers.unwatch(of_newest)
    assert of_newest.closed and len(watchers) == 1


def test_watchers_of_a_session_that_leaves_are_closed_and_those_of_the_newest_stay() -> None:
    watchers, session = Watchers(), SoundFeed()
    of_session, of_newest = watchers.watch(session), watchers.watch(None)
    watchers.listen(lambda samples: None, session)
    watchers.leave(session)
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

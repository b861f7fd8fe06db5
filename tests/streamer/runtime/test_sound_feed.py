"""The newest sound, from one thread to another: in order, whole, and bounded."""

from __future__ import annotations

import numpy as np

from streamer.runtime.sound_feed import CHANNELS, MAX_HELD_S, SAMPLE_RATE, SILENT_S, SoundFeed


def piece(start: int, count: int = 960) -> np.ndarray:
    return np.repeat(np.arange(start, start + count, dtype=np.int16)[:, None], CHANNELS, 1)


def test_what_is_put_is_taken_once_and_in_order() -> None:
    feed = SoundFeed()
    assert feed.take().shape == (0, CHANNELS)
    for start in (0, 960, 1920):
        feed.put(piece(start))
    np.testing.assert_array_equal(feed.take()[:, 0], np.arange(2880))
    assert len(feed.take()) == 0


def test_sound_that_nobody_takes_is_dropped_oldest_first() -> None:
    feed = SoundFeed()
    for number in range(100):
        feed.put(np.full((960, CHANNELS), number, np.int16))
    held = feed.take()[:, 0]
    assert len(held) == MAX_HELD_S * SAMPLE_RATE and held[-1] == 99 and held[0] == 75


def test_feed_is_live_while_sound_comes() -> None:
    now = [5.0]
    feed = SoundFeed(clock=lambda: now[0])
    assert not feed.is_live
    feed.put(np.zeros((960, CHANNELS), np.int16))
    now[0] += SILENT_S - 0.01
    feed.take()
    assert feed.is_live
    now[0] += 0.02
    assert not feed.is_live

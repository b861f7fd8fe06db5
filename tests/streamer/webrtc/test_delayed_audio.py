from __future__ import annotations

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from streamer.webrtc.delayed_audio import CAPACITY, CHUNK, RATE, DelayedAudioTrack, DelayLine


def speech(start: int, count: int) -> np.ndarray:
    """A ramp that names each sample, in both channels."""
    return np.repeat((np.arange(start, start + count) % 30_000)[:, None], 2, 1).astype(np.int16)


def run(line: DelayLine, delays: list[float], clip: list[np.ndarray] | None = None) -> np.ndarray:
    """Push and pull 20 ms at a time, in step; returns what came out, (N, 2)."""
    out = []
    for number, delay in enumerate(delays):
        now = number * 0.02
        line.push(speech(number * CHUNK, CHUNK) if clip is None else clip[number], now)
        out.append(line.pull(CHUNK, now, delay))
    return np.concatenate(out)


def test_sound_comes_out_unchanged_and_later() -> None:
    out = run(DelayLine(), [0.1] * 60)[:, 0]
    settled = out[20 * CHUNK :].astype(int)
    late = round(0.1 * RATE) - CHUNK  # the newest chunk ends now, so the one given out begins 100 ms before
    assert (settled == (np.arange(20 * CHUNK, 60 * CHUNK) - late) % 30_000).all()


def test_before_the_first_and_after_the_last_sound_there_is_silence() -> None:
    line = DelayLine()
    assert not line.pull(CHUNK, 0.0, 0.1).any()
    line.push(speech(1000, CHUNK), 0.02)
    assert line.pull(CHUNK, 0.12, 0.1).shape == (CHUNK, 2)
    assert not line.pull(CHUNK, 5.0, 0.1).any()


def test_a_changing_delay_is_followed_without_a_jump() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(600 * CHUNK) / RATE) * 10_000
    clip = list(np.repeat(tone[:, None], 2, 1).astype(np.int16).reshape(600, CHUNK, 2))
    out = run(DelayLine(), [0.05] * 100 + [0.15] * 500, clip)[:, 0].astype(int)
    steepest = 10_000 * 2 * np.pi * 200 / RATE
    assert np.abs(np.diff(out[50 * CHUNK :])).max() < 1.1 * steepest + 2


def test_a_changing_delay_is_reached() -> None:
    line = DelayLine()
    out = run(line, [0.05] * 100 + [0.15] * 1100)[:, 0].astype(int)
    now = 1200 * CHUNK
    assert (now - out[-1]) % 30_000 == pytest.approx(0.15 * RATE, abs=0.01 * RATE + CHUNK)


def test_an_impossible_delay_is_cut() -> None:
    out = run(DelayLine(), [60.0] * 200)[:, 0]
    assert out[-1] != 0


def test_nothing_grows_when_nobody_pulls() -> None:
    line = DelayLine()
    for number in range(500):
        line.push(speech(number * CHUNK, CHUNK), number * 0.02)
    assert line._ring.shape == (round(CAPACITY * RATE), 2)
    line.push(np.zeros((5 * RATE, 2), np.int16), 11.0)  # more at once than fits


async def test_the_track_paces_itself_and_ends() -> None:
    line = DelayLine()
    track = DelayedAudioTrack(line, lambda: 0.1)
    frames = [await track.recv() for _ in range(3)]
    assert [frame.pts for frame in frames] == sorted({frame.pts for frame in frames})
    assert all((frame.samples, frame.sample_rate, frame.layout.name) == (CHUNK, RATE, "stereo") for frame in frames)
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()

"""A ring buffer of sound with a delay that changes."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.runtime.sound_feed import SAMPLE_RATE
from streamer.webrtc.delay_line import CAPACITY_S, DelayLine
from streamer.webrtc.delayed_audio import SAMPLES_PER_FRAME


def ramp(start: int, count: int) -> np.ndarray:
    """Samples (count, 2) whose value is their position modulo 30,000."""
    return np.repeat((np.arange(start, start + count) % 30_000)[:, None], 2, 1).astype(np.int16)


def play(line: DelayLine, delays: list[float], clip: list[np.ndarray] | None = None) -> np.ndarray:
    """Push and pull one frame of 20 ms per delay; returns the pulled samples (N, 2)."""
    out = []
    for number, delay in enumerate(delays):
        now = number * 0.02
        line.push(ramp(number * SAMPLES_PER_FRAME, SAMPLES_PER_FRAME) if clip is None else clip[number], now)
        out.append(line.pull(SAMPLES_PER_FRAME, now, delay))
    return np.concatenate(out)


def test_delay_line_returns_the_samples_unchanged_after_the_delay() -> None:
    out = play(DelayLine(), [0.1] * 60)[:, 0]
    settled = out[20 * SAMPLES_PER_FRAME :].astype(int)
    # The newest frame ends now, and the pulled one begins 100 ms before now.
    late = round(0.1 * SAMPLE_RATE) - SAMPLES_PER_FRAME
    assert (settled == (np.arange(20 * SAMPLES_PER_FRAME, 60 * SAMPLES_PER_FRAME) - late) % 30_000).all()


def test_delay_line_is_silent_before_the_first_and_after_the_last_sample() -> None:
    line = DelayLine()
    assert not line.pull(SAMPLES_PER_FRAME, 0.0, 0.1).any()
    line.push(ramp(1000, SAMPLES_PER_FRAME), 0.02)
    assert line.pull(SAMPLES_PER_FRAME, 0.12, 0.1).shape == (SAMPLES_PER_FRAME, 2)
    assert not line.pull(SAMPLES_PER_FRAME, 5.0, 0.1).any()


def test_delay_line_follows_a_changing_delay_without_a_jump() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(600 * SAMPLES_PER_FRAME) / SAMPLE_RATE) * 10_000
    clip = list(np.repeat(tone[:, None], 2, 1).astype(np.int16).reshape(600, SAMPLES_PER_FRAME, 2))
    out = play(DelayLine(), [0.05] * 100 + [0.15] * 500, clip)[:, 0].astype(int)
    steepest = 10_000 * 2 * np.pi * 200 / SAMPLE_RATE
    assert np.abs(np.diff(out[50 * SAMPLES_PER_FRAME :])).max() < 1.1 * steepest + 2


def test_delay_line_reaches_a_changed_delay() -> None:
    line = DelayLine()
    out = play(line, [0.05] * 100 + [0.15] * 1100)[:, 0].astype(int)
    now = 1200 * SAMPLES_PER_FRAME
    assert (now - out[-1]) % 30_000 == pytest.approx(0.15 * SAMPLE_RATE, abs=0.01 * SAMPLE_RATE + SAMPLES_PER_FRAME)


def test_delay_line_limits_the_delay() -> None:
    out = play(DelayLine(), [60.0] * 200)[:, 0]
    assert out[-1] != 0


def test_delay_line_is_bounded_when_nothing_is_pulled() -> None:
    line = DelayLine()
    for number in range(500):
        line.push(ramp(number * SAMPLES_PER_FRAME, SAMPLES_PER_FRAME), number * 0.02)
    assert line._ring.shape == (round(CAPACITY_S * SAMPLE_RATE), 2)
    line.push(np.zeros((5 * SAMPLE_RATE, 2), np.int16), 11.0)  # more at once than fits

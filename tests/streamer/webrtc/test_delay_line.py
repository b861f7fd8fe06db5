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


def delays_of(arrivals: list[float], left_out: frozenset[int] = frozenset()) -> np.ndarray:
    """Seconds by which samples come back after they should have arrived, of packets of 20 ms that are so late.
    left_out: numbers of calls that are not made.
    """
    line, out = DelayLine(), []
    times = np.maximum.accumulate([0.02 * number + late for number, late in enumerate(arrivals)])  # in their order
    packets = list(zip(times, range(len(times)), strict=True))
    for number in range(len(arrivals)):
        now = 0.02 * number + 0.001
        while packets and packets[0][0] <= now:
            at, index = packets.pop(0)
            places = np.arange(index * SAMPLES_PER_FRAME, (index + 1) * SAMPLES_PER_FRAME) // 16
            line.push(np.repeat(places[:, None], 2, 1).astype(np.int16), at)
        out.append(out[-1] if number in left_out else int(line.pull(SAMPLES_PER_FRAME, now, 0.3)[0, 0]))
    # A pulled frame begins with the sample of so many seconds, as the clock of arrivals counts the last of a packet.
    return np.arange(len(arrivals)) * 0.02 + 0.02 - np.array(out) * 16 / SAMPLE_RATE


def test_packets_that_are_kept_back_for_a_moment_change_no_delay() -> None:
    for kept_back in (0.05, 0.15, 0.25):
        late = [0.0] * 250
        for number in range(100, 101 + int(kept_back / 0.02)):
            late[number] = max(kept_back - 0.02 * (number - 100), 0.0)  # then all come at once
        settled = delays_of(late)[40:]
        assert np.ptp(settled) < 0.004, kept_back


def test_samples_of_calls_that_are_left_out_are_left_out() -> None:
    left_out = frozenset((100, 101, 150, 180, 181, 182, 183, 184))
    delays = delays_of([0.0] * 250, left_out)
    made = [number for number in range(40, 250) if number not in left_out]
    assert np.ptp(delays[made]) < 0.002


def test_packets_that_stay_late_change_the_delay_within_a_second() -> None:
    delays = delays_of([0.0] * 100 + [0.15] * 100)
    assert delays[60:100] == pytest.approx(delays[60], abs=0.002)
    assert delays[150:] == pytest.approx(delays[60] + 0.15, abs=0.005)


def test_jitter_of_packets_is_not_followed() -> None:
    late = np.random.default_rng(3).exponential(0.008, 500)
    delays = delays_of([float(each) for each in late])[50:]
    assert np.ptp(delays) < 0.006


def test_delay_line_limits_the_delay() -> None:
    out = play(DelayLine(), [60.0] * 200)[:, 0]
    assert out[-1] != 0


def test_delay_line_is_bounded_when_nothing_is_pulled() -> None:
    line = DelayLine()
    for number in range(500):
        line.push(ramp(number * SAMPLES_PER_FRAME, SAMPLES_PER_FRAME), number * 0.02)
    assert line._ring.shape == (round(CAPACITY_S * SAMPLE_RATE), 2)
    line.push(np.zeros((5 * SAMPLE_RATE, 2), np.int16), 11.0)  # more at once than fits

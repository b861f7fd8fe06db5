"""The pitches of the benchmarks' microphone, at every rate of a codec."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.streaming.coded_sound import FRAME_S, STEP_S, STEPS, CodedMicrophone, coded_sound, read_step


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_every_step_is_read_from_one_frame_of_its_sound_without_jumps(rate: int) -> None:
    count = round(rate * FRAME_S)
    for step in range(STEPS):
        start = (step + STEPS) * STEP_S
        sound = coded_sound(start, 2 * count, rate)
        assert read_step(sound[:count], rate) == read_step((0.2 * sound[:count]).astype(np.int16), rate) == step
        steepest = 8000 * 2 * np.pi * 3300 / rate
        assert np.abs(np.diff(coded_sound(start - FRAME_S, 2 * count, rate).astype(int))).max() <= steepest


def test_silence_and_noise_outside_of_the_pitches_have_no_step() -> None:
    assert read_step(np.zeros(960, np.int16), 48_000) is None
    assert read_step(np.zeros(0, np.int16), 48_000) is None
    hum = (8000 * np.sin(2 * np.pi * 100 * np.arange(960) / 48_000)).astype(np.int16)
    assert read_step(hum, 48_000) is None


def test_delay_is_told_by_the_step_up_to_the_first_pitch_again() -> None:
    microphone = CodedMicrophone()
    microphone.began = 100.0
    for delay in (0.0, 0.05, 0.3, 1.9):
        assert microphone.delay_s(7, 100.0 + (3 * STEPS + 7) * STEP_S + delay + 1e-6) == pytest.approx(delay, abs=1e-4)

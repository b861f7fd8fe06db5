"""The sound of an output that has a clock of its own."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.outputs.paced_sound import PacedSound
from streamer.webrtc.delay_line import MIN_DELAY_S, DelayLine

BLOCK = 960  # 20 ms


def test_blocks_come_evenly_and_what_was_slept_through_is_left_out() -> None:
    pace, line = PacedSound(BLOCK, 100.0), DelayLine()
    assert [number for number, _ in pace.due(line, 100.05)] == [0, 1, 2]
    assert pace.next_due == pytest.approx(100.06)
    assert [number for number, _ in pace.due(line, 160.0)] == [3000]
    assert all(samples.shape == (BLOCK, 2) and not np.any(samples) for _, samples in pace.due(line, 160.1))


@pytest.mark.parametrize(
    ("frame_delay_s", "delay_s", "ahead_s"), [(0.3, 0.3, 0.0), (0.02, MIN_DELAY_S, 0.06), (9, 1.5, 0)]
)
def test_sound_is_as_late_as_frames_within_limits(frame_delay_s: float, delay_s: float, ahead_s: float) -> None:
    pace = PacedSound(BLOCK, 0.0)
    assert (pace.delay_s, pace.ahead_s) == (MIN_DELAY_S, 0)
    pace.follow(frame_delay_s)
    list(pace.due(DelayLine(), 0.5))
    assert pace.delay_s == pytest.approx(delay_s) and pace.ahead_s == pytest.approx(ahead_s)

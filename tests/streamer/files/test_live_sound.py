"""The sound track of what is live, by the times that it asks for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from streamer.files.live_sound import MAX_BURST_S, SETTLE_S, LiveSound
from streamer.files.video_writer import live_suffix, open_live_recording
from streamer.frames import AvatarFrame
from streamer.runtime.sound_feed import SAMPLE_RATE, Samples

BREAK_S = 3600.0


@pytest.mark.parametrize("alpha", [False, True])
def test_a_long_break_in_the_picture_is_no_burst_of_silence(tmp_path: Path, alpha: bool) -> None:
    asked: list[float] = []

    def pull(count: int, seconds: float) -> Samples:
        asked.append(seconds)
        wave = np.sin(np.arange(count) * 2 * np.pi * 500 / SAMPLE_RATE) * (12_000 if seconds > BREAK_S else 0)
        return np.repeat(wave[:, None], 2, 1).astype(np.int16)

    path = tmp_path / f"a{live_suffix(alpha)}"
    recording = open_live_recording(path, Fraction(25), alpha, LiveSound(pull))
    times = [number / 25 + (BREAK_S if number >= 25 else 0.0) for number in range(75)]
    for seconds in times:
        matte = np.full((16, 16), 128, np.uint8) if alpha else None
        recording.write(AvatarFrame(np.full((16, 16, 3), 90, np.uint8), seconds, matte))
    recording.finish()
    steps = np.diff(asked)
    assert (steps > 0.03).sum() == 1
    assert asked[int(steps.argmax()) + 1] == pytest.approx(BREAK_S + 1 - SETTLE_S - MAX_BURST_S, abs=0.05)
    with av.open(str(path)) as container:
        loud = [float(frame.time) for frame in container.decode(audio=0) if np.abs(frame.to_ndarray()).max() > 0.15]
    with av.open(str(path)) as container:
        shown = [float(frame.time) for frame in container.decode(video=0)]
    assert shown == pytest.approx(times, abs=0.002)
    assert loud[0] == pytest.approx(BREAK_S, abs=0.05) and loud[-1] == pytest.approx(times[-1], abs=0.1)
    assert len(asked) < (MAX_BURST_S + 4) * SAMPLE_RATE / 960

"""When frames and sound of a stream are shown, on a clock of the test's own."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.frames import KEY, AvatarFrame
from streamer.outputs.timed_stream import TimedStream
from streamer.runtime.sound_feed import SAMPLE_RATE
from streamer.webrtc.delay_line import DelayLine
from tests.support.stream_receiver import Decoded, decode

STEP_S = 0.02


class Link:
    """Keeps what is written."""

    def __init__(self, container: str) -> None:
        self.container, self.sent, self.pending, self.data = container, 0, 0, bytearray()

    def write(self, data: bytes) -> None:
        self.data += data

    def connect(self) -> None: ...
    def flush(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


def frame(value: int, captured: float, size: tuple[int, int] = (64, 48), alpha: int | None = None) -> AvatarFrame:
    height, width = size
    matte = None if alpha is None else np.full(size, alpha, np.uint8)
    return AvatarFrame(np.full((height, width, 3), value, np.uint8), captured, matte)


def play(container: str, seconds: float, delay_s: float, lag_s: float, start: float = 1000.0) -> Decoded:
    """A stream whose camera sees a flash in the moment of a beep, each second. delay_s: of the avatar. lag_s: of what
    the sound moves, so that the flash of a voice would come so much later.
    """
    link, line = Link(container), DelayLine()
    stream = TimedStream(link, frame(0, start), 50.0, 1_000_000, start)
    for n in range(round(seconds / STEP_S)):
        now = start + n * STEP_S
        heard = now - start + np.arange(round(STEP_S * SAMPLE_RATE)) / SAMPLE_RATE - STEP_S  # the newest came just now
        wave = 12000 * np.sin(2 * np.pi * 1000 * heard) * (heard % 1 < 0.1) * (heard >= 0)
        line.push(np.repeat(wave.astype(np.int16)[:, None], 2, axis=1), now)
        captured = now - delay_s
        shown = (captured - start - lag_s + 0.001) % 1 < 0.1
        stream.show(frame(255 if shown else 0, captured), now, lag_s)
        stream.play(line, now)
    stream.close()
    return decode(bytes(link.data))


@pytest.mark.parametrize("container", ["flv", "mpegts"])
@pytest.mark.parametrize(("delay_s", "lag_s"), [(0.15, 0.0), (0.02, 0.0), (0.1, 0.2)])
def test_flash_and_beep_come_together(container: str, delay_s: float, lag_s: float) -> None:
    decoded = play(container, 3.6, delay_s, lag_s)
    assert sorted(decoded.codecs) == ["aac", "h264"]
    flashes, beeps = decoded.flashes()[1:], decoded.beeps()[-2:]
    assert len(flashes) >= 2 and np.allclose(flashes[-2:], beeps, atol=0.06)
    assert np.all(np.diff([at for at, _ in decoded.pictures]) > 0)
    assert np.allclose(np.diff(decoded.key_frames), 2, atol=0.05) and len(decoded.key_frames) == 2


def test_stream_keeps_its_first_size_and_fits_others_on_black() -> None:
    link = Link("flv")
    stream = TimedStream(link, frame(200, 0, (63, 95)), 30.0, 1_000_000, 0.0)
    stream.show(None, 0.0, 0.0)
    stream.show(frame(200, 0.1, (128, 64)), 0.1, 0.0)
    stream.close()
    decoded = decode(bytes(link.data))
    assert decoded.sizes == {(96, 64)} and decoded.newest is not None
    assert decoded.newest[:, :28].max() < 16 and decoded.newest[:, 36:60].min() > 180


def test_transparency_is_drawn_in_the_key_colour() -> None:
    link = Link("flv")
    stream = TimedStream(link, frame(0, 0, alpha=0), 30.0, 1_000_000, 0.0)
    stream.show(None, 0.0, 0.0)
    stream.close()
    newest = decode(bytes(link.data)).newest
    assert newest is not None and np.allclose(newest.mean((0, 1)), KEY, atol=6)


def test_last_frame_stays_and_sound_goes_on_where_nothing_comes() -> None:
    link, line = Link("flv"), DelayLine()
    stream = TimedStream(link, frame(100, 0), 30.0, 1_000_000, 0.0)
    for n in range(100):
        stream.show(None, n * STEP_S, 0.0)
        stream.play(line, n * STEP_S)
    stream.play(line, 60.0)  # the machine slept
    stream.close()
    decoded = decode(bytes(link.data))
    assert len(decoded.pictures) == 10
    assert len(decoded.sound) == pytest.approx(2000, abs=60) and decoded.sound[-1][0] == pytest.approx(60, abs=0.1)

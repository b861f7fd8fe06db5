"""What is sent by NDI and when, by a clock of the test."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.frames import AvatarFrame
from streamer.outputs.ndi_stream import BLOCK_SAMPLES, NdiStream, to_rgba
from streamer.runtime.sound_feed import SAMPLE_RATE
from streamer.webrtc.delay_line import DelayLine

BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE
FLASH_S = 3.0


class Receiver:
    """Keeps when the first bright picture and the first loud sound came, and how many pictures."""

    def __init__(self) -> None:
        self.now = 0.0
        self.connections = 1
        self.pictures: list[int] = []
        self.sounds = 0
        self.flash_at = self.tone_at = 0.0

    def get_num_connections(self, timeout: float) -> int:
        return self.connections

    def write_video(self, data: NDArray[np.uint8]) -> None:
        self.pictures.append(int(data[0]))
        if data[0] > 128 and not self.flash_at:
            self.flash_at = self.now

    def write_audio(self, data: NDArray[np.float32]) -> None:
        self.sounds += 1
        if np.abs(data).max() > 0.1 and not self.tone_at:
            self.tone_at = self.now + int(np.argmax(np.abs(data[0]) > 0.1)) / SAMPLE_RATE


def frame(value: int, captured: float, alpha: int | None = None, size: tuple[int, int] = (4, 4)) -> AvatarFrame:
    matte = None if alpha is None else np.full(size, alpha, np.uint8)
    return AvatarFrame(np.full((*size, 3), value, np.uint8), captured, matte)


@pytest.mark.parametrize(("engine_s", "lag_s"), [(0.01, 0.0), (0.05, 0.0), (0.2, 0.0), (0.01, 0.05)])
def test_picture_is_sent_with_the_sound_that_moved_it(engine_s: float, lag_s: float) -> None:
    """engine_s: from a camera picture until its frame. lag_s: until what the sound moves is drawn, in addition."""
    receiver, line = Receiver(), DelayLine()
    stream = NdiStream(receiver, 4, 4, 0.0)
    for step in range(round(4 / BLOCK_S)):
        receiver.now = now = step * BLOCK_S
        line.push(np.full((BLOCK_SAMPLES, 2), 8192 if now > FLASH_S else 0, np.int16), now)
        stream.show(frame(200 if FLASH_S + lag_s <= now - engine_s else 40, now - engine_s), now, lag_s)
        stream.send(line, now)
    assert receiver.flash_at == pytest.approx(receiver.tone_at, abs=1.5 * BLOCK_S)


def test_of_frames_that_are_due_at_once_the_newest_is_sent() -> None:
    receiver, line = Receiver(), DelayLine()
    stream = NdiStream(receiver, 4, 4, 0.0)
    stream.show(frame(1, 0.0), 0.0, 0.0)
    stream.send(line, 0.0)  # the first one's delay is known now
    for number in (2, 3):
        stream.show(frame(number, 0.001), 0.001, 0.0)
    stream.send(line, 0.002)
    assert receiver.pictures == [1] and stream.next_due == pytest.approx(BLOCK_S)
    stream.send(line, 0.07)
    assert receiver.pictures == [1] and stream.next_due == pytest.approx(0.08)
    stream.send(line, 0.0815)
    assert receiver.pictures == [1, 3] and stream.next_due == pytest.approx(0.1)


def test_nothing_is_sent_while_nobody_receives() -> None:
    receiver = Receiver()
    receiver.connections = 0
    stream = NdiStream(receiver, 4, 4, 0.0)
    stream.show(frame(1, 0.0), 0.0, 0.0)
    stream.send(DelayLine(), 0.5)
    assert not receiver.pictures and not receiver.sounds and stream.next_due > 0.5


@pytest.mark.parametrize(("alpha", "bars"), [(None, 0), (255, 0)])
def test_another_shape_is_fitted_on_transparency(alpha: int | None, bars: int) -> None:
    picture = to_rgba(frame(200, 0.0, alpha, (32, 64)), 64, 64)
    assert picture.shape == (64, 64, 4)
    assert (picture[:16, :, 3] == bars).all() and (picture[16:48, :, 3] == 255).all()
    assert (picture[20:44, :, :3] == 200).all()

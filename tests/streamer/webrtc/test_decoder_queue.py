"""What a camera's decoder is given: no picture beyond the limit, and nothing that waits for long."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterFrame

from streamer.webrtc.decoder_queue import MAX_WAITING_FRAMES, DecoderQueue, install_decoder_queue

VP8 = SimpleNamespace(name="VP8")
DELTA = b"\x01" + bytes(20)


def key(width: int, height: int) -> bytes:
    """The beginning of a VP8 key frame."""
    return b"\x00\x00\x00\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + bytes(20)


class Camera:
    """Puts frames into a queue; waiting: those that may be decoded. refused: sizes. requests: of key frames."""

    def __init__(self) -> None:
        self.refused: list[tuple[int, int]] = []
        self.requests = 0
        self.now = 0.0
        self.queue = DecoderQueue(lambda *size: self.refused.append(size), self._request, lambda: self.now)

    def _request(self) -> None:
        self.requests += 1

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self.queue.put((VP8, JitterFrame(frame, 0)))

    def take(self) -> list[bytes]:
        return [self.queue.get()[1].data for _ in range(self.queue.qsize())]


def test_sizes_up_to_the_limit_may_change_from_frame_to_frame() -> None:
    camera = Camera()
    frames = [key(640, 480), DELTA, key(480, 640), key(320, 240), DELTA, key(1920, 1080), key(1920, 1920)]
    camera.send(*frames)
    assert camera.take() == frames and not camera.refused and not camera.requests


@pytest.mark.parametrize("size", [(1921, 16), (16, 1921), (8192, 8192)])
def test_key_frame_beyond_the_limit_is_not_decoded_and_neither_is_what_follows(size: tuple[int, int]) -> None:
    camera = Camera()
    camera.send(key(64, 48), DELTA, key(*size), DELTA, DELTA, key(64, 48), DELTA)
    assert camera.take() == [key(64, 48), DELTA, key(64, 48), DELTA]
    assert camera.refused == [size]


def test_decoder_that_is_behind_starts_anew_with_a_key_frame() -> None:
    camera = Camera()
    camera.send(key(64, 48), *[DELTA] * 40)
    assert len(camera.take()) == MAX_WAITING_FRAMES and camera.requests == 1
    camera.send(DELTA, key(64, 48), DELTA)
    assert camera.take() == [key(64, 48), DELTA]


def test_key_frame_that_cannot_be_read_is_dropped_and_asked_for_again() -> None:
    camera = Camera()
    camera.send(key(64, 48), b"\x00" * 30, DELTA, key(64, 48))
    assert camera.take() == [key(64, 48)] * 2 and camera.requests == 1


def test_key_frame_is_asked_for_until_it_comes_and_what_comes_before_is_decoded() -> None:
    camera = Camera()
    camera.send(key(64, 48), DELTA)
    camera.queue.expect_key_frame()
    for _ in range(20):
        camera.now += 0.1
        camera.send(DELTA)
        assert camera.take()[-1:] == [DELTA]
    assert camera.requests == 3
    camera.send(key(64, 48))
    for _ in range(20):
        camera.now += 0.1
        camera.send(DELTA)
        camera.take()
    assert camera.requests == 3


def test_end_of_the_track_passes() -> None:
    camera = Camera()
    camera.send(key(8192, 8192))
    camera.queue.put(None)
    assert camera.queue.get() is None


async def test_install_sets_the_attribute_of_aiortc_or_warns(caplog: pytest.LogCaptureFixture) -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video").receiver
    install_decoder_queue(receiver, lambda width, height: None)
    assert isinstance(vars(receiver)["_RTCRtpReceiver__decoder_queue"], DecoderQueue)
    await connection.close()
    with caplog.at_level(logging.WARNING):
        install_decoder_queue(object(), lambda width, height: None)  # type: ignore[arg-type]
    assert "decoder's queue elsewhere" in caplog.text

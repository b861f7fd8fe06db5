from __future__ import annotations

import fractions

import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.codecs import depayload
from aiortc.codecs.base import Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from streamer.errors import SessionError
from streamer.frames import AvatarFrame
from streamer.webrtc import encoder
from streamer.webrtc.tracks import to_video

CODECS = ("VP8", "H264")


def noise(number: int, width: int = 256, height: int = 256) -> av.VideoFrame:
    """A frame that is expensive to encode: blocks of noise, different for each number."""
    generator = np.random.default_rng(number)
    small = generator.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    frame = to_video(AvatarFrame(np.repeat(np.repeat(small, 8, 0), 8, 1), 0.0))
    frame.pts, frame.time_base = number * 3000, fractions.Fraction(1, 90_000)
    return frame


def make_with_times(codec: str, max_bitrate: int = 2_000_000) -> tuple[Encoder, list[float]]:
    times_ms: list[float] = []
    return encoder.make_encoder(codec, max_bitrate, 30, times_ms.append), times_ms


def megabits(tested: Encoder, frames: range) -> float:
    """Megabits a second at 30 fps."""
    bits = sum(8 * len(payload) for number in frames for payload in tested.encode(noise(number))[0])
    return bits * 30 / len(frames) / 1e6


def decode(codec: str, payloads: list[list[bytes]]) -> list[av.VideoFrame]:
    parameters = RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90_000)
    decoder = av.CodecContext.create({"VP8": "libvpx", "H264": "h264"}[codec], "r")
    packets = [av.Packet(b"".join(depayload(parameters, payload) for payload in frame)) for frame in payloads]
    return [frame for packet in [*packets, None] for frame in decoder.decode(packet)]


@pytest.mark.parametrize("codec", CODECS)
def test_encoder_output_decodes_to_the_frame(codec: str) -> None:
    tested, times_ms = make_with_times(codec)
    encoded = [tested.encode(noise(0)) for _ in range(4)]
    decoded = decode(codec, [payloads for payloads, _ in encoded])
    assert all(len(payload) <= 1300 for payloads, _ in encoded for payload in payloads)
    assert np.abs(decoded[-1].to_ndarray(format="rgb24").astype(int) - noise(0).to_ndarray(format="rgb24")).mean() < 12
    assert len(times_ms) == 4 and min(times_ms) > 0


@pytest.mark.parametrize("codec", CODECS)
def test_encoder_bitrate_follows_the_target_within_its_limits(codec: str) -> None:
    tested, _ = make_with_times(codec)
    assert tested.target_bitrate == 2_000_000
    assert 1.0 < megabits(tested, range(60)) < 3.0
    tested.target_bitrate = 10
    assert tested.target_bitrate == encoder.MIN_BITRATE
    megabits(tested, range(60, 90))
    assert megabits(tested, range(90, 120)) < 0.8
    tested.target_bitrate = 9_000_000
    assert tested.target_bitrate == 2_000_000


@pytest.mark.parametrize("codec", CODECS)
def test_encoder_sends_a_key_frame_on_request(codec: str) -> None:
    tested, _ = make_with_times(codec)
    first = [tested.encode(noise(0))[0] for _ in range(10)]
    requested = [tested.encode(noise(0), True)[0], tested.encode(noise(0))[0]]
    assert len(b"".join(first[9])) < 0.2 * len(b"".join(requested[0]))
    assert len(decode(codec, requested)) == 2  # a decoder can begin here


@pytest.mark.parametrize("codec", CODECS)
def test_encoder_accepts_a_new_frame_size(codec: str) -> None:
    tested, _ = make_with_times(codec)
    tested.encode(noise(0))
    payloads = [tested.encode(noise(number, 128, 256))[0] for number in (1, 2)]
    assert {(frame.width, frame.height) for frame in decode(codec, payloads)} == {(128, 256)}


def test_encoder_keeps_timestamps() -> None:
    tested, _ = make_with_times("VP8")
    assert [tested.encode(noise(number))[1] for number in (0, 5)] == [0, 15_000]


def test_make_encoder_names_an_unknown_codec() -> None:
    with pytest.raises(SessionError, match=r"^No encoder for the codec AV1: choose vp8 or h264 with --codec\.$"):
        make_with_times("AV1")


async def test_install_encoder_sets_the_attribute_of_aiortc() -> None:
    connection = RTCPeerConnection()
    sender = connection.addTransceiver("video").sender
    tested, _ = make_with_times("VP8")
    encoder.install_encoder(sender, tested)
    assert vars(sender)["_RTCRtpSender__encoder"] is tested
    await connection.close()

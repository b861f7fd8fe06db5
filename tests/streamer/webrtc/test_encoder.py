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
    """A picture that costs bits: coarse noise, moving."""
    generator = np.random.default_rng(number)
    small = generator.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    frame = to_video(AvatarFrame(np.repeat(np.repeat(small, 8, 0), 8, 1), 0.0))
    frame.pts, frame.time_base = number * 3000, fractions.Fraction(1, 90_000)
    return frame


def make(codec: str, most: int = 2_000_000) -> tuple[Encoder, list[float]]:
    reports: list[float] = []
    return encoder.make_encoder(codec, most, 30, reports.append), reports


def megabits(made: Encoder, frames: range) -> float:
    """Per second, at 30 fps."""
    return (
        sum(8 * len(payload) for number in frames for payload in made.encode(noise(number))[0]) * 30 / len(frames) / 1e6
    )


def decode(codec: str, payloads: list[list[bytes]]) -> list[av.VideoFrame]:
    parameters = RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90_000)
    decoder = av.CodecContext.create({"VP8": "libvpx", "H264": "h264"}[codec], "r")
    packets = [av.Packet(b"".join(depayload(parameters, one) for one in frame)) for frame in payloads]
    return [frame for packet in [*packets, None] for frame in decoder.decode(packet)]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_encoded_is_what_is_seen(codec: str) -> None:
    made, reports = make(codec)
    encoded = [made.encode(noise(0)) for _ in range(4)]
    decoded = decode(codec, [payloads for payloads, _ in encoded])
    assert all(len(payload) <= 1300 for payloads, _ in encoded for payload in payloads)
    assert np.abs(decoded[-1].to_ndarray(format="rgb24").astype(int) - noise(0).to_ndarray(format="rgb24")).mean() < 12
    assert len(reports) == 4 and min(reports) > 0


@pytest.mark.parametrize("codec", CODECS)
def test_the_rate_follows_the_network_and_never_exceeds_the_limit(codec: str) -> None:
    made, _ = make(codec)
    assert made.target_bitrate == 2_000_000
    assert 1.0 < megabits(made, range(60)) < 3.0
    made.target_bitrate = 10
    assert made.target_bitrate == encoder.MIN_BITRATE
    megabits(made, range(60, 90))
    assert megabits(made, range(90, 120)) < 0.8
    made.target_bitrate = 9_000_000
    assert made.target_bitrate == 2_000_000


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_frame_comes_when_it_is_asked_for(codec: str) -> None:
    made, _ = make(codec)
    first = [made.encode(noise(0))[0] for _ in range(10)]
    asked = [made.encode(noise(0), True)[0], made.encode(noise(0))[0]]
    assert len(b"".join(first[9])) < 0.2 * len(b"".join(asked[0]))
    assert len(decode(codec, asked)) == 2  # a decoder can begin here


@pytest.mark.parametrize("codec", CODECS)
def test_the_size_may_change_in_mid_stream(codec: str) -> None:
    made, _ = make(codec)
    made.encode(noise(0))
    payloads = [made.encode(noise(number, 128, 256))[0] for number in (1, 2)]
    assert {(frame.width, frame.height) for frame in decode(codec, payloads)} == {(128, 256)}


def test_timestamps_pass_through() -> None:
    made, _ = make("VP8")
    assert [made.encode(noise(number))[1] for number in (0, 5)] == [0, 15_000]


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(SessionError, match=r"^No encoder for the codec AV1; choose vp8 or h264 with --codec\.$"):
        make("AV1")


async def test_aiortc_keeps_its_encoder_where_we_put_ours() -> None:
    connection = RTCPeerConnection()
    sender = connection.addTransceiver("video").sender
    made, _ = make("VP8")
    encoder.install_encoder(sender, made)
    assert vars(sender)["_RTCRtpSender__encoder"] is made
    await connection.close()

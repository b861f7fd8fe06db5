"""The size of a coded picture is read from its header, whatever encoder made it, and damage never breaks the reader."""

from __future__ import annotations

import random

import av
import numpy as np
import pytest
from av import VideoFrame

from streamer.webrtc.key_frames import FrameHeader, UnreadableFrameError, read_header


def coded(codec: str, width: int, height: int, count: int = 3, **options: str) -> list[bytes]:
    """Coded frames, the first of them a key frame."""
    encoder = av.CodecContext.create("libvpx" if codec == "VP8" else "libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"  # type: ignore[attr-defined]
    encoder.options = {"deadline": "realtime"} if codec == "VP8" else {"tune": "zerolatency", **options}
    chance = np.random.default_rng(1)
    frames = []
    for index in range(count):
        frame = VideoFrame.from_ndarray(chance.integers(0, 255, (height, width, 3), np.uint8), format="rgb24")
        frame.pts = index
        frames += [bytes(packet) for packet in encoder.encode(frame)]  # type: ignore[attr-defined]
    return frames


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (320, 240), (1920, 1080), (72, 68), (2560, 16)])
@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("VP8", {}),
        ("H264", {"profile": "baseline"}),
        ("H264", {"profile": "high", "x264-params": "cqm=jvt"}),  # with scaling lists
        ("H264", {"x264-params": "interlaced=1:bframes=0"}),
    ],
)
def test_size_of_a_key_frame_is_that_of_the_encoder(codec: str, options: dict[str, str], size: tuple[int, int]) -> None:
    first, *others = coded(codec, *size, count=2, **options)
    header = read_header(codec, first)
    assert header.is_key and header.size is not None
    if codec == "VP8":
        assert header.size == size
    else:
        blocks = 32 if "interlaced=1:bframes=0" in options.values() else 16
        assert header.size == (-(-size[0] // 16) * 16, -(-size[1] // blocks) * blocks)
    assert [read_header(codec, other) for other in others] == [FrameHeader(False, None)] * len(others)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_damaged_frames_have_a_header_or_none(codec: str) -> None:
    chance = random.Random(3)
    whole = coded(codec, 64, 48, count=1)[0][:200]
    for _ in range(2000):
        data = bytearray(whole[: chance.randint(0, len(whole))])
        for _ in range(chance.randint(0, 8)):
            if data:
                data[chance.randrange(min(len(data), 60))] = chance.randrange(256)
        try:
            header = read_header(codec, bytes(data))
        except UnreadableFrameError:
            continue
        assert header.size is None or min(header.size) >= 0


def test_largest_of_several_parameter_sets_counts() -> None:
    small, large = (coded("H264", side, side, count=1, profile="baseline")[0] for side in (64, 2048))
    assert read_header("H264", small + large).size == read_header("H264", large + small).size == (2048, 2048)

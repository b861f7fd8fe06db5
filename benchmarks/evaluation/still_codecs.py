"""A still picture through video codecs: the flicker that a codec adds by itself."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from aiortc.codecs.vpx import vp8_depayload

from benchmarks.evaluation.written_frames import as_written
from streamer.frames import AvatarFrame, Image
from streamer.webrtc.encoder import make_encoder

LIVE_BITRATE = 2_500_000  # bits a second


def file_codec(still: Image, count: int) -> list[Image]:
    """`count` frames of a still picture after H.264, as `streamer.files.video_writer` writes it."""
    return as_written((AvatarFrame(still, i / 25) for i in range(count)), Fraction(25))


def live_codec(still: Image, count: int) -> list[Image]:
    """`count` frames of a still picture after VP8, as a session sends it."""
    encoder = make_encoder("VP8", LIVE_BITRATE, 25, lambda milliseconds: None)
    decoder: Any = av.CodecContext.create("vp8", "r")
    out = []
    for i in range(count):
        frame = av.VideoFrame.from_ndarray(still, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = i * 3600, Fraction(1, 90_000)
        data = b"".join(vp8_depayload(payload) for payload in encoder.encode(frame)[0])
        out += [decoded.to_ndarray(format="rgb24") for decoded in decoder.decode(av.Packet(data))]
    return out

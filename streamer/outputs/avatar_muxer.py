"""Encodes the avatar as H.264 and its sound as AAC, and muxes both into bytes for a media server."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from streamer.frames import Image
from streamer.runtime.sound_feed import SAMPLE_RATE, Samples

KEY_FRAME_INTERVAL_S = 2.0  # what RTMP services ask for; one who tunes in waits as long at most
SOUND_BITRATE = 128_000  # bits a second
SAMPLES_PER_BLOCK = 1024  # the frame length of AAC
TIME_BASE = Fraction(1, 1000)  # seconds, that of FLV
_CONTAINER_OPTIONS = {"flv": {"flvflags": "no_duration_filesize"}, "mpegts": {}}


class AvatarMuxer:
    """Makes a stream of one size. Timestamps are seconds since its start.

    sink: gets the bytes. container: FFmpeg's name, flv or mpegts. width, height: even, pixels. fps: nominal frame
    rate. bitrate: most bits a second of video.
    """

    def __init__(
        self, sink: Callable[[bytes], None], container: str, width: int, height: int, fps: float, bitrate: int
    ) -> None:
        options = {"flush_packets": "1"} | _CONTAINER_OPTIONS[container]
        self._container: Any = av.open(_Sink(sink), "w", format=container, container_options=options)
        self._video = self._add_video(width, height, fps, bitrate)
        self._sound = self._container.add_stream(
            "aac", rate=SAMPLE_RATE, layout="stereo", options={"aac_coder": "fast"}
        )
        self._sound.bit_rate = SOUND_BITRATE
        self._reformatter = VideoReformatter()
        self._last_pts = -1
        self._next_key_frame = 0.0  # seconds
        self._blocks = 0

    def write_picture(self, rgb: Image, seconds: float) -> None:
        """Append a picture (height, width, 3) uint8. A time that is not after the last one's becomes so."""
        raw = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame = self._reformatter.reformat(raw, format="yuv420p", dst_colorspace=Colorspace.ITU709)
        self._last_pts = frame.pts = max(self._last_pts + 1, round(seconds / TIME_BASE))
        frame.time_base = TIME_BASE
        frame.pict_type = PictureType.NONE
        if seconds >= self._next_key_frame:
            frame.pict_type = PictureType.I
            self._next_key_frame = seconds + KEY_FRAME_INTERVAL_S
        self._container.mux(self._video.encode(frame))

    def write_sound(self, samples: Samples, block: int) -> None:
        """Append samples (SAMPLES_PER_BLOCK, 2), which begin `block` blocks after the stream's start."""
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = block * SAMPLES_PER_BLOCK
        self._container.mux(self._sound.encode(frame))

    def close(self) -> None:
        """Write what the container ends with."""
        self._container.mux(self._sound.encode(None))
        self._container.close()

    def _add_video(self, width: int, height: int, fps: float, bitrate: int) -> Any:
        options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "profile": "high",
            "forced-idr": "1",
            "g": "3000",  # key frames are forced by time, since the frame rate varies
            "sc_threshold": "0",  # and by nothing else: services want them evenly
            "maxrate": str(bitrate),
            "bufsize": str(bitrate // 2),
        }
        stream = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base, context.bit_rate, context.thread_count = TIME_BASE, bitrate, 1
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries = context.color_trc = 1  # BT.709, written explicitly because players guess otherwise
        return stream


class _Sink:
    """A file that cannot be read and has no positions."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink(data)
        return len(data)

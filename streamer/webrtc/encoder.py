"""Video encoders for a 512-pixel avatar, which replace those of aiortc.

aiortc's encoders start at 0.5 Mb/s (VP8) and 1 Mb/s (H.264), are limited to 1.5 and 3 Mb/s, denoise their input, and
restart with a key frame whenever the bandwidth estimate changes. These limits are module constants of aiortc, so the
encoders here are subclasses, and `install_encoder` puts one into one sender, which affects no other connection. The
interface stays aiortc's: bandwidth feedback (REMB) sets `target_bitrate`, a key-frame request sets `force_keyframe`,
and `encode` runs in an executor.
"""

from __future__ import annotations

import fractions
import logging
import time
from collections.abc import Callable

import av
from aiortc import RTCRtpSender
from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase
from av.frame import Frame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from streamer.errors import SessionError

MIN_BITRATE = 300_000  # bits a second; with less a face is not recognisable
# libvpx cannot change its rate while it runs, and a restart costs a key frame.
MIN_RATE_CHANGE = 0.2  # share of the rate by which the target must differ before the VP8 encoder restarts
MIN_RESTART_INTERVAL_S = 3.0  # between restarts that raise the rate
_ENCODER_ATTRIBUTE = "_RTCRtpSender__encoder"  # where aiortc keeps a sender's encoder, which it makes if this is None
_log = logging.getLogger(__name__)

ReportTime = Callable[[float], None]  # takes the milliseconds that the encoding of one frame took


class _AvatarEncoder(Encoder):
    """What is the same for both codecs, in place of the same of aiortc's encoders.

    max_bitrate: bits a second. fps: nominal frame rate. report_time: called with each frame's.
    """

    def __init__(self, max_bitrate: int, fps: float, report_time: ReportTime) -> None:
        super().__init__()
        self._max_bitrate = self._target_bitrate = max(max_bitrate, MIN_BITRATE)
        self._fps = fps
        self._report_time = report_time

    @property
    def target_bitrate(self) -> int:
        """Between MIN_BITRATE and the maximum, bits a second."""
        return self._target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._target_bitrate = max(MIN_BITRATE, min(bitrate, self._max_bitrate))

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """Encode a yuv420p VideoFrame. Returns its RTP payloads and its RTP timestamp (90 kHz)."""
        assert isinstance(frame, VideoFrame) and frame.pts is not None and frame.time_base is not None
        began = time.perf_counter()
        codec = self._codec_for(frame.width, frame.height)
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        payloads = self._payloads(b"".join(bytes(packet) for packet in codec.encode(frame)))
        self._report_time((time.perf_counter() - began) * 1000)
        return payloads, convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)

    def _codec_for(self, width: int, height: int) -> VideoCodecContext:
        """The codec for the next frame, started anew where that is needed."""
        raise NotImplementedError

    def _payloads(self, data: bytes) -> list[bytes]:
        """The RTP payloads of a coded frame."""
        raise NotImplementedError

    def _new_codec(self, name: str, width: int, height: int, bitrate: int) -> VideoCodecContext:
        """A codec of FFmpeg for frames of this size, not opened yet."""
        codec = av.CodecContext.create(name, "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.bit_rate = bitrate
        codec.framerate = fractions.Fraction(round(self._fps))
        codec.time_base = VIDEO_TIME_BASE
        codec.thread_count = 1
        return codec


class AvatarVp8Encoder(_AvatarEncoder, Vp8Encoder):
    """VP8 at a constant bitrate, fastest preset. max_bitrate: bits a second. fps: nominal frame rate."""

    def __init__(self, max_bitrate: int, fps: float, report_time: ReportTime) -> None:
        super().__init__(max_bitrate, fps, report_time)
        self._codec_bitrate = 0  # bits a second with which libvpx was started
        self._codec_started_at = 0.0  # seconds on time.monotonic

    def _codec_for(self, width: int, height: int) -> VideoCodecContext:
        if self.codec is None or self._needs_restart(width, height):
            self.codec = self._start_codec(width, height)
        return self.codec

    def _payloads(self, data: bytes) -> list[bytes]:
        payloads = self._packetize(data, self.picture_id)
        self.picture_id = (self.picture_id + 1) % (1 << 15)
        return payloads

    def _needs_restart(self, width: int, height: int) -> bool:
        assert self.codec is not None
        if (width, height) != (self.codec.width, self.codec.height):
            return True
        change = self.target_bitrate / self._codec_bitrate - 1
        if change > MIN_RATE_CHANGE:
            return time.monotonic() - self._codec_started_at > MIN_RESTART_INTERVAL_S
        return change < -MIN_RATE_CHANGE

    def _start_codec(self, width: int, height: int) -> VideoCodecContext:
        rate = self._codec_bitrate = self.target_bitrate
        self._codec_started_at = time.monotonic()
        codec = self._new_codec("libvpx", width, height, rate)
        codec.gop_size = 3000  # key frames on request only
        codec.qmin, codec.qmax = 4, 52
        codec.options = {
            "bufsize": str(rate // 2),
            "cpu-used": "-8",
            "deadline": "realtime",
            "lag-in-frames": "0",
            "minrate": str(rate),
            "maxrate": str(rate),
            "noise-sensitivity": "0",
            "overshoot-pct": "15",
            "undershoot-pct": "100",
            "static-thresh": "100",  # of a block's squared errors, which nobody sees; it is skipped
            "partitions": "0",
        }
        return codec


class AvatarH264Encoder(_AvatarEncoder, H264Encoder):
    """H.264 constrained baseline without lookahead. max_bitrate: bits a second. fps: nominal frame rate."""

    def _codec_for(self, width: int, height: int) -> VideoCodecContext:
        if self.codec is None or (width, height) != (self.codec.width, self.codec.height):
            self.codec = self._start_codec(width, height)
        elif self.codec.bit_rate != self.target_bitrate:
            self.codec.bit_rate = self.target_bitrate  # libx264 changes its rate without a key frame
        return self.codec

    def _payloads(self, data: bytes) -> list[bytes]:
        return self._packetize(self._split_bitstream(data))

    def _start_codec(self, width: int, height: int) -> VideoCodecContext:
        codec = self._new_codec("libx264", width, height, self.target_bitrate)
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "level": "31",
            "g": "3000",
            "forced-idr": "1",
            "maxrate": str(self._max_bitrate),
            "bufsize": str(self._max_bitrate // 2),
        }
        return codec


def make_encoder(codec: str, max_bitrate: int, fps: float, report_time: ReportTime) -> Encoder:
    """Make the encoder for 'VP8' or 'H264'. max_bitrate: bits a second. Raises SessionError for other codecs."""
    encoders: dict[str, Callable[[int, float, ReportTime], Encoder]] = {
        "VP8": AvatarVp8Encoder,
        "H264": AvatarH264Encoder,
    }
    if codec.upper() not in encoders:
        raise SessionError(f"No encoder for the codec {codec}: choose vp8 or h264 with --codec.")
    return encoders[codec.upper()](max_bitrate, fps, report_time)


def install_encoder(sender: RTCRtpSender, encoder: Encoder) -> None:
    """Set the encoder of `sender`, which must not have started.

    With an aiortc that keeps its encoder elsewhere, a warning is logged and aiortc's own encoder is used.
    """
    if not hasattr(sender, _ENCODER_ATTRIBUTE):
        _log.warning("this aiortc keeps its encoders elsewhere: video runs at aiortc's own bitrate")
        return
    setattr(sender, _ENCODER_ATTRIBUTE, encoder)

"""Video encoders made for a 512-pixel avatar, in place of aiortc's, which are made for small calls.

aiortc's own start at 0.5 Mb/s (VP8) and 1 Mb/s (H.264), stop at 1.5 and 3, denoise what needs no denoising, and
restart with a key frame whenever the bandwidth estimate moves. Its limits are module constants, so these are
subclasses: `install_encoder` puts one into one sender, which touches nothing outside that connection. Bandwidth
feedback (REMB) arrives as ever by `target_bitrate`, key-frame requests as ever by `force_keyframe`, and `encode` runs
as ever in an executor.
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

FLOOR = 300_000  # bits a second; below this a face is a smear
RESTART_STEP = 0.2  # VP8 cannot change its rate while it runs: only a change of this share is worth a key frame …
RESTART_PAUSE = 3.0  # … and upwards not more often than this many seconds
_SLOT = "_RTCRtpSender__encoder"  # where aiortc keeps a sender's encoder; it makes its own only if this is None
_log = logging.getLogger(__name__)

Report = Callable[[float], None]


class _Budget:
    """The bitrate that the network allows now, within what the person allows. bits a second."""

    def __init__(self, most: int) -> None:
        self.most = max(most, FLOOR)
        self.now = self.most

    def allow(self, bitrate: int) -> None:
        self.now = max(FLOOR, min(bitrate, self.most))


class AvatarVp8Encoder(Vp8Encoder):
    """VP8, constant rate, speed before size. report: called with the milliseconds that each frame took."""

    def __init__(self, most: int, fps: float, report: Report) -> None:
        super().__init__()
        self._budget = _Budget(most)
        self._fps = fps
        self._report = report
        self._running_at = 0
        self._started = 0.0

    @property
    def target_bitrate(self) -> int:
        return self._budget.now

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._budget.allow(bitrate)

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """frame: yuv420p VideoFrame. Returns RTP payloads and the RTP timestamp (90 kHz)."""
        assert isinstance(frame, VideoFrame)
        began = time.perf_counter()
        if self.codec is None or self._must_restart(frame):
            self.codec = self._start(frame.width, frame.height)
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        data = b"".join(bytes(packet) for packet in self.codec.encode(frame))
        payloads = self._packetize(data, self.picture_id)
        self.picture_id = (self.picture_id + 1) % (1 << 15)
        assert frame.pts is not None and frame.time_base is not None
        timestamp = convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)
        self._report((time.perf_counter() - began) * 1000)
        return payloads, timestamp

    def _must_restart(self, frame: VideoFrame) -> bool:
        assert self.codec is not None
        if (frame.width, frame.height) != (self.codec.width, self.codec.height):
            return True
        change = self.target_bitrate / self._running_at - 1
        return change < -RESTART_STEP or (change > RESTART_STEP and time.monotonic() - self._started > RESTART_PAUSE)

    def _start(self, width: int, height: int) -> VideoCodecContext:
        rate = self._running_at = self.target_bitrate
        self._started = time.monotonic()
        codec = av.CodecContext.create("libvpx", "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.bit_rate = rate
        codec.framerate = fractions.Fraction(round(self._fps))
        codec.time_base = VIDEO_TIME_BASE
        codec.gop_size = 3000  # key frames on request only
        codec.qmin, codec.qmax = 4, 52
        codec.thread_count = 1
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
            "static-thresh": "1",
            "partitions": "0",
        }
        return codec


class AvatarH264Encoder(H264Encoder):
    """H.264 constrained baseline, zero latency. report: called with the milliseconds that each frame took."""

    def __init__(self, most: int, fps: float, report: Report) -> None:
        super().__init__()
        self._budget = _Budget(most)
        self._fps = fps
        self._report = report

    @property
    def target_bitrate(self) -> int:
        return self._budget.now

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._budget.allow(bitrate)

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """frame: yuv420p VideoFrame. Returns RTP payloads and the RTP timestamp (90 kHz)."""
        assert isinstance(frame, VideoFrame)
        began = time.perf_counter()
        if self.codec is None or (frame.width, frame.height) != (self.codec.width, self.codec.height):
            self.codec = self._start(frame.width, frame.height)
        elif self.codec.bit_rate != self.target_bitrate:
            self.codec.bit_rate = self.target_bitrate  # libx264 follows without a key frame
        frame.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        data = b"".join(bytes(packet) for packet in self.codec.encode(frame))
        payloads = self._packetize(self._split_bitstream(data))
        assert frame.pts is not None and frame.time_base is not None
        timestamp = convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)
        self._report((time.perf_counter() - began) * 1000)
        return payloads, timestamp

    def _start(self, width: int, height: int) -> VideoCodecContext:
        codec = av.CodecContext.create("libx264", "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.bit_rate = self.target_bitrate
        codec.framerate = fractions.Fraction(round(self._fps))
        codec.time_base = VIDEO_TIME_BASE
        codec.thread_count = 1
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "level": "31",
            "g": "3000",
            "forced-idr": "1",
            "maxrate": str(self._budget.most),
            "bufsize": str(self._budget.most // 2),
        }
        return codec


def make_encoder(codec: str, most: int, fps: float, report: Report) -> Encoder:
    """codec: 'VP8' or 'H264'. most: bits a second."""
    kinds: dict[str, Callable[[int, float, Report], Encoder]] = {"VP8": AvatarVp8Encoder, "H264": AvatarH264Encoder}
    if codec.upper() not in kinds:
        raise SessionError(f"No encoder for the codec {codec}; choose vp8 or h264 with --codec.")
    return kinds[codec.upper()](most, fps, report)


def install_encoder(sender: RTCRtpSender, encoder: Encoder) -> None:
    """Give `sender` its encoder before it starts. With an aiortc that keeps it elsewhere the stream has aiortc's
    own.
    """
    if not hasattr(sender, _SLOT):
        _log.warning("this aiortc keeps its encoders elsewhere: video runs at aiortc's own bitrate")
        return
    setattr(sender, _SLOT, encoder)

"""Reads a video file: its frames as players display them, in order, each with its timestamp."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from streamer.errors import KagamiError
from streamer.files.displayed_frame import FrameDisplay
from streamer.frames import CameraFrame


class VideoError(KagamiError):
    """A video cannot be read or written; the message gives the reason and the remedy."""

    code = "video"


class VideoReader:
    """The video track of a file.

    rate: mean frames per second. frames: expected number of frames, 0 if the file has no length. Raises VideoError here
    or at the first frame if there is nothing to read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._container = _open(path)
        if not self._container.streams.video:
            self._container.close()
            raise VideoError(f"{path} has no picture track: give a video that shows the driver.")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or 0)
        self.rate = rate if 1 <= rate <= 240 else Fraction(25)  # recordings of browsers give 1000 or no rate
        seconds = (self._stream.duration or 0) * (self._stream.time_base or 0)
        seconds = seconds or Fraction(self._container.duration or 0, av.time_base)
        self.frames = int(self._stream.frames) or round(seconds * self.rate)
        self._display = FrameDisplay(self._stream.sample_aspect_ratio)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[CameraFrame]:
        """Each frame, `captured` in seconds of the file. Damage after the first frame ends the iteration."""
        last_captured, index = -np.inf, 0
        try:
            for frame in self._container.decode(self._stream):
                captured = frame.time
                if captured is None:
                    captured = max(last_captured, 0.0) + float(1 / self.rate)
                if captured <= last_captured:  # a second frame with one timestamp, which no player would show
                    continue
                last_captured = captured
                yield CameraFrame(self._display.picture(frame), captured, index)
                index += 1
        except FFmpegError as error:
            if index == 0:
                raise VideoError(
                    f"{self.path} cannot be decoded ({reason(error)}): convert it to MP4 first."
                ) from error
        if index == 0:
            raise VideoError(f"{self.path} holds no frames: give a video that shows the driver.")


def local_file(path: Path) -> str:
    """A path as FFmpeg takes it for a file whatever it contains: `talk:1.mp4` alone would name the protocol `talk`."""
    return f"file:{path}"


def reason(error: Exception) -> str:
    """The message of the system or of FFmpeg, without its full stop."""
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".") or type(error).__name__


def _open(path: Path) -> Any:
    if path.is_dir():
        raise VideoError(f"{path} is a folder: give the path of a video.")
    if not path.exists():
        raise VideoError(f"There is no video at {path}: check the path.")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes): record or download it again.")
    try:
        return av.open(local_file(path))
    except (OSError, FFmpegError) as error:
        raise VideoError(f"{path} is not a readable video ({reason(error)}): give an MP4, MOV, WebM or MKV.") from error

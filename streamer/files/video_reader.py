"""Reads a video file: its frames as players display them, in order, each with its timestamp."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.error import FFmpegError

from streamer.errors import KagamiError
from streamer.files.container_kind import STILL_BRANDS
from streamer.files.displayed_frame import FrameDisplay
from streamer.frames import CameraFrame
from streamer.options import ClipRange, say_duration

WHOLE = ClipRange()
CLIP_SLACK_S = 1.0  # by which a part may end after the file does: players show whole seconds


class VideoError(KagamiError):
    """A video cannot be read or written; the message gives the reason and the remedy."""

    code = "video"


class VideoReader:
    """The video track of a file, or a part of it.

    clip: the part that is read. name: of the file in sentences; None: its path. from_zero: whether times of a whole
    file count from its beginning, too, whatever its timestamps do, so that several files begin together.
    rate: mean frames per second. seconds: length of the file, 0 if it has none. frames: expected number of frames of
    the part, 0 if the file has no length. has_sound: whether the file has an audio track.

    Raises VideoError here or at the first frame if there is nothing to read.
    """

    def __init__(self, path: Path, clip: ClipRange = WHOLE, name: str | None = None, from_zero: bool = False) -> None:
        self.name = name or str(path)
        self._path, self._clip, self._from_zero = path, clip, from_zero
        self._container = open_container(path, self.name)
        if not self._container.streams.video:
            self._container.close()
            raise VideoError(f"{self.name} has no picture track: give a video that shows the driver.")
        self._stream = self._container.streams.video[0]
        if _is_picture(self._container):
            self._container.close()
            raise VideoError(
                f"{self.name} is a picture, not a video: give a video of the driver to --drive, and the picture to "
                "animate to --ref."
            )
        self._stream.thread_type = "AUTO"
        rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or 0)
        self.rate = rate if 1 <= rate <= 240 else Fraction(25)  # recordings of browsers give 1000 or no rate
        seconds = (self._stream.duration or 0) * (self._stream.time_base or 0)
        self.seconds = float(seconds or Fraction(self._container.duration or 0, av.time_base))
        try:
            check_clip(clip, self.seconds, self.name)
        except VideoError:
            self._container.close()
            raise
        self.frames = self._expected_frames()
        self.has_sound = bool(self._container.streams.audio)
        self._display = FrameDisplay(self._stream.sample_aspect_ratio)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that the file claims for its frames, pixels, before they are turned."""
        return self._stream.codec_context.width, self._stream.codec_context.height

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[CameraFrame]:
        """Each frame, once. Damage after the first frame ends the iteration.

        `captured`: seconds of the file; of a part, seconds from its beginning, the first frame being the one that
        players show then.
        """
        index = 0
        try:
            for frame, captured in self._timed():
                yield CameraFrame(self._display.picture(frame), captured, index)
                index += 1
        except FFmpegError as error:
            if index == 0:
                raise VideoError(
                    f"{self.name} cannot be decoded ({reason(error)}): convert it to MP4 first."
                ) from error
        if index == 0 and not self._clip.is_whole:
            raise VideoError(f"{self.name} shows nothing from {self._clip.start:g} s on: choose an earlier --clip.")
        if index == 0:
            raise VideoError(f"{self.name} holds no frames: give a video that shows the driver.")

    def _expected_frames(self) -> int:
        if self._clip.is_whole and self._stream.frames:
            return int(self._stream.frames)
        end = self.seconds if self._clip.end is None else min(self._clip.end, self.seconds or self._clip.end)
        return max(math.ceil((end - self._clip.start) * self.rate - 0.01), 0)

    def _timed(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """The frames that are to be read, still as they were decoded, with their `captured`."""
        if self._clip.is_whole:
            begin = times_in_file(self._container, self._clip)[0] if self._from_zero else 0.0
            for frame, captured in self._decoded():
                yield frame, captured - begin
            return
        begin, end = times_in_file(self._container, self._clip)
        shown: av.VideoFrame | None = None  # the last one before or at the beginning of the part
        since = begin
        for frame, captured in self._decoded_from(begin):
            if end is not None and captured >= end:
                break
            if captured <= begin:
                shown, since = frame, captured
                continue
            if shown is not None:
                yield shown, 0.0
                shown = None
            yield frame, captured - begin
        if shown is not None and begin - since < CLIP_SLACK_S:
            yield shown, 0.0

    def _decoded_from(self, begin: float) -> Iterator[tuple[av.VideoFrame, float]]:
        """Frames from the last key frame before `begin` on; all of them where the file cannot be searched."""
        if self._seek(begin):
            yield from self._decoded()
            return
        self._container.close()
        self._container = open_container(self._path, self.name)
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        yield from self._decoded()

    def _seek(self, begin: float) -> bool:
        """Go to a key frame at or before `begin`. False where the file has no index or its index is wrong: the position
        is then undefined.
        """
        try:
            target = round(begin / self._stream.time_base)
            self._container.seek(target, stream=self._stream, backward=True)
            first = next(self._container.decode(self._stream), None)
            if first is None or first.time is None or first.time > begin:
                return False
            self._container.seek(target, stream=self._stream, backward=True)
        except (OSError, FFmpegError):
            return False
        return True

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Frames from the present position on, with their seconds in the file, which rise."""
        last = -math.inf
        for frame in self._container.decode(self._stream):
            seconds = frame.time
            if seconds is None:
                seconds = max(last, 0.0) + float(1 / self.rate)
            if seconds <= last:  # a second frame with one timestamp, which no player would show
                continue
            last = seconds
            yield frame, seconds


def check_clip(clip: ClipRange, seconds: float, name: str) -> None:
    """Raises VideoError for a part that lies outside of a file. seconds: its length, 0 if unknown. name: of it."""
    if not seconds:
        return
    length = f"{name} is {say_duration(seconds)} long"
    if clip.start >= seconds:
        raise VideoError(f"{length}, and --clip begins at {clip.start:g} s: choose an earlier part.")
    if clip.end is not None and clip.end > seconds + CLIP_SLACK_S:
        raise VideoError(f"{length}, and --clip ends at {clip.end:g} s: let it end earlier, or nowhere.")


def _is_picture(container: Any) -> bool:
    """Whether FFmpeg has opened a picture file: a video of one frame, which would become a film of one frame. Animated
    GIF and PNG files are videos.
    """
    kind = container.format.name
    if kind == "image2" or kind.endswith("_pipe"):
        return True
    may_be = kind == "gif" or container.metadata.get("major_brand", "").encode() in STILL_BRANDS
    return may_be and container.streams.video[0].frames == 1


def times_in_file(container: Any, clip: ClipRange) -> tuple[float, float | None]:
    """Beginning and end of a part as timestamps, seconds: files may begin at another time than 0."""
    zero = (container.start_time or 0) / av.time_base
    return zero + clip.start, None if clip.end is None else zero + clip.end


def local_file(path: Path) -> str:
    """A path as FFmpeg takes it for a file whatever it contains: `talk:1.mp4` alone would name the protocol `talk`."""
    return f"file:{path}"


def reason(error: Exception) -> str:
    """The message of the system or of FFmpeg, without its full stop."""
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".") or type(error).__name__


def open_container(path: Path, name: str, is_sound: bool = False) -> Any:
    """Open a file for reading. name: for sentences. is_sound: whether only its sound is wanted. Raises VideoError."""
    kind = "sound file" if is_sound else "video"
    if path.is_dir():
        raise VideoError(f"{name} is a folder: give the path of a {kind}.")
    if not path.exists():
        raise VideoError(f"There is no {kind} at {name}: check the path.")
    if path.stat().st_size == 0:
        raise VideoError(f"{name} is empty (0 bytes): record or download it again.")
    try:
        return av.open(local_file(path))
    except (OSError, FFmpegError) as error:
        why = reason(error)
        if is_sound:
            sentence = f"{name} is not a readable sound file ({why}): give a WAV, an MP3 or a video."
        else:
            sentence = f"{name} is not a readable video ({why}): give an MP4, MOV, WebM or MKV."
        raise VideoError(sentence) from error

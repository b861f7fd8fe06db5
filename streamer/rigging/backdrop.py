"""A picture or a short clip of the user's own that stands behind the character, decoded once and kept in memory."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from streamer.errors import KagamiError
from streamer.files.container_kind import container_kind
from streamer.files.displayed_frame import FrameDisplay
from streamer.frames import Image
from streamer.rigging.picture import load_picture

MAX_BYTES = 64 * 2**20  # of the file
MAX_CLIP_S = 8.0  # of a clip; what follows is left out
MAX_CLIP_RATE = 30.0  # frames a second that are kept
MAX_CLIP_FRAMES = round(MAX_CLIP_S * MAX_CLIP_RATE)
MAX_CLIP_MEMORY = 96 * 2**20  # bytes of all frames of a clip together: longer clips are kept smaller
MAX_CLIP_PIXELS = 4096 * 2304  # of a frame of the file
MAX_SIDE = 1920  # pixels that are kept of a side: no avatar video is larger
MIN_SIDE = 16  # pixels of a clip's frame


class BackdropError(KagamiError):
    """A file cannot stand behind the character; the message names the reason and the remedy."""

    code = "background"


@dataclass(frozen=True, eq=False, slots=True)
class Backdrop:
    """What stands behind the character.

    frames: (N, H, W, 3) uint8, sRGB; one frame of a still. times: (N,) seconds of the frames in the clip, the first 0.
    period: seconds after which the clip begins anew; 0 of a still. notes: sentences for the person who chose it.
    """

    frames: Image
    times: NDArray[np.float64]
    period: float
    notes: tuple[str, ...] = ()

    def index_at(self, seconds: float) -> int:
        """The number of the frame that is shown at this time, on whatever clock."""
        if len(self.frames) == 1:
            return 0
        return int(np.searchsorted(self.times, seconds % self.period, side="right")) - 1


def load_backdrop(source: Path | bytes) -> Backdrop:
    """Read a picture, or the first seconds of an MP4, MOV, WebM or MKV, from the user's own disk (Path) or from a peer
    (bytes; touches no file). What a picture does not cover is black.

    Raises BackdropError, PictureError.
    """
    subject = "The uploaded background" if isinstance(source, bytes) else f"The background {source}"
    data = source if isinstance(source, bytes) else _read(source, subject)
    kind = container_kind(data)
    if kind is not None:
        return _read_clip(subject, data, kind)
    rgba = load_picture(source).rgba
    colours, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    frame = _shrunk(((colours * alpha + 127) // 255).astype(np.uint8), MAX_SIDE)
    return Backdrop(frame[None], np.zeros(1), 0.0)


def cover_canvas(frame: Image, crop: tuple[int, int], size: int) -> Image:
    """A frame (H, W, 3) scaled to cover the crop (width, height) in the middle of a canvas, (size, size, 3).

    What the frame does not reach outside of the crop continues its border.
    """
    height, width = frame.shape[:2]
    scale = max(crop[0] / width, crop[1] / height)
    sides = max(crop[0], round(width * scale)), max(crop[1], round(height * scale))
    scaled = cv2.resize(frame, sides, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    for axis, side in enumerate((sides[1], sides[0])):
        if side > size:
            scaled = scaled.take(range((side - size) // 2, (side - size) // 2 + size), axis)
    high, wide = (size - side for side in scaled.shape[:2])
    return np.asarray(
        cv2.copyMakeBorder(
            scaled, high // 2, high - high // 2, wide // 2, wide - wide // 2, cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )  # fmt: skip


def _read(path: Path, subject: str) -> bytes:
    """At most MAX_BYTES + 1 bytes of a file."""
    try:
        if not path.is_file():
            raise BackdropError(f"There is no file at {path}: check the path of the background.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BackdropError(f"{subject} cannot be read ({error.strerror}): check its permissions.") from error


def _read_clip(subject: str, data: bytes, kind: str) -> Backdrop:
    if len(data) > MAX_BYTES:
        raise BackdropError(f"{subject} is larger than {MAX_BYTES >> 20} MB: cut it or save it smaller.")
    try:
        with av.open(io.BytesIO(data), format=kind) as container:
            return _decode(subject, container)
    except (OSError, FFmpegError, ValueError) as error:
        raise BackdropError(f"{subject} is damaged or of an unknown kind: save it as an MP4.") from error


def _decode(subject: str, container: Any) -> Backdrop:
    if not container.streams.video:
        raise BackdropError(f"{subject} has no picture track: choose a clip that has one.")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1  # each thread holds frames of its own
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_CLIP_PIXELS:
        raise BackdropError(f"{subject} has {width} x {height} pixels a frame: save it in 4K at most.")
    if min(width, height) < MIN_SIDE:
        raise BackdropError(f"{subject} has only {width} x {height} pixels: choose a larger one.")
    display, frames, times = FrameDisplay(stream.sample_aspect_ratio), list[Image](), list[float]()
    side, is_cut, step = _kept_side(container, stream), False, 1 / MAX_CLIP_RATE
    for frame in container.decode(stream):
        if frame.width * frame.height > MAX_CLIP_PIXELS:
            raise BackdropError(f"{subject} has {frame.width} x {frame.height} pixels a frame: save it in 4K at most.")
        seconds = times[-1] + step if frame.time is None and times else frame.time or 0.0
        if times and seconds < times[-1] + 0.9 / MAX_CLIP_RATE:
            continue
        is_cut = len(frames) == MAX_CLIP_FRAMES or bool(times and seconds - times[0] >= MAX_CLIP_S)
        if is_cut:
            break
        picture = _shrunk(display.picture(frame), side)
        frames.append(picture if not frames else _like(picture, frames[0]))
        times.append(seconds)
    if not frames:
        raise BackdropError(f"{subject} holds no frames: choose another clip.")
    if len(frames) == 1:
        return Backdrop(frames[0][None], np.zeros(1), 0.0)
    seconds_of = np.array(times) - times[0]
    period = float(seconds_of[-1] + np.median(np.diff(seconds_of)))
    notes = (f"Only the first {MAX_CLIP_S:.0f} seconds of the background are shown, over and over.",) if is_cut else ()
    return Backdrop(np.stack(frames), seconds_of, period, notes)


def _kept_side(container: Any, stream: Any) -> int:
    """The longest side of a clip's frames with which they fit into MAX_CLIP_MEMORY all together."""
    rate = min(float(stream.average_rate or MAX_CLIP_RATE), MAX_CLIP_RATE)
    seconds = (container.duration or 0) / av.time_base
    count = math.ceil(min(seconds or MAX_CLIP_S, MAX_CLIP_S) * rate) + 1
    width, height = stream.codec_context.width, stream.codec_context.height
    pixels = MAX_CLIP_MEMORY / 3 / min(max(count, 1), MAX_CLIP_FRAMES)
    return min(MAX_SIDE, int(math.sqrt(pixels * max(width, height) / min(width, height))))


def _shrunk(picture: Image, side: int) -> Image:
    """A picture (H, W, 3) whose longer side has at most `side` pixels, contiguous."""
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(picture)
    sides = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, sides, interpolation=cv2.INTER_AREA), np.uint8)


def _like(picture: Image, first: Image) -> Image:
    """A frame in the size of the clip's first one, which streams may change."""
    if picture.shape == first.shape:
        return picture
    return np.asarray(cv2.resize(picture, first.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)

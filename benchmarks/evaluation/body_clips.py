"""Clips of bodies, read and tracked once, and pictures that are animated with their motion."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, takewhile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.evaluation.body_tracks import BodyTrack, track_bodies
from benchmarks.evaluation.written_frames import as_written
from streamer.files.video_reader import VideoReader
from streamer.film.performance import perform
from streamer.frames import AvatarFrame, CameraFrame, Image
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.pipeline import AvatarPipeline
from streamer.tracking.bridging import bridge
from streamer.tracking.false_faces import without_false_faces
from streamer.tracking.motion import Motion
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.smoothing import smooth_both_ways

MAX_RATE = Fraction(24)  # frames a second
MAX_SIDE = 640  # pixels
CLIP_S = 2.4


@dataclass(frozen=True, slots=True)
class Thinning:
    """How much of a clip is used: its first `seconds`, of them every `every`-th frame, and at most `count` of these."""

    seconds: float = CLIP_S
    every: int = 1
    count: int | None = None


@dataclass(frozen=True, slots=True)
class BodyClip:
    """The beginning of a clip of a driver.

    rate: frames a second. frames: (H, W, 3) uint8 each, at most MAX_SIDE pixels along the longer side. motions: of the
    driver, smoothed as in `streamer.animate`. track: what the score compares. track_ms: mean time of the product's own
    tracker for a frame.
    """

    name: str
    rate: Fraction
    frames: list[Image]
    motions: list[Motion]
    track: BodyTrack
    track_ms: float

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the frames, pixels."""
        height, width = self.frames[0].shape[:2]
        return height, width


def read_body_clip(path: Path, thinning: Thinning) -> BodyClip:
    """Read a clip at no more than MAX_RATE and MAX_SIDE, and track it. Raises VideoError."""
    with VideoReader(path) as reader:
        beginning = takewhile(lambda frame: frame.captured < thinning.seconds, resampled(reader, MAX_RATE))
        kept = islice(beginning, 0, None, thinning.every)
        frames = [shrunk(frame) for frame in islice(kept, thinning.count)]
    return track_clip(path.stem, min(reader.rate, MAX_RATE) / thinning.every, frames)


def track_clip(name: str, rate: Fraction, frames: Sequence[CameraFrame]) -> BodyClip:
    """Track frames of one size, by the product's tracker and for the score. rate: frames a second."""
    with MotionExtractor(smooth=False, live=False) as extractor:
        began = time.perf_counter()
        motions = [extractor.process(frame) for frame in frames]
        track_ms = 1e3 * (time.perf_counter() - began) / len(frames)
    pictures = [frame.rgb for frame in frames]
    shown = list(smooth_both_ways(bridge(without_false_faces(motions))))
    return BodyClip(name, rate, pictures, shown, track_bodies(pictures), track_ms)


def resampled(frames: Iterable[CameraFrame], rate: Fraction) -> Iterator[CameraFrame]:
    """Of frames in the order of time, the first one of each period of `rate`, with its own time."""
    last_period = -1
    for frame in frames:
        period = int(frame.captured * rate + 1e-6)  # times are multiples of 1 / 90,000 s
        if period > last_period:
            last_period = period
            yield frame


def shrunk(frame: CameraFrame, side: int = MAX_SIDE) -> CameraFrame:
    """The frame with a longer side of at most `side` pixels."""
    height, width = frame.rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return frame
    size = round(width * scale), round(height * scale)
    rgb = np.asarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return CameraFrame(rgb, frame.captured, frame.index)


def draw_body(
    pipeline: AvatarPipeline, avatar: Avatar, clip: BodyClip, controls: Controls, shape: tuple[int, int] | None = None
) -> tuple[list[Image], float]:
    """An avatar animated with a clip: its frames as `streamer.animate` writes them, and the median time in ms that one
    takes to draw, without tracking and without the encoder. shape: see `as_written`.
    """
    seconds: list[float] = []
    frames = _timed(perform(pipeline, avatar, clip.motions, controls, name=clip.name), seconds)
    drawn = as_written(frames, clip.rate, shape)
    return drawn, 1e3 * float(np.median(seconds))


def _timed(frames: Iterator[AvatarFrame], seconds: list[float]) -> Iterator[AvatarFrame]:
    """The same frames; appends to `seconds` how long each of them took."""
    while True:
        began = time.perf_counter()
        frame = next(frames, None)
        if frame is None:
            return
        seconds.append(time.perf_counter() - began)
        yield frame

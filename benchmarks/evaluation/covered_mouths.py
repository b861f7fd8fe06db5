"""How well a mouth is read that something covers: by the camera, by the voice, and by half of each.

The pictures of spoken clips are spoilt, and the real tracker looks at them as it does live; nothing is added to its
landmarks. What the clean pictures show is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.parting import parting_in, shifted_correlation
from benchmarks.evaluation.spoken_clips import SpokenClip, opening_of
from models.geometry.topology import LEFT_EYE_OUTER, LOWER_LIP_INNER, RIGHT_EYE_OUTER, UPPER_LIP_INNER
from streamer.files.video_reader import VideoReader
from streamer.frames import CameraFrame, Image
from streamer.tracking.motion_extractor import MotionExtractor

Array = NDArray[np.float32]
Spoil = Callable[[Image, Array, float, np.random.Generator], Image]  # picture, place of the mouth, s, random numbers

HALF = 0.5  # of the mouth is the voice's, by the page's control
COVER_WIDTH, COVER_HEIGHT = 0.55, 0.5  # half axes of a hand or a microphone before the mouth, outer eye distances
SWAY = 0.08  # of its movement, outer eye distances
PASSING_S = 0.8  # from one passing of a hand to the next
DARK_LEVEL, DARK_NOISE = 0.22, 14.0  # share of the light that is left, and deviation of a pixel's noise, 0..255


def with_hand(rgb: Image, mouth: Array, at: float, random: np.random.Generator) -> Image:
    """An ellipse of the forehead's colour with three dark lines, as between fingers, over lips and chin."""
    colour = np.median(_patch(rgb, mouth[:2] - np.array([0, 1.5 * mouth[2]]), 0.15 * mouth[2]), axis=(0, 1))
    covered, axes = rgb.copy(), mouth[2] * np.array([COVER_WIDTH, COVER_HEIGHT])
    centre = mouth[:2] + np.array([0, 0.15 * mouth[2]])
    _ellipse(covered, centre, axes, colour)
    for share in (-0.45, 0.0, 0.45):
        middle = centre + np.array([0, share * axes[1]])
        _ellipse(covered, middle, axes * np.array([0.85, 0.05]), colour * 0.6)
    return covered


def with_passing_hand(rgb: Image, mouth: Array, at: float, random: np.random.Generator) -> Image:
    """Such a hand in half of the time, as of one that talks."""
    return with_hand(rgb, mouth, at, random) if at % PASSING_S < PASSING_S / 2 else rgb


def with_microphone(rgb: Image, mouth: Array, at: float, random: np.random.Generator) -> Image:
    """A dark grey ball before the lips."""
    covered, axes = rgb.copy(), mouth[2] * np.array([0.4, 0.4])
    _ellipse(covered, mouth[:2], axes, np.full(3, 45.0))
    return covered


def in_the_dark(rgb: Image, mouth: Array, at: float, random: np.random.Generator) -> Image:
    """Little light, and the noise of a sensor."""
    noise = random.normal(0, DARK_NOISE, rgb.shape)
    return np.clip(rgb * DARK_LEVEL + noise, 0, 255).astype(np.uint8)


SPOILS: dict[str, Spoil] = {
    "nothing": lambda rgb, mouth, at, random: rgb,
    "dark": in_the_dark,
    "passing hand": with_passing_hand,
    "hand": with_hand,
    "microphone": with_microphone,
}


def _patch(rgb: Image, centre: Array, half: float) -> Image:
    (x, y), (height, width) = centre, rgb.shape[:2]
    left, top = int(np.clip(x - half, 0, width - 2)), int(np.clip(y - half, 0, height - 2))
    return rgb[top : top + max(2, round(2 * half)), left : left + max(2, round(2 * half))]


def _ellipse(rgb: Image, centre: Array, axes: Array, colour: Array) -> None:
    places = tuple(round(float(each)) for each in centre), tuple(max(1, round(float(each))) for each in axes)
    cv2.ellipse(rgb, *places, 0, 0, 360, [float(each) for each in colour], -1, cv2.LINE_AA)


def read_pictures(path: Path) -> list[Image]:
    """All pictures (H, W, 3) of a clip."""
    with VideoReader(path) as reader:
        return [frame.rgb for frame in reader]


def tracked_faces(pictures: Sequence[Image], times: Array, smooth: bool) -> list[Array | None]:
    """(478, 3) landmarks of each picture, camera units."""
    with MotionExtractor(body=False, smooth=smooth, live=False) as extractor:
        return [
            extractor.process(CameraFrame(rgb, float(at), number)).face
            for number, (rgb, at) in enumerate(zip(pictures, times, strict=True))
        ]


def mouth_places(faces: Sequence[Array | None], shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """(F, 3) x, y of what covers the mouth, which sways a little, and the outer eye distance, in pixels."""
    height, width = shape[:2]
    places, last = [], np.array([width / 2, height / 2, width / 6], np.float32)
    sway = np.zeros(2)
    for face in faces:
        if face is not None:
            pixels = (face[:, :2] * max(height, width) + (width, height)) / 2
            middle = pixels[[UPPER_LIP_INNER, LOWER_LIP_INNER]].mean(0)
            last = np.array([*middle, np.linalg.norm(pixels[RIGHT_EYE_OUTER] - pixels[LEFT_EYE_OUTER])], np.float32)
        sway = 0.9 * sway + random.normal(0, SWAY * (1 - 0.9**2) ** 0.5, 2)
        places.append(last + np.array([*(sway * last[2]), 0], np.float32))
    return np.array(places, np.float32)


def score_covered(clip: SpokenClip, path: Path, weights: Path, seed: int = 1) -> dict[str, dict[str, float]]:
    """By what covers a clip's mouth: correlation of the opening with the clean one, for the camera alone, the voice
    alone and half of each, while they speak; and the share of pictures in which a face was found.
    """
    pictures, random = read_pictures(path), np.random.default_rng(seed)
    places = mouth_places(tracked_faces(pictures, clip.times, smooth=False), pictures[0].shape, random)
    times, parting = parting_in(clip.samples, weights)
    voice = np.interp(clip.times, times, parting).astype(np.float32)
    rows = {}
    for name, spoil in SPOILS.items():
        shown = zip(pictures, places, clip.times, strict=True)
        spoilt = [spoil(rgb, place, float(at), random) for rgb, place, at in shown]
        faces = tracked_faces(spoilt, clip.times, smooth=True)
        camera = held([None if face is None else opening_of(face) for face in faces])
        rows[name] = {
            "camera": shifted_correlation(clip, clip.times, camera, 0.0),
            "voice": shifted_correlation(clip, clip.times, voice, 0.0),
            "half": shifted_correlation(clip, clip.times, (1 - HALF) * camera + HALF * voice, 0.0),
            "found": float(np.mean([face is not None for face in faces])),
            "camera_gain": float(np.ptp(camera) / np.ptp(clip.opening[np.isfinite(clip.opening)])),
        }
    return rows


def held(openings: Sequence[float | None]) -> Array:
    """(F,) openings, the last one where no face was found, as the avatar holds it."""
    shown, last = [], 0.0
    for opening in openings:
        last = last if opening is None else opening
        shown.append(last)
    return np.array(shown, np.float32)

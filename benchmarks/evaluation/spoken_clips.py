"""Clips of people who say a known sentence: their sound, how far their lips part, and when lips must touch.

The clips are those of the GRID corpus (Cooke et al. 2006), whose names spell the sentence: `brbk7n` is "bin red by k
seven now".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import LEFT_EYE_INNER, LEFT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_EYE_OUTER
from models.voice.log_mel import SAMPLE_RATE
from streamer.files.sound_samples import sound_samples
from streamer.files.video_reader import VideoReader
from streamer.sources.voice_activity import PIECE, VoiceActivity
from streamer.tracking.head_pose import head_pose
from streamer.tracking.lips import lip_opening
from streamer.tracking.motion_extractor import MotionExtractor
from training.voice.espeak import espeak
from training.voice.phonemes import is_bilabial

Array = NDArray[np.float32]

_WORDS = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(
        zip("123456789z", ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero"], strict=True)
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
LEVEL_S = 0.02  # of a window whose level is measured
SPEECH, SILENCE = 0.5, 0.1  # probabilities of a voice, above and below which a piece is one or none
OVER_NOISE_DB = 8.0  # by which speech is louder than the silence of its clip
SILENCE_S = 0.2
EDGE_S = 0.15  # of a silence that may still belong to the speech beside it


@dataclass(frozen=True)
class SpokenClip:
    """A clip and what is known of it.

    samples: at 16 kHz.
    times: (F,) s of the frames.
    opening: (F,) of the inner lips, in eye distances, NaN where no face was found.
    spoken: when speech begins and ends, s.
    bilabials: (start, end) of each p, b and m in s, as far as an even stretch of eSpeak NG's times tells them.
    silences: (start, end) in s.
    """

    name: str
    samples: Array
    times: Array
    opening: Array
    spoken: tuple[float, float]
    bilabials: list[tuple[float, float]]
    silences: list[tuple[float, float]]


def sentence_of(name: str) -> str:
    """The sentence that a clip's name spells, "" where it spells none: "grid_brbk7n" is "bin red by k seven now"."""
    code = name.rpartition("_")[2]
    if len(code) != len(_WORDS) or any(c not in words for c, words in zip(code, _WORDS, strict=True)):
        return ""
    return " ".join(words[c] for c, words in zip(code, _WORDS, strict=True))


def read_spoken_clip(path: Path) -> SpokenClip:
    """Read, track and align a clip. Raises VideoError."""
    samples = np.concatenate(list(sound_samples(path, str(path))))
    times, opening = [], []
    with VideoReader(path) as reader, MotionExtractor(body=False, smooth=False, live=False) as extractor:
        for frame in reader:
            face = extractor.process(frame).face
            times.append(frame.captured)
            opening.append(np.nan if face is None else opening_of(face))
    voiced = voiced_windows(samples)
    began, ended = spoken_part(samples, voiced)
    return SpokenClip(
        path.stem,
        samples,
        np.array(times, np.float32) - np.float32(times[0]),
        np.array(opening, np.float32),
        (began, ended),
        bilabial_times(sentence_of(path.stem), began, ended),
        silences(voiced),
    )


def opening_of(face: Array) -> float:
    """The opening of the lips in the head's own frame, in eye distances, of landmarks (478, 3)."""
    shape = head_pose(face).inverse(face)
    right = (shape[RIGHT_EYE_OUTER] + shape[RIGHT_EYE_INNER]) / 2
    left = (shape[LEFT_EYE_OUTER] + shape[LEFT_EYE_INNER]) / 2
    return lip_opening(shape) / float(np.linalg.norm(left - right))


def levels_db(samples: Array) -> Array:
    """Level (T,) of each LEVEL_S under the loudest one."""
    window = round(LEVEL_S * SAMPLE_RATE)
    power = (samples[: len(samples) // window * window].reshape(-1, window) ** 2).mean(1)
    return np.asarray(10 * np.log10(power / power.max() + 1e-9), np.float32)


def voiced_windows(samples: Array) -> Array:
    """Probability of a voice (T,) in each LEVEL_S."""
    pieces = VoiceActivity().feed(np.concatenate([samples, np.zeros(PIECE, np.float32)]))
    middles = (np.arange(len(samples) // round(LEVEL_S * SAMPLE_RATE)) + 0.5) * LEVEL_S
    at = np.minimum((middles * SAMPLE_RATE / PIECE).astype(int), len(pieces) - 1)
    return np.array(pieces, np.float32)[at]


def spoken_part(samples: Array, voiced: Array) -> tuple[float, float]:
    """When speech begins and ends, in s: voiced (T,) and louder than what is not."""
    levels = levels_db(samples)
    noise = np.median(levels[voiced < SILENCE]) if (voiced < SILENCE).any() else -np.inf
    loud = np.flatnonzero((voiced > SPEECH) & (levels > noise + OVER_NOISE_DB))
    return float(loud[0] * LEVEL_S), float((loud[-1] + 1) * LEVEL_S)


def silences(voiced: Array) -> list[tuple[float, float]]:
    """(start, end) in s of the parts without a voice (T,), without EDGE_S at their ends."""
    soft = np.r_[False, voiced < SILENCE, False]
    changes = np.flatnonzero(soft[1:] != soft[:-1])
    parts = [(a * LEVEL_S, b * LEVEL_S) for a, b in zip(changes[::2], changes[1::2], strict=True)]
    return [(float(a + EDGE_S), float(b - EDGE_S)) for a, b in parts if b - a > SILENCE_S + 2 * EDGE_S]


def bilabial_times(sentence: str, began: float, ended: float) -> list[tuple[float, float]]:
    """(start, end) in s of each p, b and m of a sentence that is spoken from `began` to `ended`."""
    if not sentence:
        return []
    segments = espeak().say(sentence, "en", 160, 50, 50).segments
    spoken = [segment for segment in segments if segment.ipa]
    first, last = spoken[0].start, spoken[-1].end
    stretch = (ended - began) / (last - first)
    return [
        (began + (s.start - first) * stretch, began + (s.end - first) * stretch) for s in spoken if is_bilabial(s.ipa)
    ]

"""How far lips part by a voice, and how well that agrees with lips that were filmed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.spoken_clips import SpokenClip
from models.voice.log_mel import SAMPLE_RATE
from models.voice.mouth_shapes import SHAPES, lip_parting
from streamer.sources.voice_motion import MAX_FEED_S, WEIGHTS, Voice, VoiceFrame

Array = NDArray[np.float32]

FACEKIT_EYE_DISTANCE_CM = 6.25
CLOSED = 0.025  # eye distances: lips that part by less are closed; the tracker says so of mouths at rest
TOUCH_SLACK_S = 0.08  # around a bilabial whose time is known by an even stretch only
MAX_LAG_S, LAG_STEP_S = 0.3, 0.01
LAG_SMOOTHING_S = 0.04  # of both tracks: a camera's frame is as long
SPOKEN_EDGE_S = 0.1


def parting_of(frames: Sequence[VoiceFrame]) -> tuple[Array, Array]:
    """(times (T,), parting of the lips (T,) in eye distances) of a voice's frames."""
    names = [name if name in Voice.NAMES else f"{name}_L" for name in SHAPES]
    columns = [Voice.NAMES.index(name) for name in names]
    weights = np.stack([frame.weights for frame in frames])[:, columns]
    parting = lip_parting(torch.from_numpy(weights)).numpy() / FACEKIT_EYE_DISTANCE_CM
    return np.array([frame.time for frame in frames], np.float32), np.asarray(parting, np.float32)


def parting_in(speech: Array, weights: Path = WEIGHTS) -> tuple[Array, Array]:
    """`parting_of` a sound (n,) at 16 kHz of any length."""
    voice, step = Voice(weights), round(MAX_FEED_S) * SAMPLE_RATE
    frames = [frame for start in range(0, len(speech), step) for frame in voice.feed(speech[start : start + step])]
    return parting_of([*frames, *voice.finish()])


def shifted_correlation(clip: SpokenClip, times: Array, parting: Array, lag_s: float, whole: bool = False) -> float:
    """Correlation of a clip's opening with a parting that is taken `lag_s` later, 0 where one stands still.

    whole: of the whole clip, in whose silences mouths of people hang open or not, as no sound tells; else while they
    speak, and SPOKEN_EDGE_S before and after.
    """
    start, end = (-np.inf, np.inf) if whole else (clip.spoken[0] - SPOKEN_EDGE_S, clip.spoken[1] + SPOKEN_EDGE_S)
    compared = np.isfinite(clip.opening) & (clip.times >= start) & (clip.times <= end)
    width = LAG_SMOOTHING_S / 2
    read = np.mean([np.interp(clip.times + lag_s + part, times, parting) for part in (-width, 0, width)], 0)
    a, b = clip.opening[compared], read[compared]
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 1e-6 and b.std() > 1e-6 else 0.0


def best_lag(clip: SpokenClip, times: Array, parting: Array) -> tuple[float, float]:
    """(lag in s at which the correlation is best, positive where the voice is late, and that correlation)."""
    lags = np.arange(-MAX_LAG_S, MAX_LAG_S + LAG_STEP_S / 2, LAG_STEP_S)
    found = [shifted_correlation(clip, times, parting, float(lag)) for lag in lags]
    best = int(np.argmax(found))
    return float(lags[best]), found[best]


def closed_share(clip: SpokenClip, times: Array, parting: Array, moments: Sequence[tuple[float, float]]) -> float:
    """Share of moments (start, end) near which the lips close; NaN without any."""
    closed = [
        parting[(times >= a - TOUCH_SLACK_S) & (times <= b + TOUCH_SLACK_S)].min(initial=np.inf) < CLOSED
        for a, b in moments
    ]
    return float(np.mean(closed)) if closed else float("nan")

"""The benchmark of the voice finds the lag and the closings that its clips have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.evaluation.parting import best_lag, closed_share, parting_of, shifted_correlation
from benchmarks.evaluation.spoken_clips import SpokenClip, sentence_of, silences
from benchmarks.voice import channel_scores
from models.voice.mouth_shapes import CHANNELS, CLOSE, JAW, LIPS_TOUCH, PRESS
from streamer.sources.voice_motion import Voice, VoiceFrame


def opening_at(times: np.ndarray) -> np.ndarray:
    return np.clip(0.2 + 0.1 * np.sin(5 * times) + 0.1 * np.sin(13 * times), 0, 1).astype(np.float32)


@pytest.fixture
def clip() -> SpokenClip:
    times = (np.arange(75) / 25).astype(np.float32)
    return SpokenClip("clip", np.zeros(48_000, np.float32), times, opening_at(times), (0.5, 2.5), [], [])


@pytest.mark.parametrize("late_s", [-0.1, 0.0, 0.06])
def test_lag_of_a_delayed_mouth_is_found(clip: SpokenClip, late_s: float) -> None:
    times = (np.arange(150) / 50).astype(np.float32)
    lag, best = best_lag(clip, times, opening_at(times - late_s))
    assert lag == pytest.approx(late_s, abs=0.021)
    assert best > 0.98
    assert best >= shifted_correlation(clip, times, opening_at(times - late_s), 0.0)


def test_mouth_that_stands_still_correlates_with_nothing(clip: SpokenClip) -> None:
    assert shifted_correlation(clip, clip.times, np.full(75, 0.3, np.float32), 0.0) == 0


def test_lips_close_where_they_do(clip: SpokenClip) -> None:
    parting = np.full(75, 0.3, np.float32)
    parting[25] = 0
    assert closed_share(clip, clip.times, parting, [(0.98, 1.02), (2.0, 2.05)]) == 0.5


def test_parting_follows_the_jaw_and_not_the_brows() -> None:
    weights = np.zeros((3, len(Voice.NAMES)), np.float32)
    weights[1, Voice.NAMES.index("jawOpen")] = 0.5
    weights[2, Voice.NAMES.index("browInnerUp_L")] = 0.5
    times, parting = parting_of([VoiceFrame(i * 0.02, w, (0, 0, 0), 1.0) for i, w in enumerate(weights)])
    assert times.tolist() == pytest.approx([0, 0.02, 0.04])
    assert parting[1] > 0.2
    assert parting[0] == parting[2] == 0


def test_perfect_channels_score_perfectly() -> None:
    face = torch.rand(500, CHANNELS, generator=torch.Generator().manual_seed(1)) * 0.3 + 0.1
    face[:, LIPS_TOUCH] = (torch.arange(500) % 5 == 0).float()
    face[:, [CLOSE, PRESS]] = 0  # as in the data: they follow from lips that touch
    raw = face.clone()
    raw[:, LIPS_TOUCH] = (face[:, LIPS_TOUCH] - 0.5) * 20
    scores = channel_scores(raw, face)
    assert min(scores["parting"], scores["jawOpen"]) > 0.99
    assert (scores["closed"], scores["closed_wrongly"]) == (1, 0)
    assert channel_scores(raw.roll(1, 0), face)["jawOpen"] < 0.2
    assert face[:, JAW].min() > 0


def test_names_of_clips_spell_their_sentences() -> None:
    assert sentence_of("grid_brbk7n") == "bin red by k seven now"
    assert sentence_of("swwpzs") == "set white with p zero soon"
    assert sentence_of("holiday") == ""


def test_silences_leave_out_the_edges_of_speech() -> None:
    voiced = np.r_[np.zeros(50), np.ones(50), np.zeros(10), np.ones(10), np.zeros(40)].astype(np.float32)
    assert silences(voiced) == [pytest.approx((0.15, 0.85)), pytest.approx((2.55, 3.05))]

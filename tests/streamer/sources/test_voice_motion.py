"""A voice becomes frames of a face: the same however it is cut, and still where nobody speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.voice.log_mel import SAMPLE_RATE, STEP, STEP_S
from models.voice.mouth_shapes import SPEECH
from models.voice.voice_net import LOOK_AHEAD_S, VoiceConfig, VoiceNet
from models.voice.weights import save
from streamer.sources.voice_activity import PIECE, VoiceActivity
from streamer.sources.voice_motion import MAX_FEED_S, Gate, Voice
from tests.support.speech import CLOSE_VOWELS, OPEN_VOWELS, vowels


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a network that is always sure that somebody speaks, so that the gate is the detector's."""
    torch.manual_seed(1)
    network = VoiceNet(VoiceConfig(width=16, dilations=(1, 2)))
    with torch.no_grad():
        network.head.bias[SPEECH] = 9
    path = tmp_path_factory.mktemp("voice") / "voice.safetensors"
    save(network, path)
    return path


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    """Half a second of silence, a voice, and a second of silence."""
    return np.concatenate([np.zeros(8000, np.float32), vowels(), np.zeros(16_000, np.float32)])


def test_frames_are_the_same_however_the_sound_is_cut(weights: Path, spoken: np.ndarray) -> None:
    voice = Voice(weights)
    whole = voice.feed(spoken)
    for sizes in ((STEP,), (100, 1, 2000, 37)):
        voice.reset()
        pieces, start, i = [], 0, 0
        while start < len(spoken):
            pieces += voice.feed(spoken[start : start + sizes[i % len(sizes)]])
            start, i = start + sizes[i % len(sizes)], i + 1
        assert [frame.time for frame in pieces] == [frame.time for frame in whole]
        for a, b in zip(pieces, whole, strict=True):
            np.testing.assert_allclose(a.weights, b.weights, atol=1e-5)
            assert a.head == pytest.approx(b.head, abs=1e-5)


def test_frames_come_fifty_a_second_and_as_late_as_the_look_ahead(weights: Path, spoken: np.ndarray) -> None:
    voice = Voice(weights)
    frames = [*voice.feed(spoken), *voice.finish()]
    times = np.array([frame.time for frame in frames])
    assert -STEP_S < times[0] <= 0
    np.testing.assert_allclose(np.diff(times), STEP_S, atol=1e-6)
    assert 0 <= times[-1] - len(spoken) / SAMPLE_RATE < STEP_S
    assert LOOK_AHEAD_S <= 0.08
    assert all(frame.weights.shape == (len(Voice.NAMES),) for frame in frames)
    assert all(0 <= frame.weights.min() <= frame.weights.max() <= 1 for frame in frames)


def test_mouth_moves_with_a_voice_and_rests_before_and_after(weights: Path, spoken: np.ndarray) -> None:
    frames = Voice(weights).feed(spoken)
    speaking = np.array([frame.speaking for frame in frames])
    times = np.array([frame.time for frame in frames])
    assert speaking[(times > 1.0) & (times < 2.3)].mean() > 0.8
    assert speaking[(times < 0.3) | (times > 3.0)].max() == 0
    assert all(frame.weights.max() == 0 for frame in frames if frame.speaking == 0)


@pytest.mark.parametrize("sound", ["silence", "noise", "tone", "not finite"])
def test_mouth_rests_without_a_voice(weights: Path, sound: str) -> None:
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    samples = {
        "silence": np.zeros(len(time)),
        "noise": np.random.default_rng(1).normal(0, 0.05, len(time)),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time),
        "not finite": np.where(np.arange(len(time)) % 7 == 0, np.nan, np.inf),
    }[sound].astype(np.float32)
    frames = Voice(weights).feed(samples)
    assert len(frames) == len(time) // STEP - int(LOOK_AHEAD_S / STEP_S) + 1
    assert max(float(frame.weights.max()) for frame in frames[25:]) == 0


def test_wrong_sound_is_refused(weights: Path) -> None:
    voice = Voice(weights)
    with pytest.raises(ValueError, match="one channel"):
        voice.feed(np.zeros((2, STEP), np.float32))
    with pytest.raises(ValueError, match="up to 60 s"):
        voice.feed(np.zeros(int(MAX_FEED_S * SAMPLE_RATE) + 1, np.float32))
    assert voice.feed(np.zeros(0, np.float32)) == []


def test_activity_tells_a_voice_from_silence() -> None:
    activity = VoiceActivity()
    assert activity.feed(np.zeros(PIECE - 1, np.float32)) == []
    assert max(activity.feed(np.zeros(10 * PIECE, np.float32))) < 0.2
    assert max(activity.feed(vowels())) > 0.6


def test_gate_opens_faster_than_it_closes() -> None:
    gate, opened, closed = Gate(), 0, 0
    while gate.level < 1:
        gate.step(1.0)
        opened += 1
    while gate.level > 0:
        gate.step(0.0)
        closed += 1
    assert 2 <= opened < closed <= 8


def test_shipped_weights_open_the_jaw_for_a_more_than_for_i_and_not_in_silence() -> None:
    voice, opened = Voice(), []
    for formants in (OPEN_VOWELS, CLOSE_VOWELS):
        voice.reset()
        frames = voice.feed(np.concatenate([vowels(formants=formants), np.zeros(SAMPLE_RATE, np.float32)]))
        jaw = np.array([frame.weights[Voice.NAMES.index("jawOpen")] for frame in frames])
        times = np.array([frame.time for frame in frames])
        opened.append(jaw[(times > 0.5) & (times < 1.9)].mean())
        assert jaw[times > 2.6].max() == 0
    assert opened[0] > 0.08
    assert opened[0] > 2 * opened[1]

"""What a face does while phonemes are said; needs no synthesiser."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from models.voice.log_mel import SAMPLE_RATE, STEP, STEP_S
from models.voice.mouth_shapes import JAW, LIPS_TOUCH, NOD, SHAPES, SPEECH
from training.voice.languages import LANGUAGES, TRAINING_LANGUAGES, UNSEEN_LANGUAGES, make_sentence
from training.voice.make_data import Recording, face_of, load_shard, save_shard, soundless
from training.voice.phonemes import FESTIVAL_IPA, Segment, base_symbols, festival_ipa
from training.voice.prosody import effort
from training.voice.rooms import at_16_khz, recorded
from training.voice.train import CROP, example_batch, other_speaker
from training.voice.visemes import ROWS, blend_visemes, lips_touching, with_closures

PUCKER = SHAPES.index("mouthPucker")


def said(*phonemes: str, each_s: float = 0.1, lead_s: float = 0.4) -> tuple[Segment, ...]:
    """Phonemes one after the other between two pauses."""
    starts = [lead_s + i * each_s for i in range(len(phonemes) + 1)]
    middle = [Segment(p, a, a + each_s) for p, a in zip(phonemes, starts, strict=False)]
    return (Segment("", 0, lead_s), *middle, Segment("", starts[-1], starts[-1] + lead_s))


def face_during(*phonemes: str) -> np.ndarray:
    """The face at the middle of each phoneme, (P, CHANNELS), of steady noise in place of a voice."""
    segments = said(*phonemes)
    samples = np.random.default_rng(1).normal(0, 0.1, int(segments[-1].end * SAMPLE_RATE)).astype(np.float32)
    face = face_of(samples, segments)
    return face[[round((s.start + s.end) / 2 / STEP_S) - 1 for s in segments if s.ipa]]


def test_rounded_neighbours_decide_the_lips_of_a_sound_that_the_tongue_makes() -> None:
    lower = SHAPES.index("mouthLowerDown")
    rounded, spread, alone = (face_during(*word)[1, lower] for word in ("utu", "iti", "ttt"))
    assert rounded < 0.3 * alone and spread > alone


def test_face_begins_as_low_as_its_open_vowel() -> None:
    assert np.array_equal(face_during("eɪ"), face_during("ɛɪ"))


def test_effort_is_that_of_words_and_not_of_the_moment() -> None:
    step = round(0.1 / STEP_S)
    level = np.repeat(np.tile([0.02, 0.2], 15), step * STEP)  # louder and softer ten times a second
    level[: len(level) // 2] /= 4
    samples = (level * np.sin(np.arange(len(level)))).astype(np.float32)
    heard = effort(samples, np.ones(len(samples) // STEP, np.float32))
    assert np.ptp(heard[2 * step : 8 * step]) < 0.5 and heard[25 * step] - heard[5 * step] > 1.5


def test_jaw_opens_for_a_more_than_for_i_and_s() -> None:
    a, s, i = face_during("a", "s", "i")[:, JAW]
    assert a > 2 * i > 0
    assert a > 2 * s


def test_rounding_begins_before_the_vowel() -> None:
    """The t of "tu" is said with rounded lips, that of "ti" is not (Cohen and Massaro 1993)."""
    assert face_during("t", "u")[0, PUCKER] > 4 * face_during("t", "i")[0, PUCKER]


@pytest.mark.parametrize("phoneme", ["p", "b", "m", "pʰ", "bː", "mʲ"])
def test_bilabials_touch_and_others_do_not(phoneme: str) -> None:
    face = face_during("a", phoneme, "a", "t", "a")
    assert face[1, LIPS_TOUCH] == 1
    assert face[3, LIPS_TOUCH] == 0


def test_pauses_rest() -> None:
    times = np.array([0.05, 0.1, 1.0, 1.1], np.float32)
    segments = said("a", "m", "u")
    assert np.abs(blend_visemes(segments, times)).max() == 0
    assert lips_touching(segments, times).max() == 0


def test_stops_of_espeak_begin_with_their_closure() -> None:
    moved = with_closures([*said("a", "p", "a", "b")], 0.045)
    assert [round(s.start, 3) for s in moved] == [0.0, 0.4, 0.455, 0.6, 0.7, 0.8]
    assert all(a.end == b.start for a, b in pairwise(moved))


def test_every_phoneme_of_festival_has_a_viseme() -> None:
    letters = {c for table in FESTIVAL_IPA.values() for ipa in table.values() for c in base_symbols(ipa)}
    assert letters - set(ROWS) == set()
    assert [festival_ipa("it", "a1"), festival_ipa("cs", "a::"), festival_ipa("en", "pau")] == ["a", "a", ""]


def test_sentences_are_of_their_language_and_repeat_by_seed() -> None:
    assert len(TRAINING_LANGUAGES) >= 8
    assert not set(TRAINING_LANGUAGES) & set(UNSEEN_LANGUAGES)
    for language in LANGUAGES.values():
        first, again = (make_sentence(language, np.random.default_rng(4)) for _ in range(2))
        assert first == again
        assert first[-1] in ".?!"


def test_speed_of_a_speaker_moves_pitch_and_length() -> None:
    tone = np.sin(2 * np.pi * 200 / 22_050 * np.arange(22_050)).astype(np.float32)
    fast = at_16_khz(tone, 22_050, speed=1.25)
    assert len(fast) == pytest.approx(SAMPLE_RATE / 1.25, rel=0.01)
    peak = np.abs(np.fft.rfft(fast)).argmax() * SAMPLE_RATE / len(fast)
    assert peak == pytest.approx(250, abs=3)


def test_recorded_samples_stay_within_full_scale() -> None:
    random = np.random.default_rng(2)
    for _ in range(8):
        samples = recorded(random.normal(0, 0.2, SAMPLE_RATE).astype(np.float32), random)
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() <= 1


def test_sound_without_voice_asks_for_a_still_face(tmp_path) -> None:
    recordings = [soundless(np.random.default_rng(seed)) for seed in range(3)]
    assert all(np.abs(each.face).max() == 0 for each in recordings)
    save_shard(tmp_path / "a.safetensors", recordings)
    again = load_shard(tmp_path / "a.safetensors")
    assert [len(each.face) for each in again] == [len(each.face) for each in recordings]
    features, faces = example_batch(again, np.random.default_rng(1))
    assert features.shape[:2] == faces.shape[:2] == (len(features), CROP)
    assert bool(torch.isfinite(features).all())


def test_another_tempo_keeps_sound_and_face_together() -> None:
    """A click in the features and a mark in the face meet at the same step before and after."""
    features, face = np.zeros((200, 80), np.float32), np.zeros((200, NOD + 3), np.float32)
    features[99], face[99, SPEECH] = 5, 1
    for seed in range(5):
        other = other_speaker(Recording(features, face), np.random.default_rng(seed))
        assert abs(int(other.features.sum(1).argmax()) - int(other.face[:, SPEECH].argmax())) <= 1


def test_nod_and_brows_are_small() -> None:
    random = np.random.default_rng(3)
    envelope = np.repeat(random.uniform(0.01, 0.3, 60), 1600).astype(np.float32)
    face = face_of(envelope * random.normal(0, 1, len(envelope)).astype(np.float32), said(*"atamupi" * 6))
    assert 0.002 < np.abs(face[:, NOD]).max() < 0.1
    assert len(face) == len(envelope) // STEP

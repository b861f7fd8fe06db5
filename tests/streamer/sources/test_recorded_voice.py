"""A recorded voice moves the mouth exactly when it is heard, from the first frame on, and is not kept in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from models.geometry.expressions import INDEX
from models.voice.log_mel import SAMPLE_RATE, STEP, STEP_S
from models.voice.mouth_shapes import SHAPE_NAMES
from models.voice.voice_net import LOOK_AHEAD, LOOK_AHEAD_S
from streamer.sources.expression import MOUTH, Expression
from streamer.sources.recorded_voice import FED_S, RecordedVoice
from streamer.sources.source import Moment
from streamer.sources.voice_motion import VoiceFrame
from streamer.sources.wanted_motion import WantedMotion
from tests.support.speech import ALL_VOWELS, vowels

JAW = INDEX["jawOpen"]
Samples = NDArray[np.float32]


class Clock:
    """Opens the jaw by a tenth of the time, and says so as late as the network does."""

    def __init__(self) -> None:
        self.steps = self.rest = 0

    def feed(self, samples: Samples) -> list[VoiceFrame]:
        self.rest += len(samples)
        count, self.rest = divmod(self.rest, STEP)
        times = [(self.steps + 1 + i) * STEP_S - LOOK_AHEAD_S for i in range(count)]
        self.steps += count
        return [self._frame(time) for time in times if time > -STEP_S]

    def finish(self) -> list[VoiceFrame]:
        return self.feed(np.zeros(LOOK_AHEAD * STEP, np.float32))

    def _frame(self, time: float) -> VoiceFrame:
        weights = np.zeros(len(SHAPE_NAMES), np.float32)
        weights[SHAPE_NAMES.index("jawOpen")] = time / 10
        return VoiceFrame(time, weights, (0.1, 0.0, 0.0), 1.0)


def silence(seconds: float, piece: int = 1152) -> Iterator[Samples]:
    """Sound in pieces as files have them."""
    whole = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    yield from np.split(whole, range(piece, len(whole), piece))


def said(voice: RecordedVoice, now: float, share: float | None = 1.0, is_seen: bool = True) -> Expression:
    return voice.at(Moment(now, is_seen, WantedMotion(voice=share)))


@pytest.mark.parametrize("rate", [24, 30, 59.94])
def test_mouth_is_that_of_the_frames_own_time_at_any_rate(rate: float) -> None:
    voice = RecordedVoice(silence(3), Clock())
    times = [number / rate for number in range(int(2.9 * rate))]
    assert [float(said(voice, now).weights[JAW]) for now in times] == pytest.approx([t / 10 for t in times], abs=1e-4)


def test_share_is_whole_from_the_first_frame_on_and_the_head_moves_only_where_no_face_is_seen() -> None:
    voice = RecordedVoice(silence(2), Clock())
    first = said(voice, 0.0, 0.4)
    assert first.kept[MOUTH] == pytest.approx(0.6) and not first.turn.any()
    alone = said(RecordedVoice(silence(2), Clock()), 0.0, 0.4, is_seen=False)
    assert alone.kept[MOUTH] == 0 and alone.turn == pytest.approx([0.1, 0, 0])
    assert said(voice, 0.1, None).is_rest


def test_face_that_is_lost_hands_the_mouth_over_softly() -> None:
    voice = RecordedVoice(silence(2), Clock())
    said(voice, 0.0, 0.0)
    times = np.arange(1, 8) * 0.04
    kept = [float(said(voice, float(now), 0.0, is_seen=False).kept[MOUTH]) for now in times]
    assert kept[0] == 1 and kept == sorted(kept, reverse=True) and kept[-1] == 0 and max(-np.diff(kept)) < 0.5


def test_after_the_end_of_the_sound_the_mouth_is_the_drivers_again() -> None:
    voice = RecordedVoice(silence(0.5), Clock())
    times = np.arange(0, 1.2, 0.05)
    kept = [float(said(voice, float(now)).kept[MOUTH]) for now in times]
    assert all(share == 0 for share, now in zip(kept, times, strict=True) if now < 0.49)
    assert kept[-1] == 1 and max(np.diff(kept)) < 0.2
    assert voice.lasts(0.45) and not voice.lasts(0.55)


def test_sound_is_read_no_further_than_needed_and_forgotten_behind() -> None:
    read = []

    def pieces() -> Iterator[Samples]:
        for number in range(1000):
            read.append(number)
            yield np.zeros(STEP, np.float32)

    voice = RecordedVoice(pieces(), Clock())
    for now in np.arange(0, 10, 0.04):
        said(voice, float(now))
        assert len(read) * STEP_S <= now + FED_S + LOOK_AHEAD_S + 2 * STEP_S
        assert len(voice._frames) * STEP_S <= FED_S + LOOK_AHEAD_S + 2 * STEP_S


@pytest.mark.parametrize("pieces", [[], [np.zeros(7, np.float32)]])
def test_sound_of_no_length_moves_nothing(pieces: list[Samples]) -> None:
    voice = RecordedVoice(pieces, Clock())
    assert not voice.lasts(0.1) and said(voice, 0.1).kept[MOUTH] == 1


def test_shipped_network_opens_the_mouth_while_vowels_sound_and_not_beside_it() -> None:
    quiet = np.zeros(SAMPLE_RATE * 6 // 10, np.float32)
    voice = RecordedVoice([quiet, vowels(0.5, ALL_VOWELS), quiet, vowels(0.5, ALL_VOWELS), quiet])
    times = np.arange(0, 2.8, 0.04)
    jaws = np.array([float(said(voice, float(now)).weights[JAW]) for now in times])
    sounding = ((times > 0.6) & (times < 1.1)) | ((times > 1.7) & (times < 2.2))
    beside = (times < 0.5) | ((times > 1.35) & (times < 1.6)) | (times > 2.45)
    assert voice.has_speech and jaws[beside].max() < 0.05 and jaws[sounding].max() > 0.15
    middle = float((jaws * times).sum() / jaws.sum())
    assert middle == pytest.approx(1.4, abs=0.06), "neither early nor late"


@pytest.mark.parametrize("kind", ["silence", "hum", "noise", "clipped noise"])
def test_sound_without_speech_leaves_the_mouth_shut(kind: str) -> None:
    random = np.random.default_rng(0)
    count = SAMPLE_RATE * 3 // 2
    sounds = {
        "silence": np.zeros(count),
        "hum": 0.5 * np.sin(2 * np.pi * 50 / SAMPLE_RATE * np.arange(count)),
        "noise": 0.1 * random.normal(size=count),
        "clipped noise": np.clip(3 * random.normal(size=count), -1, 1),
    }
    voice = RecordedVoice([sounds[kind].astype(np.float32)])
    assert max(float(said(voice, now).weights[JAW]) for now in np.arange(0, 1.5, 0.1)) < 0.03
    assert not voice.has_speech

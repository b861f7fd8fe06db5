"""A microphone as a source: the mouth is its own where no face is seen, else in part, and rests in silence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from models.checkpoint_header import CheckpointError
from models.geometry.expressions import INDEX
from models.voice.voice_net import LOOK_AHEAD_S
from streamer.runtime.sound_feed import SAMPLE_RATE, SILENT_S, Samples, SoundFeed
from streamer.sources.expression import MOUTH, Expression
from streamer.sources.source import Moment
from streamer.sources.voice_motion import Voice, VoiceFrame
from streamer.sources.voice_share import HANDOVER_S
from streamer.sources.voice_source import PAUSE_S, Listener, VoiceSource
from streamer.sources.wanted_motion import WantedMotion

PERIOD_S = 0.04
JAW = INDEX["jawOpen"]
SAID = 0.6  # weight of jawOpen that the fake says for a loud sound


class Loudness:
    """Opens the jaw for loud sound; keeps what it has heard."""

    def __init__(self) -> None:
        self.heard: list[NDArray[np.float32]] = []

    def feed(self, samples: NDArray[np.float32]) -> list[VoiceFrame]:
        self.heard.append(samples)
        weights = np.zeros(len(Voice.NAMES), np.float32)
        weights[Voice.NAMES.index("jawOpen")] = SAID if np.abs(samples).max(initial=0) > 0.05 else 0.0
        weights[Voice.NAMES.index("tongueOut")] = 0.5
        return [VoiceFrame(0.0, weights, (0.1, 0.2, 0.0), 1.0)]


def at_once(run: Callable[[], None]) -> None:
    run()


def tone(since: float, seconds: float = PERIOD_S, hertz: float = 300.0) -> Samples:
    times = since + np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = (9000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)
    return np.stack([wave, wave], 1)


class Heard:
    """A voice source and the sound that it hears."""

    def __init__(
        self, make: Callable[[], Listener] = Loudness, start: Callable[[Callable[[], None]], None] = at_once
    ) -> None:
        self.feed = SoundFeed()
        self.source = VoiceSource(self.feed, make, start)

    def at(self, sound: Samples | None, strength: float | None, is_seen: bool, now: float) -> Expression:
        if sound is not None:
            self.feed.put(sound)
        return self.source.at(Moment(now, is_seen, WantedMotion(voice=strength)))


def play(
    heard: Heard, since: float, seconds: float, strength: float | None, is_seen: bool, is_loud: bool = True
) -> list[Expression]:
    steps = since + PERIOD_S * np.arange(1, round(seconds / PERIOD_S) + 1)
    return [heard.at(tone(now) if is_loud else None, strength, is_seen, float(now)) for now in steps]


def test_without_sound_nothing_is_made_and_nothing_changes() -> None:
    def make() -> Loudness:
        raise AssertionError("no sound came")

    heard = Heard(make)
    assert all(each.is_rest for each in play(heard, 0.0, 1.0, 1.0, is_seen=False, is_loud=False))
    assert heard.feed.lag_s == 0


def test_without_a_face_the_voice_has_the_mouth_within_the_handover_and_moves_the_head() -> None:
    shown = play(Heard(), 0.0, HANDOVER_S + 0.1, 0.0, is_seen=False)
    jaws = [float(each.weights[JAW]) for each in shown]
    assert jaws == sorted(jaws) and jaws[-1] == pytest.approx(SAID) and shown[-1].kept[MOUTH] == 0
    assert shown[-1].turn == pytest.approx([0.1, 0.2, 0.0])
    assert max(np.diff(jaws)) < 0.2


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_beside_a_face_the_voice_has_its_share_and_not_the_head(strength: float) -> None:
    heard = Heard()
    last = play(heard, 0.0, 1.0, strength, is_seen=True)[-1]
    assert last.weights[JAW] == pytest.approx(strength * SAID) and last.kept[MOUTH] == pytest.approx(1 - strength)
    assert not last.turn.any() and LOOK_AHEAD_S * strength <= heard.feed.lag_s <= (LOOK_AHEAD_S + 0.02) * strength


@pytest.mark.parametrize("between_s", [0.02, 0.04])
@pytest.mark.parametrize("begun_after_s", [0.004, -0.015])
def test_sound_waits_for_the_look_ahead_and_for_half_of_the_time_between_frames(
    between_s: float, begun_after_s: float
) -> None:
    clock = [0.0]
    heard = Heard()
    heard.feed = SoundFeed(clock=lambda: clock[0])
    heard.source = VoiceSource(heard.feed, Loudness, at_once)
    for number in range(60):
        clock[0] = number * between_s
        heard.feed.put(tone(clock[0], between_s))
        begun = clock[0] + begun_after_s
        heard.source.at(Moment(clock[0] + 0.005, False, WantedMotion(voice=1.0), begun))
    assert heard.feed.lag_s == pytest.approx(LOOK_AHEAD_S + between_s / 2 + begun_after_s)


def test_a_face_that_is_lost_and_comes_back_hands_the_mouth_over_and_back() -> None:
    heard = Heard()
    play(heard, 0.0, 1.0, 0.0, is_seen=True)
    assert play(heard, 1.0, HANDOVER_S + 0.1, 0.0, is_seen=False)[-1].kept[MOUTH] == 0
    back = play(heard, 2.0, HANDOVER_S + 0.1, 0.0, is_seen=True)
    assert back[0].kept[MOUTH] < 0.4 and back[-1].is_rest


def test_a_microphone_that_is_switched_off_leaves_the_mouth_at_rest() -> None:
    heard = Heard()
    play(heard, 0.0, 1.0, 1.0, is_seen=True)
    after = play(heard, 1.0, SILENT_S + HANDOVER_S + 0.2, 1.0, is_seen=True, is_loud=False)
    assert after[0].weights[JAW] > 0 and after[-1].is_rest


def test_a_voice_is_told_while_it_speaks_and_for_a_pause_after_it() -> None:
    heard = Heard()
    assert not heard.feed.speaks
    play(heard, 0.0, 0.4, 0.0, is_seen=True)
    assert heard.feed.speaks
    play(heard, 0.4, PAUSE_S, 0.0, is_seen=True, is_loud=False)
    assert heard.feed.speaks
    play(heard, 0.4 + PAUSE_S, SILENT_S + 0.1, 0.0, is_seen=True, is_loud=False)
    assert not heard.feed.speaks
    play(heard, 3.0, 0.4, 0.0, is_seen=True)
    play(heard, 3.4, 0.1, None, is_seen=True)
    assert not heard.feed.speaks, "nobody listens"


def test_the_voice_hears_one_channel_at_16_khz_without_gaps() -> None:
    ear = Loudness()
    heard = Heard(lambda: ear)
    for number in range(50):
        heard.at(tone(0.02 * number, 0.02), 1.0, True, 0.02 * number)
    sound = np.concatenate(ear.heard)
    assert len(sound) == pytest.approx(16_000, rel=0.02) and sound.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(sound[1000:9000]))
    assert 2 * int(spectrum.argmax()) == 300 and spectrum[170:].max() < 0.02 * spectrum.max()
    assert np.abs(sound).max() == pytest.approx(9000 / 32768, rel=0.1)


def test_a_voice_that_nobody_wants_is_not_made_nor_shown_and_its_sound_is_not_kept() -> None:
    def make() -> Loudness:
        raise AssertionError("nobody listens")

    heard = Heard(make)
    assert all(each.is_rest for each in play(heard, 0.0, 0.4, None, is_seen=False))
    assert heard.feed.lag_s == 0 and len(heard.feed.take()) == 0


def test_weights_that_cannot_be_used_leave_the_mouth_to_the_camera(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> Loudness:
        raise CheckpointError("the weights are gone")

    assert all(each.is_rest for each in play(Heard(make), 0.0, 0.3, 1.0, is_seen=False))
    assert caplog.messages == ["the microphone moves no mouth: the weights are gone"]


def test_the_camera_is_not_kept_waiting_while_the_voice_is_made() -> None:
    waiting: list[Callable[[], None]] = []
    heard = Heard(start=waiting.append)
    assert all(each.is_rest for each in play(heard, 0.0, 0.5, 1.0, is_seen=True)) and len(waiting) == 1
    waiting[0]()
    assert not play(heard, 0.5, 0.5, 1.0, is_seen=True)[-1].is_rest

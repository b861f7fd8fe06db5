"""A microphone as a source of motion: it moves the mouth, alone where no face is seen, else as much as is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from models.geometry.expressions import INDEX, NAMES
from models.voice.log_mel import SAMPLE_RATE as VOICE_RATE_HZ
from models.voice.log_mel import STEP_S
from models.voice.voice_net import LOOK_AHEAD_S
from streamer.runtime.sound_feed import HELD_BACK_S, SAMPLE_RATE, Samples
from streamer.sources.expression import MOUTH, REST, Expression
from streamer.sources.voice_motion import Voice, VoiceFrame

HANDOVER_S = 0.3  # in which the voice takes the mouth over when the face is lost, and gives it back
SILENT_S = 0.25  # without any sound, as of a microphone that was switched off, until the mouth rests
MAX_STEP_S = 0.1  # by which easing goes on between two frames, however late the second is
# Which of a voice's weights are among ours, and where; a tongue that comes out is not drawn.
_KNOWN = [number for number, name in enumerate(Voice.NAMES) if name in INDEX]
_PLACES = [INDEX[Voice.NAMES[number]] for number in _KNOWN]


class Listener(Protocol):
    """What makes a face of sound: `Voice`, or a fake."""

    def feed(self, samples: NDArray[np.float32]) -> list[VoiceFrame]: ...


class VoiceSource:
    """The voice of one driver from frame to frame. Not thread-safe. make: called with the first sound."""

    def __init__(self, make: Callable[[], Listener] = Voice) -> None:
        self._make = make
        self._voice: Listener | None = None
        self._resampler = AudioResampler(format="flt", layout="mono", rate=VOICE_RATE_HZ)
        self._face: VoiceFrame | None = None
        self._heard_at = 0.0  # seconds
        self._share = 0.0  # of the mouth that is the voice's
        self._unseen = 0.0  # 1: no face is seen
        self._now: float | None = None

    def at(self, sound: Samples, strength: float, is_seen: bool, now: float) -> Expression:
        """What the voice says about the face at `now` seconds.

        sound: all that came since the last call, (n, 2) at 48 kHz. strength: 0..1, share of the mouth that is the
        voice's while a face is seen; else all of it is, and the head moves with it.
        """
        if len(sound):
            self._hear(sound, now)
        elapsed = 0.0 if self._now is None else min(max(now - self._now, 0.0), MAX_STEP_S)
        self._now = now
        is_heard = self._face is not None and now - self._heard_at < SILENT_S
        self._share = _towards(self._share, (strength if is_seen else 1.0) if is_heard else 0.0, elapsed / HANDOVER_S)
        self._unseen = _towards(self._unseen, 0.0 if is_seen else 1.0, elapsed / HANDOVER_S)
        if self._face is None or self._share <= 0:
            return REST
        weights = np.zeros(len(NAMES), np.float32)
        weights[_PLACES] = self._share * self._face.weights[_KNOWN]
        kept = np.ones(3, np.float32)
        kept[MOUTH] = 1 - self._share
        return Expression(weights, kept, np.array(self._face.head, np.float32) * np.float32(self._share * self._unseen))

    @property
    def lag_s(self) -> float:
        """See `SoundFeed`: the network looks ahead, and hears what a jitter buffer has held back."""
        return self._share * (LOOK_AHEAD_S + STEP_S / 2 + HELD_BACK_S)

    def _hear(self, sound: Samples, now: float) -> None:
        if self._voice is None:
            self._voice = self._make()
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(sound).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        mono = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        faces = self._voice.feed(np.concatenate(mono)) if mono else []
        self._heard_at = now
        if faces:
            self._face = faces[-1]


def _towards(value: float, target: float, step: float) -> float:
    """`value`, at most a step nearer to the target."""
    return min(value + step, target) if value < target else max(value - step, target)

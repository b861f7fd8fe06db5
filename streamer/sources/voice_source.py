"""A microphone as a source of motion: it moves the mouth, alone where no face is seen, else as much as is wanted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from models.checkpoint_header import CheckpointError
from models.geometry.expressions import INDEX, NAMES
from models.voice.log_mel import SAMPLE_RATE as VOICE_RATE_HZ
from models.voice.log_mel import STEP_S
from models.voice.mouth_shapes import SHAPE_NAMES
from models.voice.voice_net import LOOK_AHEAD_S
from streamer.runtime.sound_feed import HELD_BACK_S, SAMPLE_RATE, Samples
from streamer.sources.expression import MOUTH, REST, Expression

if TYPE_CHECKING:
    from streamer.sources.voice_motion import VoiceFrame

HANDOVER_S = 0.3  # in which the voice takes the mouth over when the face is lost, and gives it back
SILENT_S = 0.25  # without any sound, as of a microphone that was switched off, until the mouth rests
MAX_STEP_S = 0.1  # by which easing goes on between two frames, however late the second is
# Which of a voice's weights are among ours, and where; a tongue that comes out is not drawn.
_KNOWN = [number for number, name in enumerate(SHAPE_NAMES) if name in INDEX]
_PLACES = [INDEX[SHAPE_NAMES[number]] for number in _KNOWN]
_log = logging.getLogger(__name__)


class Listener(Protocol):
    """What makes a face of sound: `Voice`, or a fake."""

    def feed(self, samples: NDArray[np.float32]) -> list[VoiceFrame]: ...


def _in_a_thread(run: Callable[[], None]) -> None:
    threading.Thread(target=run, name="voice", daemon=True).start()


def _make_voice() -> Listener:
    from streamer.sources.voice_motion import Voice  # noqa: PLC0415 - ONNX Runtime, which a session may not need

    return Voice()


class VoiceSource:
    """The voice of one driver from frame to frame. Not thread-safe.

    make: called when the first sound has come, by `start`, in another thread, since it takes most of a second.
    """

    def __init__(
        self, make: Callable[[], Listener] = _make_voice, start: Callable[[Callable[[], None]], None] = _in_a_thread
    ) -> None:
        self._make, self._start = make, start
        self._voice: Listener | None = None
        self._is_wanted = False
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
        if len(sound) and not self._is_wanted:
            self._is_wanted = True
            self._start(self._load)
        if len(sound) and self._voice is not None:
            self._hear(sound, self._voice, now)
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

    def _load(self) -> None:
        try:
            self._voice = self._make()
        except CheckpointError as error:  # the face in the camera goes on without it
            _log.warning("the microphone moves no mouth: %s", error)

    def _hear(self, sound: Samples, voice: Listener, now: float) -> None:
        middle = sound.mean(1, keepdims=True).T.astype(np.int16)  # FFmpeg's own would be louder by 3 dB
        frame = AudioFrame.from_ndarray(middle, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        mono = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        faces = voice.feed(np.concatenate(mono)) if mono else []
        self._heard_at = now
        if faces:
            self._face = faces[-1]


def _towards(value: float, target: float, step: float) -> float:
    """`value`, at most a step nearer to the target."""
    return min(value + step, target) if value < target else max(value - step, target)

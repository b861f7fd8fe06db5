"""A microphone as a source of motion: it moves the mouth, alone where no face is seen, else as much as is wanted."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from models.checkpoint_header import CheckpointError
from models.voice.log_mel import SAMPLE_RATE as VOICE_RATE_HZ
from models.voice.log_mel import STEP_S
from models.voice.voice_net import LOOK_AHEAD_S
from streamer.runtime.sound_feed import SAMPLE_RATE, SILENT_S, Samples, SoundFeed
from streamer.sources.expression import REST, Expression
from streamer.sources.source import Moment
from streamer.sources.voice_share import VoiceShare

if TYPE_CHECKING:
    from streamer.sources.voice_motion import VoiceFrame

MAX_BETWEEN_S = 0.1  # two frames, that the delay of the sound follows
PAUSE_S = 0.7  # between two words, in which somebody still speaks
RESAMPLER_HOLDS = 16  # samples; without as many before it, each packet would complete its last step with the next one
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

    face: the newest that the voice has made; None before the first. sound: of the microphone. make: called when the
    first sound has come, by `start`, in another thread, since it takes most of a second.
    """

    def __init__(
        self,
        sound: SoundFeed,
        make: Callable[[], Listener] = _make_voice,
        start: Callable[[Callable[[], None]], None] = _in_a_thread,
    ) -> None:
        self.face: VoiceFrame | None = None
        self._sound, self._make, self._start = sound, make, start
        self._voice: Listener | None = None
        self._is_wanted = False
        self._resampler = AudioResampler(format="flt", layout="mono", rate=VOICE_RATE_HZ)
        self._heard_at = 0.0  # seconds
        self._asked_at: float | None = None  # seconds
        self._wait_s = STEP_S / 2
        self._spoke_at = -math.inf
        self._share = VoiceShare()

    def at(self, moment: Moment) -> Expression:
        """What the voice says about the face, by all sound that came since the last call. Sets `lag_s` and `speaks` of
        the sound.
        """
        sound, strength, now = self._sound.take(), moment.wanted.voice, moment.now
        self._time(moment, bool(len(sound)))
        if strength is None:
            self._sound.lag_s, self._sound.speaks = 0.0, False
            return REST
        if len(sound) and not self._is_wanted:
            self._is_wanted = True
            self._start(self._load)
        if len(sound) and self._voice is not None:
            self._hear(sound, self._voice, now)
        is_heard = self.face is not None and now - self._heard_at < SILENT_S
        if is_heard and self.face is not None and self.face.speaking > 0:
            self._spoke_at = now
        self._sound.speaks = now - self._spoke_at < PAUSE_S
        self._share.advance(strength, is_heard, moment.is_seen, now)
        self._sound.lag_s = self._share.mouth * (LOOK_AHEAD_S + self._wait_s)  # the network looks ahead
        return self._share.expression(self.face)

    def _time(self, moment: Moment, has_sound: bool) -> None:
        """Tell how long sound waits for the frame that shows it, on the mean: half of the time between two frames, less
        what has come since this one's delay began to count.
        """
        between = STEP_S if self._asked_at is None else min(max(moment.now - self._asked_at, STEP_S), MAX_BETWEEN_S)
        self._asked_at = moment.now
        if has_sound and moment.captured is not None:
            early = moment.captured - self._sound.put_at
            self._wait_s = between / 2 + min(max(early, -MAX_BETWEEN_S), MAX_BETWEEN_S)

    def _load(self) -> None:
        try:
            voice = self._make()
            voice.feed(np.zeros(RESAMPLER_HOLDS, np.float32))
            self._voice = voice
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
            self.face = faces[-1]

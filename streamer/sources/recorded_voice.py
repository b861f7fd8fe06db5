"""A recorded voice as a source of motion: all of it is known, so that the mouth moves exactly when it is heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.voice.log_mel import SAMPLE_RATE
from streamer.sources.expression import REST, Expression
from streamer.sources.source import Moment
from streamer.sources.voice_motion import Voice, VoiceFrame
from streamer.sources.voice_share import VoiceShare

Samples = NDArray[np.float32]
FED_S = 0.5  # of sound that is read at a time: small pieces cost more, large ones memory


class Reader(Protocol):
    """What makes faces of a whole recording: `Voice`, or a fake."""

    def feed(self, samples: Samples) -> list[VoiceFrame]: ...
    def finish(self) -> list[VoiceFrame]: ...


@dataclass
class _Heard:
    """seconds: of sound that was read. is_over: whether that was all. has_speech: whether anybody spoke in it."""

    seconds: float = 0.0
    is_over: bool = False
    has_speech: bool = False


class RecordedVoice:
    """The voice of a file. It is read as far as it is asked for, and forgotten behind. Not thread-safe.

    pieces: samples (n,) in ±1, mono at SAMPLE_RATE, see `sound_samples`. Raises CheckpointError where the network's
    weights cannot be used.
    """

    def __init__(self, pieces: Iterable[Samples], voice: Reader | None = None) -> None:
        self._voice = voice or Voice()
        self._pieces = _gathered(pieces, round(FED_S * SAMPLE_RATE))
        self._frames: deque[VoiceFrame] = deque()  # from the one before the present moment on
        self._heard = _Heard()
        self._share = VoiceShare()
        self._has_begun = False

    @property
    def has_speech(self) -> bool:
        """Whether anybody spoke in what was read so far."""
        return self._heard.has_speech

    def lasts(self, seconds: float) -> bool:
        """Whether the sound goes on after so many seconds."""
        self._read_to(seconds)
        return self._heard.seconds > seconds

    def at(self, moment: Moment) -> Expression:
        """What the voice says about the face: in the mouth the share that is wanted, from the first frame on; all of it
        where no face is seen. Where the sound has ended, or nobody wants it, the mouth is the driver's.
        """
        strength, now = moment.wanted.voice, moment.now
        if strength is None:
            return REST
        is_heard = self.lasts(now)
        if not self._has_begun:
            self._has_begun = True
            self._share.begin(strength, is_heard, moment.is_seen)
        self._share.advance(strength, is_heard, moment.is_seen, now)
        return self._share.expression(self._face(now))

    def _face(self, now: float) -> VoiceFrame | None:
        """The face at a moment, on the straight way between the two frames around it."""
        frames = self._frames
        while len(frames) > 1 and frames[1].time <= now:
            frames.popleft()
        if not frames:
            return None
        before, after = frames[0], frames[min(1, len(frames) - 1)]
        span = after.time - before.time
        share = min(max((now - before.time) / span, 0.0), 1.0) if span > 0 else 0.0
        weights = before.weights + np.float32(share) * (after.weights - before.weights)
        pitch, yaw, roll = (a + share * (b - a) for a, b in zip(before.head, after.head, strict=True))
        return VoiceFrame(now, weights, (pitch, yaw, roll), before.speaking)

    def _read_to(self, seconds: float) -> None:
        """Read until there is a face after a moment, or no more sound."""
        heard = self._heard
        while not heard.is_over and (not self._frames or self._frames[-1].time <= seconds):
            piece = next(self._pieces, None)
            if piece is None:
                heard.is_over = True
                frames = self._voice.finish()
            else:
                heard.seconds += len(piece) / SAMPLE_RATE
                frames = self._voice.feed(piece)
            heard.has_speech |= any(frame.speaking > 0 for frame in frames)
            self._frames.extend(frames)


def _gathered(pieces: Iterable[Samples], count: int) -> Iterator[Samples]:
    """The same samples in pieces of `count`, but for the last."""
    waiting: list[Samples] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(map(len, waiting)) >= count:
            joined = np.concatenate(waiting)
            whole = len(joined) // count * count
            yield from np.split(joined[:whole], whole // count)
            waiting = [joined[whole:]]
    last = np.concatenate(waiting) if waiting else np.zeros(0, np.float32)
    if len(last):
        yield last

"""How much of a face is a voice's, from frame to frame: all of the mouth where no face is seen, else a share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.geometry.expressions import INDEX, NAMES
from models.voice.mouth_shapes import SHAPE_NAMES
from streamer.sources.expression import MOUTH, REST, Expression
from streamer.tracking.motion import smooth_share

if TYPE_CHECKING:
    from streamer.sources.voice_motion import VoiceFrame

HANDOVER_S = 0.3  # in which a voice comes and goes, as that of a microphone which is switched on
GRACE_S = 0.04  # without a face, in which nothing changes: one picture at a time may miss it
TAKING_S, RETURNING_S = 0.15, 0.25  # after it, in which the voice takes the mouth, and gives it back to a face
MAX_STEP_S = 0.1  # by which easing goes on between two frames, however late the second is
# Which of a voice's weights are among ours, and where; a tongue that comes out is not drawn.
_KNOWN = [number for number, name in enumerate(SHAPE_NAMES) if name in INDEX]
_PLACES = [INDEX[SHAPE_NAMES[number]] for number in _KNOWN]


class VoiceShare:
    """The share of one voice. Not thread-safe.

    mouth: 0..1, the share of the mouth that is the voice's now.
    """

    def __init__(self) -> None:
        self.mouth = 0.0
        self._heard = self._strength = 0.0
        self._lost = 0.0  # 1: no face has been seen for some time, before smoothing
        self._unseen_since: float | None = None  # seconds, the first moment without a face since the last one with one
        self._now: float | None = None

    @property
    def head(self) -> float:
        """0..1, how much of its turns of the head is shown: only as far as no face is seen."""
        return self.mouth * smooth_share(self._lost)

    def advance(self, strength: float, is_heard: bool, is_seen: bool, now: float) -> None:
        """Ease on to `now` seconds. strength: 0..1 of the mouth, the voice's beside a face. is_seen: whether the last
        picture shows a face; a few pictures in a row that do not give the voice all of the mouth.
        """
        elapsed = 0.0 if self._now is None else min(max(now - self._now, 0.0), MAX_STEP_S)
        self._now = now
        if is_seen:
            self._unseen_since = None
            self._lost = max(self._lost - elapsed / RETURNING_S, 0.0)
        else:
            self._unseen_since = now if self._unseen_since is None else self._unseen_since
            taken_s = min(elapsed, max(now - self._unseen_since - GRACE_S, 0.0))
            self._lost = min(self._lost + taken_s / TAKING_S, 1.0)
        self._heard = _towards(self._heard, 1.0 if is_heard else 0.0, elapsed / HANDOVER_S)
        self._strength = _towards(self._strength, strength, elapsed / HANDOVER_S)
        self.mouth = self._heard * (self._strength + (1 - self._strength) * smooth_share(self._lost))

    def begin(self, strength: float, is_heard: bool, is_seen: bool) -> None:
        """Be there at once, as a film is from its first frame on, and not ease in. See `advance`."""
        self._heard, self._strength, self._lost = float(is_heard), strength, float(not is_seen)

    def expression(self, face: VoiceFrame | None) -> Expression:
        """This share of a voice's face, under which a smile of the driver stays; `REST` where there is none."""
        if face is None or self.mouth <= 0:
            return REST
        weights = np.zeros(len(NAMES), np.float32)
        weights[_PLACES] = self.mouth * face.weights[_KNOWN]
        kept = np.ones(3, np.float32)
        kept[MOUTH] = 1 - self.mouth
        return Expression(weights, kept, np.array(face.head, np.float32) * np.float32(self.head), corners=1.0)


def _towards(value: float, target: float, step: float) -> float:
    """`value`, at most a step nearer to the target."""
    return min(value + step, target) if value < target else max(value - step, target)

"""How much of a face is a voice's, from frame to frame: all of the mouth where no face is seen, else a share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.geometry.expressions import INDEX, NAMES
from models.voice.mouth_shapes import SHAPE_NAMES
from streamer.sources.expression import MOUTH, REST, Expression

if TYPE_CHECKING:
    from streamer.sources.voice_motion import VoiceFrame

HANDOVER_S = 0.3  # in which the voice takes the mouth over when the face is lost, and gives it back
MAX_STEP_S = 0.1  # by which easing goes on between two frames, however late the second is
# Which of a voice's weights are among ours, and where; a tongue that comes out is not drawn.
_KNOWN = [number for number, name in enumerate(SHAPE_NAMES) if name in INDEX]
_PLACES = [INDEX[SHAPE_NAMES[number]] for number in _KNOWN]


class VoiceShare:
    """The share of one voice. Not thread-safe.

    mouth: 0..1, the share of the mouth that is the voice's now.
    """

    def __init__(self) -> None:
        self.mouth = self._unseen = 0.0
        self._now: float | None = None

    @property
    def head(self) -> float:
        """0..1, how much of its turns of the head is shown: only as far as no face is seen."""
        return self.mouth * self._unseen

    def advance(self, strength: float, is_seen: bool, now: float) -> None:
        """Ease on to `now` seconds, towards `strength` 0..1 of the mouth. is_seen: whether a face is."""
        elapsed = 0.0 if self._now is None else min(max(now - self._now, 0.0), MAX_STEP_S)
        self._now = now
        self.mouth = _towards(self.mouth, strength, elapsed / HANDOVER_S)
        self._unseen = _towards(self._unseen, 0.0 if is_seen else 1.0, elapsed / HANDOVER_S)

    def expression(self, face: VoiceFrame | None) -> Expression:
        """This share of a voice's face; `REST` where there is none."""
        if face is None or self.mouth <= 0:
            return REST
        weights = np.zeros(len(NAMES), np.float32)
        weights[_PLACES] = self.mouth * face.weights[_KNOWN]
        kept = np.ones(3, np.float32)
        kept[MOUTH] = 1 - self.mouth
        return Expression(weights, kept, np.array(face.head, np.float32) * np.float32(self.head))


def _towards(value: float, target: float, step: float) -> float:
    """`value`, at most a step nearer to the target."""
    return min(value + step, target) if value < target else max(value - step, target)

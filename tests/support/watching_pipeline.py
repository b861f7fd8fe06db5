"""A pipeline in place of the slow one that keeps what it was asked to draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.geometry.body import LEFT_WRIST
from models.geometry.topology import LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER
from streamer.tracking.motion import VISIBILITY, Motion
from streamer.tracking.presence import NEUTRAL
from tests.support.fakes import FakePipeline


class Watching(FakePipeline):
    """Keeps the last motion that it drew."""

    motion: Motion = NEUTRAL

    def draw(self, requests: Any) -> Any:
        self.motion = requests[-1].motion
        return super().draw(requests)

    @property
    def smile(self) -> float:
        """Width of the mouth over that at rest, less 1."""
        widths = []
        for motion in (self.motion, NEUTRAL):
            assert motion.face is not None
            across = motion.face[LEFT_MOUTH_CORNER] - motion.face[RIGHT_MOUTH_CORNER]
            widths.append(float(np.linalg.norm(across)))
        return widths[0] / widths[1] - 1

    @property
    def is_waving(self) -> bool:
        body = self.motion.body
        return body is not None and bool(body[LEFT_WRIST, VISIBILITY] > 0.9)

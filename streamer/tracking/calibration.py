"""Finding a person's neutral: the face and posture that every motion is measured from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.geometry.topology import LEFT_LID, RIGHT_LID
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import Array, Motion, blend, face_size

STEADY_FRAMES = 10  # good frames that make a neutral
PATIENCE = 1.5  # s of visible face after which the best of what was seen has to do
EASE = 0.4  # s in which a new neutral replaces the old one
LAPSE = 1.0  # s without a face after which collecting starts over
SECOND_LOOK = 30.0  # s in which the neutral of somebody who did not hold still gives way to a better one

_STILL = 0.6  # face sizes per second, mean over the landmarks
_FRONTAL = np.cos(np.radians(25))
_MOUTH_CLOSED = 0.09  # of the face size; lips that rest are rarely shut
_CONFIDENT = 0.6


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A frame that may become neutral, and how unfit for it it is: up to 1 will do, 0 is perfect.

    restless: it moves, its mouth is open, its eyes are shut, or the tracker doubts it. aside: it looks elsewhere.
    """

    motion: Motion
    restless: float
    aside: float

    @property
    def unfit(self) -> float:
        return max(self.restless, self.aside)


class Calibration:
    """Collects steady frames (still, facing the camera, mouth closed, eyes open) and takes their robust middle.

    Starts by itself on the first face. If nobody holds still, it settles after PATIENCE seconds on the best frames. A
    person met talking or moving is watched further and gets another neutral on holding still; not one who asked for
    the neutral, nor one who holds still but looks past the camera.
    """

    def __init__(self) -> None:
        self._neutral: Motion | None = None
        self._former: tuple[Motion, float] | None = None
        self._candidates: list[_Candidate] = []
        self._bodies: list[Motion] = []
        self._began: float | None = None
        self._last: Motion | None = None
        self._running = True
        self._asked = False
        self._doubted_until = -np.inf  # a better neutral may replace this one

    @property
    def progress(self) -> float:
        """0..1; 1 while no calibration is running."""
        if not self._running:
            return 1.0
        if self._began is None or self._last is None:
            return 0.0
        waited = (self._last.captured - self._began) / PATIENCE
        return min(max(self._steady / STEADY_FRAMES, waited, 0.0), 0.99)

    def request(self) -> None:
        """Calibrate again from the next frames on; the present neutral stays in use until then."""
        self._running = self._asked = True
        self._restart()

    def update(self, motion: Motion) -> Motion | None:
        """Take one tracked frame; the neutral to use now, or None before the first calibration is done.

        A new neutral fades in over EASE seconds after an old one, so that nothing jumps.
        """
        if self._running:
            self._settle(motion)
        else:
            if motion.captured < self._doubted_until:
                self._look_again(motion)
            if motion.body is not None and self._neutral is not None and self._neutral.body is None:
                self._add_body(motion)
        return self._faded(motion.captured)

    @property
    def _steady(self) -> int:
        """How many candidates will do."""
        return sum(candidate.unfit <= 1 for candidate in self._candidates)

    def _restart(self) -> None:
        self._candidates, self._began, self._last = [], None, None

    def _settle(self, motion: Motion) -> None:
        """Finish on enough steady frames, or on the best ones when patience ends."""
        self._collect(motion)
        waited = 0.0 if self._began is None else motion.captured - self._began
        if self._steady >= STEADY_FRAMES or (self._candidates and waited >= PATIENCE):
            held = sum(candidate.restless <= 1 for candidate in self._candidates) >= STEADY_FRAMES
            self._doubted_until = -np.inf if held or self._asked else motion.captured + SECOND_LOOK
            self._finish(motion.captured)

    def _look_again(self, motion: Motion) -> None:
        """Finish on enough steady frames in a row."""
        self._collect(motion)
        if self._candidates and self._candidates[-1].unfit > 1:
            self._candidates = []
        if self._steady >= STEADY_FRAMES:
            self._doubted_until = -np.inf
            self._finish(motion.captured)

    def _collect(self, motion: Motion) -> None:
        """Judge a frame by itself and by the one before; starts over when the face was away."""
        if self._last is not None and not 0 <= motion.captured - self._last.captured <= LAPSE:
            self._restart()
        if motion.face is None:
            return
        if self._last is None:
            self._began = motion.captured
        else:
            self._candidates.append(_Candidate(motion, _restless(self._last, motion), _aside(motion)))
        self._last = motion

    def _finish(self, now: float) -> None:
        best = sorted(self._candidates, key=lambda candidate: candidate.unfit)[:STEADY_FRAMES]
        if self._neutral is not None:
            self._former = (self._neutral, now)
        self._neutral = middle([candidate.motion for candidate in best])
        self._running = False
        self._restart()

    def _add_body(self, motion: Motion) -> None:
        """The slow body tracker may first speak after the face has settled."""
        self._bodies.append(motion)
        if len(self._bodies) >= STEADY_FRAMES and self._neutral is not None:
            self._neutral = replace(self._neutral, body=_middle_body(self._bodies), torso=_middle_torso(self._bodies))
            self._bodies = []

    def _faded(self, now: float) -> Motion | None:
        if self._former is None or self._neutral is None:
            return self._neutral
        former, since = self._former
        share = (now - since) / EASE
        if not 0 <= share < 1:
            self._former = None
            return self._neutral
        return blend(former, self._neutral, share)


def middle(motions: list[Motion]) -> Motion:
    """The robust middle of motions with faces, the first of which counts as the best.

    Faces are brought to the first one's pose and their median taken there, so that a head in motion does not smear.
    """
    best = motions[0]
    if best.face is None:
        raise ValueError("a neutral needs a face")
    faces = [motion.face for motion in motions if motion.face is not None]
    aligned = [head_pose(best.face, face).apply(face) for face in faces]
    face = np.median(aligned, axis=0).astype(np.float32)
    seen = [motion for motion in motions if motion.body is not None]
    still = Motion.still(face, _middle_body(seen) if seen else None, best.captured)
    shade = np.median([motion.shade for motion in motions], axis=0)
    return replace(
        still, face_confidence=best.face_confidence, hands=best.hands, torso=_middle_torso(motions), shade=shade
    )


def _middle_body(motions: list[Motion]) -> Array:
    return np.median([motion.body for motion in motions if motion.body is not None], axis=0).astype(np.float32)


def _middle_torso(motions: list[Motion]) -> Array:
    """The median of those that share the newest keyframe."""
    newest = max(motions, key=lambda motion: motion.torso[0, 2]).torso[0, 2]
    return np.median([m.torso for m in motions if m.torso[0, 2] == newest], axis=0).astype(np.float32)


def _restless(before: Motion, motion: Motion) -> float:
    face, former = motion.face, before.face
    if face is None or former is None:
        return np.inf
    size = max(face_size(face), 1e-6)
    step = max(motion.captured - before.captured, 1e-3)
    speed = float(np.linalg.norm(face - former, axis=1).mean()) / size / step
    mouth = float(np.linalg.norm(face[13] - face[14])) / size
    eyes = min(_openness(face, RIGHT_LID), _openness(face, LEFT_LID))
    closed = 0.16 / max(eyes, 0.01)
    doubt = _CONFIDENT / max(motion.face_confidence, 0.01)
    return max(speed / _STILL, mouth / _MOUTH_CLOSED, closed, doubt)


def _aside(motion: Motion) -> float:
    return (1 - float(motion.head[2, 2])) / (1 - _FRONTAL)


def _openness(face: Array, ring: tuple[int, ...]) -> float:
    """Height of an eye's opening over its width; about 0.3 open, below 0.15 closed."""
    half = len(ring) // 2
    upper, lower = face[list(ring[1:half])], face[list(ring[:half:-1])]
    height = float(np.linalg.norm(upper - lower, axis=1).max())
    return height / max(float(np.linalg.norm(face[ring[0]] - face[ring[half]])), 1e-6)

"""Finds a person's neutral: the relaxed face and posture that every motion is measured against."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from streamer.options import Obstacle
from streamer.tracking.head_pose import head_pose
from streamer.tracking.motion import KEYFRAME, Array, Motion, blend
from streamer.tracking.steadiness import Steadiness, steadiness

STEADY_FRAMES = 10  # steady frames from which a neutral is made
MAX_COLLECTION_S = 1.5  # of a visible face, after which the steadiest frames so far make the neutral
REQUESTED_COLLECTION_S = 5.0  # the same where the driver asked for it, and is told what to do better
NEUTRAL_FADE_S = 0.4  # in which a new neutral replaces the old one
MAX_FACE_GAP_S = 1.0  # of frames without a face, after which collecting starts again
MAX_FRAME_GAP_S = 10.0  # without any frame, as of a paused camera, likewise; on a busy machine some come seconds apart
REVISION_S = 30.0  # after a neutral from unsteady frames, in which steady ones replace it
OBSTACLE_S = 0.5  # for which an obstacle is told after the last frame that had it


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A frame that may enter the neutral, and how steady it is.

    deviation: from an ideal one; up to 1 is steady, 0 is ideal.
    """

    motion: Motion
    rating: Steadiness
    deviation: float


class Calibration:
    """Collects steady frames (still, facing the camera, mouth closed, eyes open) and takes their robust mean.

    Starts by itself with the first face. If the person does not hold still, the steadiest frames of MAX_COLLECTION_S
    seconds are taken, and replaced when steady ones follow within REVISION_S seconds. A neutral that was requested, or
    of a person who holds still but is turned away, is not replaced.
    """

    def __init__(self) -> None:
        self._neutral: Motion | None = None
        self._previous: tuple[Motion, float] | None = None  # the replaced neutral, and when it was replaced
        self._candidates: list[_Candidate] = []
        self._body_motions: list[Motion] = []
        self._began: float | None = None
        self._last: Motion | None = None  # the last one with a face
        self._faceless_since: float | None = None  # seconds, the first one without a face since then
        self._obstacle: tuple[Obstacle, float] | None = None  # the last one, and its seconds
        self._running = True
        self._requested = self._deliberate = False
        self._revision_ends = -np.inf

    @property
    def neutral(self) -> Motion | None:
        """The newest neutral, which may still fade in."""
        return self._neutral

    @property
    def is_deliberate(self) -> bool:
        """Whether the newest neutral was requested, and is of steady frames: still, lips closed, eyes open."""
        return self._deliberate

    @property
    def is_requested(self) -> bool:
        """Whether a calibration that was requested is running."""
        return self._running and self._requested

    @property
    def progress(self) -> float:
        """0..1; 1 while no calibration is running."""
        if not self._running:
            return 1.0
        if self._began is None or self._last is None:
            return 0.0
        elapsed = (self._last.captured - self._began) / self._collection_s
        return min(max(self._steady_count / STEADY_FRAMES, elapsed, 0.0), 0.99)

    @property
    def obstacle(self) -> Obstacle | None:
        """What the driver does that a neutral should not have; None while no calibration is running."""
        if not self._running or self._obstacle is None or self._last is None:
            return None
        obstacle, at = self._obstacle
        return obstacle if self._last.captured - at <= OBSTACLE_S else None

    @property
    def _collection_s(self) -> float:
        return REQUESTED_COLLECTION_S if self._requested else MAX_COLLECTION_S

    def request(self) -> None:
        """Calibrate again from the next frames on; the present neutral stays in use until then."""
        self._running = self._requested = True
        self._restart()

    def adopt(self, neutral: Motion) -> None:
        """Use a neutral that was found before, and do not calibrate unless it is requested."""
        self._neutral, self._running = neutral, False

    def change_scene(self, provisional: Motion) -> None:
        """Use a provisional neutral at once, and calibrate for the new scene from its next frames on."""
        self._neutral, self._previous = provisional, None
        self._running, self._requested, self._deliberate = True, False, False
        self._restart()

    def update(self, motion: Motion) -> Motion | None:
        """Add one tracked frame; returns the neutral to use now, or None before the first calibration ends.

        A new neutral fades in over NEUTRAL_FADE_S seconds, so that the avatar does not jump.
        """
        if self._running:
            self._collect(motion)
        else:
            if motion.captured < self._revision_ends:
                self._revise(motion)
            if motion.body is not None and self._neutral is not None and self._neutral.body is None:
                self._add_body(motion)
        return self._faded(motion.captured)

    @property
    def _steady_count(self) -> int:
        return sum(candidate.deviation <= 1 for candidate in self._candidates)

    def _restart(self) -> None:
        self._candidates, self._began, self._last, self._obstacle = [], None, None, None
        self._faceless_since = None

    def _collect(self, motion: Motion) -> None:
        """Add a frame; finish with enough steady ones, or with the steadiest when the time is over."""
        self._add_candidate(motion)
        elapsed = 0.0 if self._began is None else motion.captured - self._began
        if self._steady_count >= STEADY_FRAMES or (self._candidates and elapsed >= self._collection_s):
            held_still = sum(candidate.rating.unsteadiness <= 1 for candidate in self._candidates) >= STEADY_FRAMES
            self._revision_ends = -np.inf if held_still or self._requested else motion.captured + REVISION_S
            self._finish(motion.captured)

    def _revise(self, motion: Motion) -> None:
        """Add a frame; finish with enough steady ones in a row."""
        self._add_candidate(motion)
        if self._candidates and self._candidates[-1].deviation > 1:
            self._candidates = []
        if self._steady_count >= STEADY_FRAMES:
            self._revision_ends = -np.inf
            self._finish(motion.captured)

    def _add_candidate(self, motion: Motion) -> None:
        """Rate a frame by itself and by the one before; starts again after a gap without a face or without frames."""
        if self._is_interrupted(motion):
            self._restart()
        if motion.face is None:
            self._faceless_since = motion.captured if self._faceless_since is None else self._faceless_since
            return
        self._faceless_since = None
        if self._last is None:
            self._began = motion.captured
        else:
            rating = steadiness(self._last, motion)
            # Habits correct a smile by what is usual; where the driver asked, it is told and left out.
            smiles = rating.smiles if self._requested else 0.0
            deviation = float(max(rating.unsteadiness, rating.turned, smiles))
            self._candidates.append(_Candidate(motion, rating, deviation))
            if rating.obstacle is not None:
                self._obstacle = rating.obstacle, motion.captured
        self._last = motion

    def _is_interrupted(self, motion: Motion) -> bool:
        """Whether too long a gap ends with a frame, or lasts."""
        if motion.face is None and self._faceless_since is not None:
            return motion.captured - self._faceless_since > MAX_FACE_GAP_S
        return self._last is not None and not 0 <= motion.captured - self._last.captured <= MAX_FRAME_GAP_S

    def _finish(self, now: float) -> None:
        best = sorted(self._candidates, key=lambda candidate: candidate.deviation)[:STEADY_FRAMES]
        if self._neutral is not None:
            self._previous = (self._neutral, now)
        self._deliberate = self._requested and all(candidate.deviation <= 1 for candidate in best)
        self._neutral = robust_mean([candidate.motion for candidate in best])
        self._running = False
        self._restart()

    def _add_body(self, motion: Motion) -> None:
        """Add the body to a neutral without one, since the slow body tracker may deliver after the calibration."""
        self._body_motions.append(motion)
        if len(self._body_motions) >= STEADY_FRAMES and self._neutral is not None:
            body, torso = _median_body(self._body_motions), _median_torso(self._body_motions)
            self._neutral = replace(self._neutral, body=body, torso=torso)
            self._body_motions = []

    def _faded(self, now: float) -> Motion | None:
        if self._previous is None or self._neutral is None:
            return self._neutral
        previous, since = self._previous
        fraction = (now - since) / NEUTRAL_FADE_S
        if not 0 <= fraction < 1:
            self._previous = None
            return self._neutral
        return blend(previous, self._neutral, fraction)


def robust_mean(motions: list[Motion]) -> Motion:
    """The median of motions with faces, the best of which comes first. Raises ValueError if that has no face.

    Faces are aligned to the first one's head pose before their median is taken, so that a moving head does not blur
    it. Time, confidence, hands and scene are the first one's.
    """
    best = motions[0]
    if best.face is None:
        raise ValueError("a neutral needs a face")
    faces = [motion.face for motion in motions if motion.face is not None]
    aligned = [head_pose(best.face, face).apply(face) for face in faces]
    face = np.median(aligned, axis=0).astype(np.float32)
    with_body = [motion for motion in motions if motion.body is not None]
    still = Motion.still(face, _median_body(with_body) if with_body else None, best.captured)
    shade = np.median([motion.shade for motion in motions], axis=0)
    return replace(
        still, face_confidence=best.face_confidence, hands=best.hands, torso=_median_torso(motions), shade=shade,
        scene=best.scene,
    )  # fmt: skip


def _median_body(motions: list[Motion]) -> Array:
    return np.median([motion.body for motion in motions if motion.body is not None], axis=0).astype(np.float32)


def _median_torso(motions: list[Motion]) -> Array:
    """Over the motions of the newest torso keyframe."""
    newest = max(motions, key=lambda motion: motion.torso[0, KEYFRAME]).torso[0, KEYFRAME]
    return np.median([m.torso for m in motions if m.torso[0, KEYFRAME] == newest], axis=0).astype(np.float32)

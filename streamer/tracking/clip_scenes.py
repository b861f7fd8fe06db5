"""The scenes of a clip, each with its neutral, which is looked for ahead of its first frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby

from streamer.options import NeutralKind
from streamer.tracking.calibration import Calibration, robust_mean
from streamer.tracking.facing import neutral_facing
from streamer.tracking.habits import LOOKAHEAD_S, Habits
from streamer.tracking.head_of_body import HeadOfBody, first_neutral
from streamer.tracking.motion import Motion

SEARCHED_S = 10.0  # of a scene, in which its first face is looked for; bounds what is held back


@dataclass(frozen=True, slots=True)
class ClipScene:
    """Motions in one place. neutral: what they are measured against; None where nobody was seen. habits: of the person,
    as far as they are foreseen. motions: to be taken before the next scene is.
    """

    motions: Iterator[Motion]
    neutral: Motion | None
    habits: Habits


def clip_scenes(
    motions: Iterable[Motion], kind: NeutralKind, heads: HeadOfBody, yaw: float | None = None
) -> Iterator[ClipScene]:
    """The scenes of a clip, in order; where nobody is seen for longer, as many as hold SEARCHED_S seconds each.

    kind: of the first neutral, "first" for the first face or body, "auto" for the face that `Calibration` finds; that
    of any later scene is found in the second way. heads: learns from what is foreseen. yaw: of the head that is driven,
    radians; a neutral that is turned far from it is replaced by what faces as it does, see `neutral_facing`; None:
    none is. At most SEARCHED_S and LOOKAHEAD_S seconds of motions are held back.
    """
    for _, group in groupby(motions, key=lambda motion: motion.scene):
        for scene in _with_neutrals(group, kind, heads, yaw):
            yield scene
            kind = kind if scene.neutral is None else "auto"


def _with_neutrals(
    motions: Iterator[Motion], kind: NeutralKind, heads: HeadOfBody, yaw: float | None
) -> Iterator[ClipScene]:
    """The motions of one scene: those before somebody is seen, in parts of SEARCHED_S seconds, and all others."""
    while True:
        consumed: list[Motion] = []
        found = find_neutral(motions, kind, consumed)
        if not consumed:
            return
        if found is not None:
            consumed.extend(look_ahead(motions, found.captured + LOOKAHEAD_S))
        heads.learn(consumed)
        neutral = found if kind == "auto" and found is not None else first_neutral(consumed, found, heads)
        if neutral is not None and yaw is not None:
            neutral = neutral_facing(neutral, (heads.place_neutral(each, neutral) for each in consumed), yaw)
        habits = Habits()
        habits.foresee(consumed)
        yield ClipScene(iter(consumed) if neutral is None else chain(consumed, motions), neutral, habits)


def look_ahead(motions: Iterator[Motion], until: float) -> Iterator[Motion]:
    """The next motions up to the first one that was captured at `until` seconds or later."""
    for motion in motions:
        yield motion
        if motion.captured >= until:
            return


def find_neutral(motions: Iterator[Motion], kind: NeutralKind, consumed: list[Motion]) -> Motion | None:
    """The neutral face among the next motions; None without one. Reads no further than needed, nor than SEARCHED_S
    seconds, and appends what it reads to `consumed`.
    """
    calibration = Calibration()
    for motion in motions:
        consumed.append(motion)
        found = calibration.update(motion) if kind == "auto" else motion
        if found is not None and found.face is not None:
            return found
        if motion.captured - consumed[0].captured >= SEARCHED_S:
            break
    faces = [motion for motion in consumed if motion.face is not None]
    return robust_mean(faces) if faces else None

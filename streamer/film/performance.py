"""From the motions of drivers in a file to frames of a character: the neutral, what is shown, and the drawing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from streamer.errors import KagamiError
from streamer.frames import AvatarFrame
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.stream import FrameRequest
from streamer.options import NeutralKind
from streamer.rigging.backdrop import Backdrop
from streamer.sources.mixer import Mixer
from streamer.sources.source import Moment
from streamer.sources.wanted_motion import WantedMotion
from streamer.tracking.clip_scenes import clip_scenes
from streamer.tracking.head_of_body import HeadOfBody
from streamer.tracking.idle_habits import HabitsAt, usual_habits
from streamer.tracking.motion import Motion
from streamer.tracking.presence import NEUTRAL, Presence
from streamer.tracking.resolved import Resolved


class NoDriverError(KagamiError):
    """Neither a face nor a body was found in the driving video."""

    code = "no-driver"


@dataclass(frozen=True, eq=False, slots=True)
class Additions:
    """What moves the first character besides the videos that drive it. mixer: of its sources. wanted: of these, at so
    many seconds of the film.
    """

    mixer: Mixer = field(default_factory=lambda: Mixer([]))
    wanted: Callable[[float], WantedMotion] = lambda _: WantedMotion()

    def to(self, resolved: Resolved) -> tuple[Motion, Motion]:
        """The motion and the neutral to draw."""
        seconds = resolved.motion.captured
        moment = Moment(seconds, resolved.is_seen, self.wanted(seconds))
        return self.mixer.mix(resolved.motion, resolved.neutral, moment)


def perform(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    motions: Iterable[Motion],
    controls: Controls,
    neutral: NeutralKind = "first",
    name: str = "the video",
) -> Generator[AvatarFrame, None, None]:
    """`perform_all` for a picture with one character. motions: of its driver."""
    return perform_all(pipeline, avatar, [motions], controls, neutral, name)


def perform_all(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    motions: Sequence[Iterable[Motion]],
    controls: Controls,
    neutral: NeutralKind = "first",
    name: str = "the video",
) -> Generator[AvatarFrame, None, None]:
    """One drawn frame for each motion. motions: of the driver of each character, from left to right.

    neutral, name: as in `resolve`. A further character without a driver idles. Raises NoDriverError if the first has
    none.
    """
    of_each = [
        resolve(each, neutral, None if slot else name, slot, yaw=one.yaw(controls.mirror))
        for slot, (each, one) in enumerate(zip(motions, avatar.cast, strict=False))
    ]
    return draw_all(pipeline, avatar, of_each, controls)


def draw_all(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    of_each: Sequence[Iterable[Resolved]],
    controls: Controls,
    backdrop: Backdrop | None = None,
    additions: Additions | None = None,
) -> Generator[AvatarFrame, None, None]:
    """One drawn frame for each of the motions that each character makes, from left to right.

    backdrop: see `Stream.background`. additions: to the first character's motion; None: none.
    """
    additions = additions or Additions()
    stream = pipeline.open(avatar)
    try:
        for first, *others in zip(*of_each, strict=True):
            shown, related = additions.to(first)
            further = tuple((each.motion, each.neutral) for each in others)
            yield pipeline.draw([FrameRequest(stream, shown, related, controls, further, backdrop=backdrop)])[0]
    finally:
        pipeline.close(stream)


def resolve(
    motions: Iterable[Motion],
    neutral: NeutralKind = "first",
    name: str | None = "the video",
    seed: int = 0,
    habits: HabitsAt = usual_habits,
    yaw: float | None = None,
) -> Iterator[Resolved]:
    """The motion to draw for each motion of one driver, and the neutral that it is measured against.

    neutral: "first" takes the first face or body, "auto" the face that `Calibration` finds at the beginning; either is
    corrected by what is usual (`Habits`) in the first seconds and since. After a cut the avatar eases to where the
    neutral of the new scene has it; until somebody is seen it idles. name: of the video, for the error; None: no error.
    seed, habits: of the idle motion. yaw: of the head that is driven, radians in the camera's picture; a neutral that
    is turned far from it is replaced by a moment that faces as it does; None: none is. Raises NoDriverError after the
    last motion if nobody was seen.
    """
    heads = HeadOfBody()
    presence = Presence(seed, heads)
    known: Motion | None = None  # the neutral in use
    for scene in clip_scenes(motions, neutral, heads, yaw):
        for motion in scene.motions:
            measured = scene.habits.update(motion)
            related = None if scene.neutral is None else scene.habits.relate(scene.neutral, motion.captured)
            if known is not None and related is not None and known.scene != related.scene:
                presence.change_scene(known, related, motion.captured)
            known = related or known
            presence.habits = habits(motion.captured)
            shown = presence.resolve(measured, known, motion.captured)
            yield Resolved(shown, known or NEUTRAL, motion.face is not None)
    if known is None and name is not None:
        raise NoDriverError(f"Nobody was found in {name}: use a video that shows the driver's face or body.")

"""A driving video, tracked while it is read: the motions of the driver of each character, ready to be drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import tee
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from streamer.files.prefetch import prefetch
from streamer.files.video_reader import VideoReader
from streamer.film.performance import NoDriverError, resolve
from streamer.options import LARGEST_PERSON, ClipRange, NeutralKind
from streamer.tracking.bridging import bridge
from streamer.tracking.drivers import Drivers
from streamer.tracking.false_faces import without_false_faces
from streamer.tracking.idle_habits import HabitsAt, usual_habits
from streamer.tracking.motion import Motion
from streamer.tracking.resolved import Resolved
from streamer.tracking.shown_body import ShownBody
from streamer.tracking.smoothing import smooth_both_ways

T = TypeVar("T")


class TrackedVideo:
    """Reads and tracks in a thread of its own, some frames ahead.

    clip, name, from_zero: as for `VideoReader`. shown: what of a body each character shows. yaws: of their heads, see
    `resolve`. who, body: see `Drivers`. mirrored: as there. smooth, smoothing: whether and how much the motion is
    smoothed, see `smooth_both_ways`.

    Raises VideoError.
    """

    def __init__(
        self,
        path: Path,
        clip: ClipRange,
        name: str | None,
        shown: Sequence[ShownBody],
        yaws: Sequence[float],
        body: bool = True,
        who: str = LARGEST_PERSON,
        mirrored: bool = False,
        smooth: bool = True,
        smoothing: float = 1.0,
        from_zero: bool = False,
    ) -> None:
        self._smooth, self._smoothing = smooth, smoothing
        self._name, self._yaws = name or path.name, yaws
        with ExitStack() as stack:
            self.reader = stack.enter_context(VideoReader(path, clip, name, from_zero))
            drivers = stack.enter_context(
                Drivers(body=body, smooth=False, live=False, shown=shown, who=who, mirrored=mirrored)
            )
            self._tracked = prefetch(map(drivers.process, self.reader))
            stack.callback(self._tracked.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> TrackedVideo:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def resolved(
        self,
        neutral: NeutralKind,
        needs: str = "face or body",
        on_frame: Callable[[], None] = lambda: None,
        habits: HabitsAt = usual_habits,
    ) -> list[Iterator[Resolved]]:
        """What is drawn of each character's driver, see `resolve`; they are to be read about as far as each other.

        needs: what the first one's driver must show some time: "face or body", "face", or "body"; else NoDriverError is
        raised after the last frame. on_frame: called in the reading thread after each frame that was tracked. habits:
        of the first character, where it idles. To be called once.
        """

        def counted() -> Iterator[Sequence[Motion]]:
            for motions in self._tracked:
                on_frame()
                yield motions

        of_each = [
            smooth_both_ways(each, smoothing=self._smoothing) if self._smooth else each
            for each in map(bridge, map(without_false_faces, split(counted(), len(self._yaws))))
        ]
        is_either = needs == "face or body"
        first = of_each[0] if is_either else self._needing(needs, of_each[0])
        name = self._name if is_either else None
        yaw, *other_yaws = self._yaws
        others = enumerate(zip(of_each[1:], other_yaws, strict=True), 1)
        return [
            resolve(first, neutral, name, habits=habits, yaw=yaw),
            *(resolve(each, neutral, None, slot, yaw=turned) for slot, (each, turned) in others),
        ]

    def _needing(self, needs: str, motions: Iterable[Motion]) -> Iterator[Motion]:
        was_seen = False
        for motion in motions:
            was_seen |= (motion.face if needs == "face" else motion.body) is not None
            yield motion
        if not was_seen:
            raise NoDriverError(f"No {needs} was found in {self._name}: use a video that shows the driver's {needs}.")


def split(items: Iterable[Sequence[T]], count: int) -> list[Iterator[T]]:
    """The first, second and so on of each of `items`, each with `count` of them, to be read about as far as the
    others'.
    """
    return [map(itemgetter(slot), each) for slot, each in enumerate(tee(items, count))]

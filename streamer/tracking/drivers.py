"""Camera frames in, the motions of as many drivers as characters out: one of several people, or several at once."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from streamer.effort import FULL
from streamer.frames import CameraFrame
from streamer.options import LARGEST_PERSON
from streamer.tracking.motion import Motion
from streamer.tracking.motion_extractor import MotionExtractor, shrunk
from streamer.tracking.people import People
from streamer.tracking.people_watch import PeopleWatch
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody


class Drivers:
    """Tracks the driver of each of some characters. Not thread-safe.

    shown: what of a body each character shows, from left to right; may be set at any time to as many or others. who:
    whom to follow for a single character, see `People`. body, smooth, live: as `MotionExtractor`; body may be set at
    any time, as may smoothing, 0..2, and body_share, see `Effort`. A character without a driver costs nothing.
    """

    def __init__(
        self,
        body: bool = True,
        smooth: bool = True,
        live: bool = True,
        shown: Sequence[ShownBody] = (WHOLE_BODY,),
        who: str = LARGEST_PERSON,
        mirrored: bool = False,
    ) -> None:
        self._options = {"smooth": smooth, "live": live}
        self._body, self._smoothing, self._body_share = body, 1.0, FULL.body_share
        self._shown = tuple(shown)
        self._choice, self._mirrored = who, mirrored
        self.people = People(who, len(self._shown), mirrored)
        self._watch = PeopleWatch(live)
        self._extractors: list[MotionExtractor | None] = [None] * len(self._shown)

    def __enter__(self) -> Drivers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release the models and threads; may be called twice."""
        self._watch.close()
        for extractor in self._running():
            extractor.close()

    def _running(self) -> list[MotionExtractor]:
        """The extractors of the characters that somebody drives."""
        return [extractor for extractor in self._extractors if extractor is not None]

    @property
    def shown(self) -> tuple[ShownBody, ...]:
        """What of a body each character shows."""
        return self._shown

    @shown.setter
    def shown(self, shown: Sequence[ShownBody]) -> None:
        shown = tuple(shown)
        if len(shown) != len(self._shown):
            self.people.resize(len(shown))
            for extractor in self._extractors[len(shown) :]:
                if extractor is not None:
                    extractor.close()
            missing = len(shown) - len(self._extractors)
            self._extractors = [*self._extractors[: len(shown)], *[None] * missing]
        self._shown = shown
        for extractor, each in zip(self._extractors, shown, strict=True):
            if extractor is not None:
                extractor.shown = each

    @property
    def body(self) -> bool:
        """Whether bodies and hands are measured."""
        return self._body

    @body.setter
    def body(self, body: bool) -> None:
        self._body = body
        for extractor in self._running():
            extractor.body = body

    @property
    def smoothing(self) -> float:
        """See `MotionFilter`."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, smoothing: float) -> None:
        self._smoothing = smoothing
        for extractor in self._running():
            extractor.smoothing = smoothing

    @property
    def body_share(self) -> float:
        """See `Effort`."""
        return self._body_share

    @body_share.setter
    def body_share(self, share: float) -> None:
        self._body_share = share
        for extractor in self._running():
            extractor.body_share = share

    def follow(self, who: str, mirrored: bool) -> None:
        """Follow whom `who` names, if that changes; with several characters, all anew from left to right."""
        several = len(self._shown) > 1
        if who != self._choice or (several and mirrored != self._mirrored):
            self.people.choose(who)
        self._choice, self._mirrored = who, mirrored
        self.people.mirrored = mirrored

    def adopt(self, people: People) -> None:
        """Go on with the people that another tracker kept apart, unless somebody else is to be followed since."""
        if people.wanted == self.people.wanted:
            people.mirrored = self._mirrored
            people.resume()
            self.people = people

    def let_clothes_suffice(self, slot: int, suffice: bool) -> None:
        """Whether a driver's torso alone tells how the shoulders move, see `MotionExtractor`."""
        extractor = self._extractors[slot]
        if extractor is not None:
            extractor.clothes_suffice = suffice

    def process(self, frame: CameraFrame) -> list[Motion]:
        """A motion for each character, without a face where nobody drives it. Frames come in the order of capture."""
        frame = CameraFrame(shrunk(frame.rgb), frame.captured, frame.index)
        people = self.people
        news = self._watch.look(frame.rgb, frame.captured, people.seen > 1)
        if news is not None:
            people.look(*news)
        motions = []
        for slot in range(len(self._shown)):
            place = people.place(slot)
            if slot > 0 and place is None:
                motions.append(Motion(frame.captured))
                continue
            motion = self._extractor(slot).process(frame, people.others(slot), place)
            people.track(slot, motion.face, frame.captured)
            motions.append(motion)
        return motions

    def _extractor(self, slot: int) -> MotionExtractor:
        extractor = self._extractors[slot]
        if extractor is None:
            extractor = self._extractors[slot] = MotionExtractor(self._body, shown=self._shown[slot], **self._options)
            extractor.smoothing, extractor.body_share = self._smoothing, self._body_share
        return extractor

"""The motions of one session that another program's tracker drives, and how it goes over to them and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from streamer.sources.received_pose import REST, ReceivedPose, Tare, to_motion
from streamer.sources.tracker_feed import ReceivedAt, TrackerFeed
from streamer.tracking.motion import Motion, blend, smooth_share
from streamer.tracking.neutral_change import carried_over
from streamer.tracking.presence import EASE_IN_S, EASE_OUT_S, NEUTRAL, Presence
from streamer.tracking.tracker import TrackedMotion

WAIT_S = 0.04  # for a newer pose, after which the last one is drawn again
FORGOTTEN_S = 2.0  # without poses, after which a head is somewhere else than before
Mover = Literal["tracker", "camera", "idle"]


class ReceivedTracker:
    """Makes motions to draw of a feed's poses. For one session's tracking thread.

    characters: of its picture; those but the first idle. with_body: whether chest and arms are moved.
    """

    def __init__(self, feed: TrackerFeed, session: object) -> None:
        self.with_body = True
        self.characters = 1
        self._feed = feed
        self._session = session
        self._tare = Tare()
        self._newest: ReceivedAt | None = None
        self._others: list[Presence] = []

    @property
    def drives(self) -> bool:
        """Whether the feed has poses for this session now."""
        return self._feed.drives(self._session)

    def track(self, now: float) -> TrackedMotion | None:
        """The motion of the newest pose, waiting WAIT_S for one; None where nothing drives any more. now: seconds."""
        last_at = -1.0 if self._newest is None else self._newest.at
        newest = self._feed.wait_newer(self._session, last_at, WAIT_S)
        if newest is None:
            return None
        if newest.at - last_at > FORGOTTEN_S:
            self._tare = replace(self._tare, place=None)
        if self._tare.place is None:
            self._tare = replace(self._tare, place=newest.pose.place)
        self._newest = newest
        motion = to_motion(newest.pose, self._tare, newest.at, self.with_body)
        self._others += [Presence(seed) for seed in range(len(self._others) + 1, self.characters)]
        idle = [presence.resolve(Motion(now), None, now) for presence in self._others[: self.characters - 1]]
        return TrackedMotion(motion, REST, others=tuple((each, NEUTRAL) for each in idle), people=1)

    def calibrate(self) -> None:
        """From now on the head looks straight ahead where it is as in the last pose."""
        pose = ReceivedPose() if self._newest is None else self._newest.pose
        self._tare = Tare(np.asarray(pose.head), pose.place)


class Changeover:
    """Goes over smoothly from what was drawn to what moves the character from now on. For one tracking thread."""

    def __init__(self) -> None:
        self._mover: Mover | None = None
        self._shown: TrackedMotion | None = None
        self._start: TrackedMotion | None = None
        self._began_at, self._takes_s = 0.0, EASE_IN_S

    def eased(self, tracked: TrackedMotion, mover: Mover, now: float) -> TrackedMotion:
        """What to draw, measured against `tracked.neutral`. mover: what it comes of. now: seconds."""
        if {mover, self._mover} & {"tracker"} and mover != self._mover and self._shown is not None:
            self._start, self._began_at = self._shown, now
            self._takes_s = EASE_OUT_S if mover == "idle" else EASE_IN_S
        self._mover = mover
        share = (now - self._began_at) / self._takes_s
        if self._start is not None and 0 <= share < 1:
            start = carried_over(self._start.motion, self._start.neutral, tracked.neutral)
            motion = blend(start, tracked.motion, smooth_share(share))
            tracked = replace(tracked, motion=motion)
        else:
            self._start = None
        self._shown = tracked
        return tracked

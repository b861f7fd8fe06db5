"""Which session the trackers of other programs drive, and for how long."""

from __future__ import annotations

from streamer.sources.received_pose import ReceivedPose
from streamer.sources.tracker_feed import FRESH_S, FeedState, TrackerFeed


class Feed(TrackerFeed):
    """A feed with a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        super().__init__(lambda: self.now)

    def send(self, source: str = "VMC a") -> ReceivedPose:
        pose = ReceivedPose()
        self.put(pose, "VMC", source)
        return pose


def test_feed_drives_the_last_session_that_claimed_it() -> None:
    feed, old, new = Feed(), object(), object()
    feed.claim(old)
    feed.claim(new)
    feed.send()
    assert feed.drives(new) and not feed.drives(old)
    assert feed.state(old).kind == "elsewhere" and feed.state(new) == FeedState("drives", "VMC", 1)
    feed.claim(old)
    assert feed.drives(old) and not feed.drives(new)
    feed.release(old)
    feed.release(old)
    assert feed.drives(new) and feed.state(old).kind == "off"


def test_feed_drives_while_its_poses_are_fresh() -> None:
    feed, session = Feed(), object()
    feed.claim(session)
    assert feed.state(session) == FeedState("silent") and not feed.drives(session)
    pose = feed.send()
    newest = feed.wait_newer(session, 0.0, 0.0)
    assert newest is not None and newest.pose is pose and newest.at == 100
    feed.now += FRESH_S - 0.01
    assert feed.wait_newer(session, newest.at, 0.0) is newest, "the same one again"
    feed.now += 0.02
    assert feed.wait_newer(session, 0.0, 0.0) is None and not feed.drives(session)
    assert feed.state(session) == FeedState("silent", "VMC", 1)


def test_feed_gives_nothing_to_a_session_that_it_does_not_drive() -> None:
    feed, session = Feed(), object()
    feed.send()
    assert feed.wait_newer(session, 0.0, 10.0) is None


def test_feed_hears_one_source_at_a_time() -> None:
    feed, session = Feed(), object()
    feed.claim(session)
    first = feed.send("VMC a")
    feed.send("VMC b")
    newest = feed.wait_newer(session, 0.0, 0.0)
    assert newest is not None and newest.pose is first
    feed.now += FRESH_S + 0.01
    second = feed.send("VMC b")
    newest = feed.wait_newer(session, 0.0, 0.0)
    assert newest is not None and newest.pose is second


def test_feed_counts_poses_of_the_last_second() -> None:
    feed, session = Feed(), object()
    feed.claim(session)
    for _ in range(90):
        feed.now += 1 / 60
        feed.send()
    assert feed.state(session).per_second in (60, 61)

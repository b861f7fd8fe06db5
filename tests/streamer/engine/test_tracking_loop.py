"""What moves a session, with fakes for tracking and drawing: camera, idling, pause, calibration, a voice."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.geometry.topology import LOWER_LIP_INNER
from streamer.engine import camera_silence, tracking_loop
from streamer.engine.draw_schedule import DrawSchedule
from streamer.engine.engine import Engine
from streamer.engine.tracking_loop import TrackingLoop
from streamer.engine.voice_frames import IDLE_HELD_S
from streamer.frames import CameraFrame
from streamer.generation.controls import Controls
from streamer.runtime.sound_feed import SoundFeed
from streamer.sources import mixer
from streamer.sources.expression import REST, Expression, weights
from streamer.sources.source import Moment
from streamer.tracking.shown_body import WHOLE_BODY, ShownBody
from streamer.tracking.tracker import TrackedMotion, Wanted
from tests.support.engines import TIMEOUT_S, admit, brightness, received, running, take, until
from tests.support.fakes import FakeAvatar, FakePipeline, FakeTracker


def test_session_idles_before_and_after_the_camera_sends() -> None:
    trackers: list[FakeTracker] = []

    def make() -> FakeTracker:
        trackers.append(FakeTracker())
        return trackers[-1]

    with running(tracker=make) as engine:
        session, _ = admit(engine)
        out = session.new_output()
        for _ in range(5):
            take(out)
        assert session.state.phase == "waiting"
        session.camera.put(received())
        until(lambda: session.state.phase == "live", "a tracked picture")
        for _ in range(20):
            take(out)
        until(lambda: session.state.phase == "stalled", "notice of the silent camera")
        assert trackers[0].tracked == 1 and trackers[0].idled > 10


def test_session_paused_ignores_the_camera() -> None:
    trackers = [FakeTracker()]
    with running(tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        session.paused = True
        for _ in range(10):
            session.camera.put(received(255))
            assert brightness(take(session.new_output())) == 0
        assert session.state.phase == "paused" and trackers[0].tracked == 0
        session.paused = False
        session.camera.put(received(255))
        until(lambda: trackers[0].tracked == 1, "the camera again")


def test_session_calibrate_reaches_the_tracker() -> None:
    trackers = [FakeTracker()]
    with running(tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        session.calibrate()
        until(lambda: trackers[0].calibrated == 1, "calibration")


def test_session_tells_the_tracker_what_each_picture_shows() -> None:
    trackers = [FakeTracker()]
    head, whole = ShownBody(limbs=False, hands=False), FakeAvatar(32, 32)
    with running(tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        session.avatar = FakeAvatar(32, 32, shown_body=head)  # type: ignore[assignment]
        until(lambda: trackers[0].shown == head, "the picture of a head")
        session.avatar = whole  # type: ignore[assignment]
        until(lambda: trackers[0].shown == WHOLE_BODY, "the picture of a body")


def test_session_passes_body_and_smoothing_to_the_tracker_while_live() -> None:
    trackers = [FakeTracker()]
    with running(tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        session.controls = Controls(follow_body=False, smoothing=1.5)
        until(lambda: trackers[0].wanted == Wanted(mirrored=True, body=False, smoothing=1.5), "the controls")
        session.controls = Controls()
        until(lambda: trackers[0].wanted == Wanted(mirrored=True), "the usual controls")


def test_a_frame_is_begun_by_how_long_those_took_that_are_moved_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take 100 s to be tracked on this clock, idle motions do not."""
    trackers, passed = [FakeTracker()], [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0], perf_counter=time.perf_counter)
    monkeypatch.setattr(tracking_loop, "time", clock)
    leads: list[tuple[int, int, float]] = []  # with how many pictures were tracked, and how often it idled

    class Slow(FakeTracker):
        def track(self, frame: CameraFrame) -> TrackedMotion:
            passed[0] += 100
            return super().track(frame)

    def wait_for_turn(_: DrawSchedule, is_wanted: Any, lead_s: float) -> None:
        leads.append((trackers[0].tracked, trackers[0].idled, lead_s))

    trackers[0] = Slow()
    monkeypatch.setattr(DrawSchedule, "wait_for_turn", wait_for_turn)
    with running(tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        for pictures in (1, 2):
            idled = trackers[0].idled
            until(lambda before=idled: trackers[0].idled > before + 5, "idle motions")  # type: ignore[misc]
            session.camera.put(received())
            until(lambda count=pictures: trackers[0].tracked == count, "a tracked picture")  # type: ignore[misc]
        until(lambda: leads[-1][0] == 2, "the lead of the last one")
    for tracked, idled, lead_s in leads:
        follows_picture = (tracked, idled) == min(each[:2] for each in leads if each[0] == tracked) and tracked > 0
        assert (lead_s > 50) is follows_picture


def test_session_keeps_some_motions_of_a_live_face_alone() -> None:
    with running() as engine:
        session, _ = admit(engine)
        session.camera.put(received(80))
        until(lambda: len(session.recent) == 1, "a live motion")
        session.paused = True
        until(lambda: not session.recent, "an idle motion")


@pytest.mark.parametrize("hooked", [False, True])
def test_session_keeps_camera_pictures_only_for_a_frame_hook(hooked: bool) -> None:
    engine = Engine(FakePipeline(), FakeTracker, frame_hook=(lambda camera, avatar: avatar) if hooked else None)
    session, _ = admit(engine)  # the engine's thread never starts, so motions stay in the mailbox
    until(lambda: len(session.motions) == 1, "an idle motion")
    session.camera.put(received(255))
    until(
        lambda: (pending := session.motions.get(TIMEOUT_S)) is not None and pending.tracked.phase == "live",
        "a tracked one",
    )
    session.camera.put(received(255))
    pending = session.motions.get(TIMEOUT_S)
    assert pending is not None and (pending.camera is not None) == hooked
    engine.leave(session)
    session.join()
    assert len(session.motions) == len(session.camera) == 0
    engine.close()


def test_session_lets_the_voice_move_the_mouth_but_not_while_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Speaking:
        def __init__(self, sound: SoundFeed) -> None:
            self._sound = sound

        def at(self, moment: Moment) -> Expression:
            is_heard = len(self._sound.take()) and moment.wanted.voice is not None
            return Expression(weights(jawOpen=0.8)) if is_heard else REST

    monkeypatch.setattr(mixer, "VoiceSource", Speaking)
    drawn: list[float] = []

    class Watching(FakePipeline):
        def draw(self, requests: Any) -> Any:
            drawn.append(float(requests[0].motion.face[LOWER_LIP_INNER, 1]))
            return super().draw(requests)

    with running(Watching(size=32)) as engine:
        session, _ = admit(engine)
        until(lambda: len(drawn) > 2, "an idle avatar")
        shut = max(drawn)

        def is_open() -> bool:
            session.sound.put(np.ones((960, 2), np.int16))
            return drawn[-1] > shut + 0.05

        until(is_open, "an open mouth")
        session.paused = True
        until(lambda: not is_open() and session.state.phase == "paused", "a pause")
        count = len(drawn)
        until(lambda: is_open() or len(drawn) > count + 5, "some frames of it")
        assert max(drawn[count + 1 :]) < shut + 0.05


def test_session_goes_on_with_a_voice_alone_when_the_camera_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_silence, "CAMERA_IDLE_S", 1e6)  # so that nothing idles, however busy the machine is
    moments: list[Moment] = []

    class Listening:
        def __init__(self, sound: SoundFeed) -> None: ...

        def at(self, moment: Moment) -> Expression:
            moments.append(moment)
            return REST

    monkeypatch.setattr(mixer, "VoiceSource", Listening)
    trackers = [FakeTracker()]
    with running(tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        session.camera.put(received(200))

        def goes_on() -> bool:
            session.sound.put(np.ones((960, 2), np.int16))
            return trackers[0].tracked == 1 and len(moments) > 5 and not any(each.is_seen for each in moments[-4:])

        until(goes_on, "frames without a picture")
        assert any(each.is_seen for each in moments) and session.state.phase == "live"
        assert brightness(take(session.new_output())) == pytest.approx(200, abs=5)


def test_a_voice_leads_a_session_only_while_no_camera_does(monkeypatch: pytest.MonkeyPatch) -> None:
    class Speaking:
        def __init__(self, sound: SoundFeed) -> None:
            self._sound = sound

        def at(self, moment: Moment) -> Expression:
            self._sound.speaks = moment.wanted.voice is not None
            return REST

    monkeypatch.setattr(mixer, "VoiceSource", Speaking)
    trackers = [FakeTracker()]
    with running(tracker=lambda: trackers[0]) as engine:
        session, _ = admit(engine)
        out = session.new_output()

        def leads() -> bool:
            session.sound.put(np.ones((960, 2), np.int16))
            return session.speaks_unseen

        until(leads, "the voice")
        for _ in range(3):
            leads()
            take(out)

        def follows() -> bool:
            session.camera.put(received())
            return not session.speaks_unseen and trackers[0].tracked > 0

        until(follows, "the camera")


@pytest.mark.parametrize("awaited_s", [1e6, 1e-9])
def test_a_voice_alone_awaits_its_next_words(monkeypatch: pytest.MonkeyPatch, awaited_s: float) -> None:
    monkeypatch.setattr(tracking_loop, "AWAITED_WORDS_S", awaited_s)
    said: list[bool] = []  # whether it still spoke, frame by frame

    class Pausing:
        def __init__(self, sound: SoundFeed) -> None:
            self._sound = sound

        def at(self, moment: Moment) -> Expression:
            said.append(len(said) < 3)
            self._sound.speaks = said[-1]
            return REST

    monkeypatch.setattr(mixer, "VoiceSource", Pausing)
    with running() as engine:
        session, _ = admit(engine)

        def pauses() -> bool:
            session.sound.put(np.ones((960, 2), np.int16))
            return len(said) > 6 and session.speaks_unseen is (awaited_s > 1)

        until(pauses, "the pause")


def test_a_voice_holds_an_idle_motion_while_the_trackers_process_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, tracker, idled = [100.0], FakeTracker(answers_soon=False), []
    clock = SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter)
    monkeypatch.setattr(tracking_loop, "time", clock)
    engine = Engine(FakePipeline(size=32), FakeTracker)
    session = engine.admit(FakeAvatar(32, 32), Controls(), print)  # type: ignore[arg-type]  # never started
    loop = TrackingLoop(session, tracker, DrawSchedule())
    for begun_s in (0.0, 0.1, 0.2, 0.1 + IDLE_HELD_S):
        now[0], session.speaks_unseen = 100 + begun_s, True
        kept = loop._idle
        loop._idle = loop._idle_ahead()
        assert loop._idle is kept
        move = loop._next_move()
        assert move.mover == "idle" and move.tracked.motion.captured == now[0]
        idled.append(tracker.idled)
    assert idled == [1, 1, 1, 2]
    engine.leave(session)
    engine.close()

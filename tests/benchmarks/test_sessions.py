"""`python -m benchmarks.sessions`, the whole of it with one session, and its rows made by hand."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import sessions
from benchmarks.sessions import largest, summarise
from benchmarks.streaming.replay import Encoded, Replay, Visit
from benchmarks.streaming.report import Window
from streamer.engine.engine import Engine
from streamer.frames import CameraFrame
from streamer.generation.controls import Controls
from streamer.tracking.presence import NEUTRAL
from streamer.tracking.tracker import TrackedMotion
from tests.support.fakes import FakeAvatar, FakePipeline

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")
WINDOW = Window(100.0, 110.0)


def stream(fps: float, delay: float) -> list[Encoded]:
    """From before the window to after it."""
    return [Encoded(90 + i / fps, delay, 4.0) for i in range(round(30 * fps))]


@pytest.mark.parametrize(
    ("streams", "holds"),
    [
        ([stream(25, 40)], True),
        ([stream(25, 40), stream(24, 59)], True),
        ([stream(25, 40), stream(25, 61)], False),  # more than one frame in twenty is late
        ([stream(25, 40), stream(20, 40)], False),  # one of them lacks frames
        ([stream(25, 40), []], False),  # one of them broke
        ([[]], False),
    ],
)
def test_a_number_holds_when_everybody_has_frames_in_time(streams: list[list[Encoded]], holds: bool) -> None:
    row = summarise(streams, [1.0], WINDOW, 25)
    assert row["holds"] == holds
    assert row["sessions"] == len(streams)
    json.dumps(row)


def test_a_row() -> None:
    row = summarise([stream(25, 40), stream(50, 50)], [7.0, 7.0], WINDOW, 25)
    assert row["fps"] == {"min": 25.0, "max": 50.0}
    assert row["engine_ms"] == {"p50": 50.0, "p95": 50.0, "p99": 50.0}
    assert row["queue_age_ms"]["p95"] == 7.0 and row["encode_ms"]["p95"] == 4.0


def test_the_largest_number_that_holds() -> None:
    rows = [{"sessions": count, "holds": count < 3} for count in (1, 2, 3)]
    assert largest(rows) == 2
    assert largest([{"sessions": 1, "holds": False}]) == 0


def test_motions_are_replayed_to_and_fro_as_of_now() -> None:
    motions = [TrackedMotion(NEUTRAL, NEUTRAL, progress=step) for step in (0.0, 0.5, 1.0)]
    replay = Replay(motions, start=1)
    frame = np.zeros((2, 2, 3), np.uint8)
    played = [replay.track(CameraFrame(frame, 50.0 + index, index)) for index in range(5)]
    assert [one.progress for one in played] == [0.5, 1.0, 0.5, 0.0, 0.5]
    assert [one.motion.captured for one in played] == [50.0, 51.0, 52.0, 53.0, 54.0]
    assert replay.idle(7.0).motion.captured == 7.0


async def test_a_visit_films_and_encodes_until_its_seat_closes() -> None:
    engine = Engine(FakePipeline(size=64), lambda: Replay([TrackedMotion(NEUTRAL, NEUTRAL)]))
    engine.start()
    session = engine.admit(FakeAvatar(64, 64), Controls(), lambda failure: None)
    visit = Visit(session, fps=30.0, phase=0.5)
    stay = asyncio.create_task(visit.stay())
    while len(visit.encoded) < 5:
        await asyncio.sleep(0.01)
    engine.leave(session)
    await stay
    assert all(frame.delay >= frame.took > 0 for frame in visit.encoded)
    await asyncio.to_thread(engine.close)


@pytest.mark.realtime
def test_a_real_engine_is_measured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sessions.json"
    quick = ["--device", "cpu", "--generator", "geometry", "--size", "128", "--seconds", "2", "--max", "1"]
    assert sessions.main([*quick, "--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    (row,) = report["rows"]
    assert row["fps"]["min"] > 0 and report["holds"] in (0, 1)
    printed = capfd.readouterr().out
    assert report["hardware"]["cpu"] in printed and "sessions hold 25 frames a second" in printed


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--fps", "-1"], ["--max", "0"]])
def test_measurements_that_make_no_sense_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        sessions.main(arguments)
    assert caught.value.code == 2
    assert "must be positive" in capsys.readouterr().err


def test_what_cannot_be_measured_is_said_in_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert sessions.main(["--device", "cpu", "--ref", str(tmp_path / "none.png"), "--clip", CLIP]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"benchmarks.sessions: There is no picture at {tmp_path / 'none.png'}: check the path."
    )

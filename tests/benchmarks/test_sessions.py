"""`python -m benchmarks.sessions` as a whole with one session, and its rows from synthetic frames."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import sessions
from benchmarks.sessions import largest, summarise
from benchmarks.streaming.replayed_session import EncodedFrame
from benchmarks.streaming.report import Window

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")
WINDOW = Window(100.0, 110.0)


def stream(fps: float, delay: float) -> list[EncodedFrame]:
    """Frames from before the window to after it."""
    return [EncodedFrame(90 + i / fps, delay, 4.0) for i in range(round(30 * fps))]


@pytest.mark.parametrize(
    ("streams", "holds"),
    [
        ([stream(25, 40)], True),
        ([stream(25, 40), stream(24, 59)], True),
        ([stream(25, 40), stream(25, 61)], False),  # more than one frame in twenty is late
        ([stream(25, 40), stream(20, 40)], False),  # one session has too few frames
        ([stream(25, 40), []], False),  # one session failed
        ([[]], False),
    ],
)
def test_a_number_holds_when_all_sessions_get_their_frames_in_time(
    streams: list[list[EncodedFrame]], holds: bool
) -> None:
    row = summarise(streams, [1.0], WINDOW, 25)
    assert row["holds"] == holds
    assert row["sessions"] == len(streams)
    json.dumps(row)


def test_row_has_rates_and_percentiles() -> None:
    row = summarise([stream(25, 40), stream(50, 50)], [7.0, 7.0], WINDOW, 25)
    assert row["fps"] == {"min": 25.0, "max": 50.0}
    assert row["engine_ms"] == {"p50": 50.0, "p95": 50.0, "p99": 50.0}
    assert row["queue_age_ms"]["p95"] == 7.0 and row["encode_ms"]["p95"] == 4.0


def test_largest_is_the_last_number_that_holds() -> None:
    rows = [{"sessions": count, "holds": count < 3} for count in (1, 2, 3)]
    assert largest(rows) == 2
    assert largest([{"sessions": 1, "holds": False}]) == 0


@pytest.mark.realtime
def test_sessions_measures_a_real_engine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sessions.json"
    quick = ["--device", "cpu", "--generator", "geometry", "--size", "128", "--seconds", "2", "--max", "1"]
    assert sessions.main([*quick, "--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    (row,) = report["rows"]
    assert row["fps"]["min"] > 0 and report["holds"] in (0, 1)
    printed = capfd.readouterr().out
    assert report["hardware"]["cpu"] in printed and "sessions hold 25 frames a second" in printed


def test_numbers_of_sessions_are_tried_upwards() -> None:
    assert sessions._parse(["--max", "3"]).counts == [1, 2, 3]
    options = sessions._parse(["--counts", "16", "1", "4", "4"])
    assert options.counts == [1, 4, 16] and options.max == 16


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--fps", "-1"], ["--max", "0"], ["--counts", "1", "0"]])
def test_impossible_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        sessions.main(arguments)
    assert caught.value.code == 2
    assert "must be positive" in capsys.readouterr().err


def test_errors_are_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert sessions.main(["--device", "cpu", "--ref", str(tmp_path / "none.png"), "--clip", CLIP]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"benchmarks.sessions: There is no picture at {tmp_path / 'none.png'}: check the path."
    )

"""The figures of a live run, from runs made by hand."""

from __future__ import annotations

import json

import pytest

from benchmarks.streaming.report import Sight, Tape, Window, summarise, table
from benchmarks.streaming.webrtc_client import Log

HARDWARE = {
    "cpu": "Abacus 9000", "cores": 2, "memory_gb": 8.0, "device": "cpu", "python": "3.11.2", "commit": "abc1234",
    "versions": {"torch": "2.13.0", "onnxruntime": None},
}  # fmt: skip


def run(seconds: int = 10, delay: float = 0.1, fps: int = 20) -> tuple[Sight, Tape, list[tuple[float, float]]]:
    """A steady run that began to be measured at 100 s: every other camera frame came back after `delay`."""
    entered = {n: 95 + n / (2 * fps) for n in range((seconds + 10) * 2 * fps)}
    log = Log(size=(512, 512))
    tape = Tape()
    for number in range(0, len(entered), 2):
        begin = entered[number]
        log.frames += [begin + delay, begin + delay + 0.01]  # each is received twice
        log.first_seen[number] = begin + delay
        tape.passed[number] = (begin + 0.3 * delay, begin + 0.8 * delay)
        tape.stages.append((begin + delay / 2, {"track": 20.0, "total": 700 * delay}))
    rss = [(90.0 + i, 900.0 + i) for i in range(seconds + 20)]
    sight = Sight(entered, log, Window(100.0, 100.0 + seconds), 1.5 * seconds, {"camera": 7, "motion": 2})
    return sight, tape, rss


def test_a_steady_run() -> None:
    report = summarise(*run())
    assert report["fps_out"] == pytest.approx(20, abs=0.1)
    assert report["fps_received"] == pytest.approx(40, abs=0.2)
    assert report["fps_in"] == pytest.approx(40, abs=0.1)
    assert report["glass_to_glass_ms"] == {"p50": 100.0, "p95": 100.0}
    assert report["path_ms"] == {
        "camera to server": {"p50": 30.0, "p95": 30.0},
        "arrived to drawn": {"p50": 50.0, "p95": 50.0},
        "drawn to viewer": {"p50": 20.0, "p95": 20.0},
    }
    assert report["engine_delay_ms"] == {"p50": 70.0, "p95": 70.0}
    assert report["stage_ms"] == {"track": {"p50": 20.0, "p95": 20.0}}
    assert (report["drops"], report["drops_by_mailbox"]) == (9, {"camera": 7, "motion": 2})
    assert report["rss_mb"] == 929.0
    assert report["server_cores"] == 1.5


def test_what_lies_outside_the_window_does_not_count() -> None:
    sight, tape, rss = run()
    sight.log.first_seen[1] = 99.9  # 5 s late, but before the measurement
    sight.log.unread += [99.0, 104.0]
    tape.stages.append((99.9, {"track": 9999.0}))
    tape.stages.append((110.0, {"late": 1.0}))
    report = summarise(sight, tape, rss)
    assert report["glass_to_glass_ms"]["p95"] == 100.0
    assert report["unread_frames"] == 1
    assert report["stage_ms"] == {"track": {"p50": 20.0, "p95": 20.0}}


def test_growth_shows_between_the_first_and_the_last_minute() -> None:
    sight, tape, rss = run(seconds=300)
    slow = {number: moment + 0.5 for number, moment in sight.log.first_seen.items() if moment > 350}
    sight.log.first_seen.update(slow)
    report = summarise(sight, tape, rss)
    assert report["first_minute"]["glass_to_glass_p95_ms"] == 100.0
    assert report["last_minute"]["glass_to_glass_p95_ms"] == 600.0
    assert report["last_minute"]["rss_mb"] - report["first_minute"]["rss_mb"] == pytest.approx(240)


def test_a_run_without_bar_codes_is_no_measurement() -> None:
    sight, tape, rss = run()
    sight.log.first_seen.clear()
    with pytest.raises(ValueError, match=r"^no avatar frame with a readable bar code arrived; nothing was measured$"):
        summarise(sight, tape, rss)


def test_the_table_and_the_json_hold_the_machine_and_the_figures() -> None:
    report = {
        **summarise(*run()), "seconds": 10.0, "generator": "dit", "body": True, "codec": "VP8",
        "camera": "640x480 at 30 fps", "hardware": HARDWARE,
    }  # fmt: skip
    assert json.loads(json.dumps(report)) == report
    lines = table(report).splitlines()
    assert lines[0] == "Abacus 9000, 2 cores, 8.0 GB; device cpu"
    assert lines[1] == "Python 3.11.2, torch 2.13.0; commit abc1234"
    rows = {line[:28].strip(): line[28:].split() for line in lines}
    assert rows["glass to glass, ms"] == ["100.0", "100.0"]
    assert rows["engine's own delay, ms"] == ["70.0", "70.0"]
    assert rows["track, ms"] == ["20.0", "20.0"]
    assert rows["drops"] == ["9"]
    assert rows["server, peak RSS MB"] == ["929.0"]

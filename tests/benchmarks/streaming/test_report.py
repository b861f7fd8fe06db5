"""The figures of a live run, from synthetic runs, and their table."""

from __future__ import annotations

import json

import pytest

from benchmarks.streaming.report import ClientTrace, ServerTrace, Window, summarise
from benchmarks.streaming.report_table import table
from benchmarks.streaming.webrtc_client import ReceiverLog

HARDWARE = {
    "cpu": "Abacus 9000", "cores": 2, "memory_gb": 8.0, "device": "cpu", "python": "3.11.2", "commit": "abc1234",
    "versions": {"torch": "2.13.0", "onnxruntime": None},
}  # fmt: skip


def synthetic_run(
    seconds: int = 10, delay: float = 0.1, fps: int = 20
) -> tuple[ClientTrace, ServerTrace, list[tuple[float, float]]]:
    """A steady run, measured from 100 s on, in which every other camera frame came back after `delay` seconds."""
    sent_at = {n: 95 + n / (2 * fps) for n in range((seconds + 10) * 2 * fps)}
    log = ReceiverLog(size=(512, 512))
    server = ServerTrace()
    for number in range(0, len(sent_at), 2):
        begin = sent_at[number]
        log.frames += [begin + delay, begin + delay + 0.01]  # each is received twice
        log.first_seen[number] = begin + delay
        server.passed[number] = (begin + 0.3 * delay, begin + 0.8 * delay)
        server.stages.append((begin + delay / 2, {"track": 20.0, "total": 700 * delay}))
    rss = [(90.0 + i, 900.0 + i) for i in range(seconds + 20)]
    client = ClientTrace(sent_at, log, Window(100.0, 100.0 + seconds), 1.5 * seconds, {"camera": 7, "motion": 2})
    return client, server, rss


def test_summary_of_a_steady_run() -> None:
    report = summarise(*synthetic_run())
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


def test_summary_counts_the_window_alone() -> None:
    client, server, rss = synthetic_run()
    client.log.first_seen[1] = 99.9  # 5 s late, but before the measurement
    client.log.unread += [99.0, 104.0]
    server.stages.append((99.9, {"track": 9999.0}))
    server.stages.append((110.0, {"late": 1.0}))
    report = summarise(client, server, rss)
    assert report["glass_to_glass_ms"]["p95"] == 100.0
    assert report["unread_frames"] == 1
    assert report["stage_ms"] == {"track": {"p50": 20.0, "p95": 20.0}}


def test_summary_shows_growth_from_the_first_to_the_last_minute() -> None:
    client, server, rss = synthetic_run(seconds=300)
    slow = {number: moment + 0.5 for number, moment in client.log.first_seen.items() if moment > 350}
    client.log.first_seen.update(slow)
    report = summarise(client, server, rss)
    assert report["first_minute"]["glass_to_glass_p95_ms"] == 100.0
    assert report["last_minute"]["glass_to_glass_p95_ms"] == 600.0
    assert report["last_minute"]["rss_mb"] - report["first_minute"]["rss_mb"] == pytest.approx(240)


def test_a_run_without_bar_codes_is_an_error() -> None:
    client, server, rss = synthetic_run()
    client.log.first_seen.clear()
    with pytest.raises(ValueError, match=r"^no avatar frame with a readable bar code arrived; nothing was measured$"):
        summarise(client, server, rss)


def test_table_and_json_contain_the_machine_and_the_figures() -> None:
    report = {
        **summarise(*synthetic_run()), "seconds": 10.0, "generator": "dit", "body": True, "codec": "VP8",
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

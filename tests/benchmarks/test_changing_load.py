"""The figures of `python -m benchmarks.changing_load`, from synthetic runs."""

from __future__ import annotations

import os
import sys

import psutil
import pytest

from benchmarks.changing_load import LoadTrace, Part, busy, summarise, table
from benchmarks.common.hardware import describe
from benchmarks.streaming.report import Window
from benchmarks.streaming.webrtc_client import ReceiverLog

FPS = 20


def trace(delays_ms: list[float], given_up: list[list[list[str]]]) -> LoadTrace:
    """Parts of 10 s with these delays, of which every second one is busy."""
    log, sent_at = ReceiverLog(size=(512, 512)), {}
    for tick in range(10 * FPS * len(delays_ms)):
        sent_at[tick] = 1000 + tick / FPS
        log.first_seen[tick] = sent_at[tick] + delays_ms[tick // (10 * FPS)] / 1000
    parts = [
        Part(Window(1000 + 10 * number, 1010 + 10 * number), 8 * (number % 2), told)
        for number, told in enumerate(given_up)
    ]
    return LoadTrace(sent_at, log, parts)


def test_summary_tells_of_each_load_what_was_given_up_and_when_it_was_back() -> None:
    less, least = ["edges"], ["edges", "body"]
    report = summarise(trace([80, 160, 90], [[[]] * 10, [[], less, less, least], [least, less, [], []]]))
    calm, loaded, after = report["parts"]
    assert (calm["load"], calm["changes"], calm["whole_after_s"], calm["given_up"]) == (0, 0, 0, "")
    assert (loaded["load"], loaded["changes"], loaded["given_up"]) == (8, 2, "edges body")
    assert (after["changes"], after["whole_after_s"]) == (2, 2)
    assert loaded["glass_to_glass_p95_ms"] == pytest.approx(160) and loaded["fps_out"] == pytest.approx(FPS, abs=0.3)
    assert report["longest_old_s"] < 0.2


def test_old_frames_count_as_none() -> None:
    assert summarise(trace([80, 400, 80], [[[]]] * 3))["longest_old_s"] == pytest.approx(10, abs=0.5)


def test_table_has_a_row_for_each_part() -> None:
    report = summarise(trace([80, 160], [[[]], [["edges"]]]))
    whole = {
        "hardware": describe("cpu"),
        "generator": "dit",
        "codec": "VP8",
        "camera": "x",
        "body": True,
        "seconds": 20.0,
        "same_session": False,
        "server_niceness": 0,
    }
    text = table({**report, **whole, "video": {"width": 1, "height": 1}})
    assert text.count("\n") > 4 and "edges" in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such sessions")
@pytest.mark.parametrize("same_session", [True, False])
def test_busy_processes_share_a_session_and_end_with_the_block(same_session: bool) -> None:
    before = set(psutil.Process().children())
    with busy(2, same_session):
        (program,) = set(psutil.Process().children()) - before
        started = program.children()
        sessions = {os.getsid(each.pid) for each in (program, *started)}
        assert len(started) == 2 and len(sessions) == 1
        assert (sessions == {os.getsid(0)}) is same_session
    assert not any(each.is_running() for each in (program, *started))

"""A process that computes, or waits for a processor, does not stand still; one that sleeps or is stopped does."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest

from streamer.runtime import call_watch
from streamer.runtime.call_watch import MAX_STEP_S, CallWatch, processor_seconds
from tests.support.programs import running


def still_s(used: list[float | None]) -> float:
    """How long a process stands still of which these processor times are seen, one in each step."""
    watch = CallWatch(lambda: used.pop(0), True)
    while used:
        watch.wait(Future(), 0.01)
    return watch.still_s


def test_same_processor_time_in_two_steps_is_standing_still() -> None:
    assert still_s([1.0, 1.0, 1.0]) > 0.01
    assert still_s([1.0, 1.0, 1.5]) == 0
    assert still_s([None, None, None]) == 0, "it has not begun, or waits for a processor"
    assert still_s([1.0, None, 1.0]) == 0


def test_what_may_be_a_wait_for_the_disk_counts_a_quarter() -> None:
    told, untold = CallWatch(lambda: 1.0, True), CallWatch(lambda: 1.0, False)
    for watch in (told, untold):
        for _ in range(4):
            watch.wait(Future(), 0.01)
        assert watch.silent_s > 0.03
    assert untold.still_s / untold.silent_s < 0.5 * told.still_s / told.silent_s


def test_a_look_does_not_wait_and_counts_the_time_since_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now, call = [5.0], Future[None]()
    monkeypatch.setattr(call_watch, "time", SimpleNamespace(monotonic=lambda: now[0]))
    watch = CallWatch(lambda: 1.0, True)
    for passed_s in (0.1, 0.1, 0.2, 9.0):  # at last the machine slept
        now[0] += passed_s
        assert not watch.look(call)
    assert watch.silent_s == pytest.approx(0.4 + MAX_STEP_S) and watch.still_s == pytest.approx(0.3 + MAX_STEP_S)
    call.set_result(None)
    now[0] += 0.1
    assert watch.look(call) and watch.silent_s == pytest.approx(0.4 + MAX_STEP_S)


def test_processor_time_is_told_of_a_process_that_waits() -> None:
    with running("print(flush=True); import time; time.sleep(600)") as (sleeper, _):
        while (seconds := processor_seconds(sleeper.pid)) is None:  # it is about to sleep
            time.sleep(0.01)
    assert seconds >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes could run")
def test_no_processor_time_is_told_of_a_process_that_computes_or_could() -> None:
    with running("print(flush=True)\nwhile True: pass") as (busy, _):
        assert processor_seconds(busy.pid) is None


def test_process_may_end_while_its_threads_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(folder: Path, pattern: str) -> Iterator[Path]:
        yield folder / "0" / "stat"  # of a thread that has ended
        yield Path(os.devnull)  # and of one that ends while this is read
        raise FileNotFoundError(folder)

    monkeypatch.setattr(Path, "glob", ended)
    seconds = processor_seconds(os.getpid())
    assert seconds is not None and seconds > 0


def test_process_that_has_ended_has_no_time_any_more() -> None:
    with running("print(flush=True)") as (ended, _):
        pass
    assert processor_seconds(ended.pid) == -1

"""A process that computes, or waits for a processor, does not stand still; one that sleeps or is stopped does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest

from streamer.runtime.call_watch import CallWatch, processor_seconds


@contextmanager
def program(source: str) -> Iterator[int]:
    """The process id of a program that has said that it runs."""
    with subprocess.Popen([sys.executable, "-c", f"print(flush=True)\n{source}"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def still_s(used: list[float | None]) -> float:
    """How long a process stands still of which these processor times are seen, one in each step."""
    watch = CallWatch(lambda: used.pop(0))
    while used:
        watch.wait(Future(), 0.01)
    return watch.still_s


def test_same_processor_time_in_two_steps_is_standing_still() -> None:
    assert still_s([1.0, 1.0, 1.0]) > 0.01
    assert still_s([1.0, 1.0, 1.5]) == 0
    assert still_s([None, None, None]) == 0, "it has not begun, or waits for a processor"
    assert still_s([1.0, None, 1.0]) == 0


def test_processor_time_is_told_of_a_process_that_waits() -> None:
    with program("import time; time.sleep(600)") as sleeper:
        while (seconds := processor_seconds(sleeper)) is None:  # it is about to sleep
            time.sleep(0.01)
    assert seconds >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes could run")
def test_no_processor_time_is_told_of_a_process_that_computes_or_could() -> None:
    with program("while True: pass") as busy:
        assert processor_seconds(busy) is None


def test_process_that_has_ended_has_no_time_any_more() -> None:
    with program("") as ended:
        pass
    assert processor_seconds(ended) == -1

"""The fork server: one that is stopped or killed keeps no worker from starting and ends none; it ends with us."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import psutil
import pytest

from streamer.runtime import fork_server
from streamer.runtime.fork_server import USE_FORKSERVER
from streamer.runtime.worker_process import WorkerProcess
from tests.streamer.runtime.test_worker_process import Worker
from tests.support.programs import running, survivors

PATIENCE_S = 60.0
pytestmark = pytest.mark.skipif(not USE_FORKSERVER, reason="only Linux has a fork server")


def answer() -> int:
    """The process id of a new worker, as it answers itself."""
    worker = WorkerProcess(Worker, "worker")
    try:
        return int(worker.submit("pid").result(PATIENCE_S))
    finally:
        worker.close(1.0)


@pytest.fixture
def server() -> psutil.Process:
    """The fork server, which runs."""
    answer()
    process = fork_server._process()
    assert process is not None and process.ppid() == os.getpid() and process.name() == "fork-server"
    return process


@pytest.fixture
def other(server: psutil.Process) -> Iterator[WorkerProcess]:
    """A worker that was there before something happens to the fork server."""
    made = WorkerProcess(Worker, "other")
    pid = made.submit("pid").result(PATIENCE_S)
    process = psutil.Process(pid)
    assert process.ppid() == os.getpid() and process.name() == "other"
    yield made
    assert made.submit("pid").result(PATIENCE_S) == pid
    made.close(PATIENCE_S)
    assert not process.is_running()  # as a zombie, it would be


def test_fork_server_that_is_stopped_is_woken_and_its_workers_stay(
    server: psutil.Process, other: WorkerProcess
) -> None:
    server.suspend()
    try:
        answer()
        assert fork_server._process() == server
    finally:
        server.resume()


def test_fork_server_that_is_killed_ends_no_worker_and_is_started_anew(
    server: psutil.Process, other: WorkerProcess
) -> None:
    server.kill()
    answer()
    assert fork_server._process() != server


def test_fork_server_that_hangs_is_killed_and_ends_no_worker(
    server: psutil.Process, other: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "STILL_TIMEOUT_S", 0.5)
    monkeypatch.setattr(fork_server, "_wake", lambda: None)  # as one that waits for a disk that does not come
    server.suspend()
    answer()
    assert fork_server._process() != server


def test_worker_that_cannot_be_started_raises_in_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(make: object) -> None:
        raise OSError("no process")

    monkeypatch.setattr(fork_server, "start", fail)
    worker = WorkerProcess(Worker, "worker")
    with pytest.raises(OSError, match="no process"):
        worker.submit("pid").result(PATIENCE_S)
    worker.kill()
    worker.close(0.0)


def test_worker_that_is_killed_while_it_starts_ends(server: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = threading.Event(), threading.Event()
    start = fork_server.start

    def slow(make: object) -> object:
        started.set()
        go_on.wait(PATIENCE_S)
        return start(make)  # type: ignore[arg-type]

    monkeypatch.setattr(fork_server, "start", slow)
    before = set(psutil.Process().children(recursive=True))
    worker = WorkerProcess(Worker, "worker")
    assert started.wait(PATIENCE_S)
    worker.kill()
    worker.close(0.0)
    go_on.set()
    call = worker._last_call
    call.exception(PATIENCE_S)
    _, alive = psutil.wait_procs(set(psutil.Process().children(recursive=True)) - before, PATIENCE_S)
    assert not alive


SERVER = """
import os, signal, sys, time
from streamer.runtime import fork_server
from streamer.runtime.worker_process import WorkerProcess
from tests.streamer.runtime.test_worker_process import Worker
fork_server.preload([])
fork_server.warm_up()
worker = WorkerProcess(Worker, "worker")
pid = worker.submit("pid").result()
first = fork_server._process()
first.kill()
while (second := fork_server._process()) in (first, None) or second.name() != "fork-server":
    time.sleep(0.01)
worker.submit("compute", 600.0)
second.suspend()
print(pid, second.pid, flush=True)
time.sleep(600)
"""


def test_fork_server_that_is_killed_is_started_anew_before_it_is_needed_and_none_is_left_with_the_server() -> None:
    """One worker outlives its fork server; both it and the next fork server, which is stopped, end with the server."""
    with running(SERVER) as (server, line):
        children = {child.pid for child in psutil.Process(server.pid).children()}
        assert len(line.split()) == 2 and {int(pid) for pid in line.split()} < children
        assert not survivors(server, PATIENCE_S)

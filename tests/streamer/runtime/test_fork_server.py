"""The fork server: one that is stopped or killed keeps no worker from starting, and it ends with its server."""

from __future__ import annotations

import os
import threading

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
    parent = psutil.Process(answer_parent())
    assert parent.ppid() == os.getpid()
    return parent


def answer_parent() -> int:
    """The process id of the fork server, as a worker sees it."""
    worker = WorkerProcess(Worker, "worker")
    try:
        return psutil.Process(worker.submit("pid").result(PATIENCE_S)).ppid()
    finally:
        worker.close(1.0)


def test_fork_server_that_is_stopped_is_woken_and_its_workers_stay(server: psutil.Process) -> None:
    other = WorkerProcess(Worker, "worker")
    pid = other.submit("pid").result(PATIENCE_S)
    server.suspend()
    try:
        assert answer() != pid
        assert answer_parent() == server.pid
        assert other.submit("pid").result(PATIENCE_S) == pid
    finally:
        server.resume()
        other.close(1.0)


def test_fork_server_that_is_killed_is_started_anew(server: psutil.Process) -> None:
    other = WorkerProcess(Worker, "worker")
    process = psutil.Process(other.submit("pid").result(PATIENCE_S))
    server.kill()
    assert not psutil.wait_procs([process], PATIENCE_S)[1]  # its processes end with it
    with pytest.raises((EOFError, OSError)):
        other.submit("pid").result(PATIENCE_S)
    other.close(0.0)
    assert answer_parent() != server.pid


def test_fork_server_that_hangs_is_killed(server: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "STILL_TIMEOUT_S", 0.5)
    monkeypatch.setattr(fork_server, "wake", lambda: None)  # as one that waits for a disk that does not come
    server.suspend()
    assert answer_parent() != server.pid


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
worker = WorkerProcess(Worker, "worker")
pid = worker.submit("pid").result()
worker.submit("compute", 600.0)
fork_server._process().suspend()
print("running", flush=True)
time.sleep(600)
"""


def test_server_that_is_killed_leaves_no_stopped_fork_server() -> None:
    with running(SERVER) as (server, line):
        assert line == "running\n"
        assert not survivors(server, PATIENCE_S)

"""Workers in processes of their own: when one stands still, and that none is left when the server is gone."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator

import psutil
import pytest

from streamer.runtime import call_watch as module
from streamer.runtime.fork_server import USE_FORKSERVER
from streamer.runtime.worker_process import WorkerProcess
from tests.support.programs import running, survivors

PATIENCE_S = 60.0
needs_forkserver = pytest.mark.skipif(not USE_FORKSERVER, reason="only Linux kills a busy process with its server")


class Worker:
    """Answers, computes or sleeps in its process."""

    def pid(self) -> int:
        return os.getpid()

    def frozen(self) -> int:
        return gc.get_freeze_count()

    def compute(self, seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    made = WorkerProcess(Worker, "worker")
    made.submit("pid").result(PATIENCE_S)
    yield made
    made.kill()
    made.close(0.0)


def test_no_collection_looks_at_what_a_process_has_imported(worker: WorkerProcess) -> None:
    assert worker.submit("frozen").result(PATIENCE_S) > 10_000


def test_process_that_computes_is_silent_and_does_not_stand_still(worker: WorkerProcess) -> None:
    call = worker.submit("compute", 1.0)
    while not worker.wait(call, 0.3):
        assert worker.still_s <= worker.silent_s
        used = worker.still_s
    assert worker.silent_s > 0.9 and used < 0.5 * worker.silent_s


def test_process_that_waits_stands_still_until_its_next_call(worker: WorkerProcess) -> None:
    call = worker.submit("sleep", 1.5)
    assert not worker.wait(call, 1.0)
    assert worker.still_s > 0.5
    assert worker.wait(call, PATIENCE_S)
    worker.submit("pid")
    assert worker.still_s == worker.silent_s == 0.0


def test_time_in_which_this_process_did_not_run_is_no_silence(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine sleeps for ten seconds in the middle of waiting."""
    jumps, now = [10.0], time.monotonic
    monkeypatch.setattr(module.time, "monotonic", lambda: now() + sum(jumps[1:]))

    def slept(*arguments: object) -> object:
        jumps.append(jumps[0]) if len(jumps) == 1 else None
        return waited(*arguments)

    waited = module.wait
    monkeypatch.setattr(module, "wait", slept)
    call = worker.submit("sleep", 1.0)
    assert not worker.wait(call, 0.6)
    assert len(jumps) == 2 and worker.silent_s < 1.5


SERVER = """
import os, signal, sys, time
from streamer.runtime.worker_process import WorkerProcess
from tests.streamer.runtime.test_worker_process import Worker
workers = [WorkerProcess(Worker, "worker") for _ in range(3)]
pids = [worker.submit("pid").result() for worker in workers]
workers[0].submit("compute", 600.0)
workers[1].submit("sleep", 600.0)
os.kill(pids[2], signal.SIGSTOP)
print(*pids, flush=True)
time.sleep(600)
"""


SERVER_ELSEWHERE = """
import time
from streamer.runtime.worker_process import WorkerProcess
from tests.streamer.runtime.test_worker_process import Worker
workers = [WorkerProcess(Worker, "worker", system="darwin") for _ in range(2)]
pids = [worker.submit("pid").result() for worker in workers]
workers[0].submit("compute", 600.0)
workers[1].submit("sleep", 600.0)
print(*pids, flush=True)
time.sleep(600)
"""


def test_server_that_is_killed_leaves_no_busy_process_on_systems_without_a_fork_server() -> None:
    with running(SERVER_ELSEWHERE) as (server, line):
        workers = [psutil.Process(int(pid)) for pid in line.split()]
        assert len(workers) == 2 and all(worker.ppid() == server.pid for worker in workers)
        assert not survivors(server, PATIENCE_S)


@needs_forkserver
def test_server_that_is_killed_leaves_no_process_whatever_they_do() -> None:
    with running(SERVER) as (server, line):
        workers = [psutil.Process(int(pid)) for pid in line.split()]
        assert len(workers) == 3 and set(workers) < set(psutil.Process(server.pid).children(recursive=True))
        assert not survivors(server, PATIENCE_S)

"""Runs one `FilmWorker` in a process of its own, which can be killed at any time, and waits for its film."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from streamer.runtime.call_watch import WAIT_STEP_S
from streamer.runtime.worker_process import WorkerProcess
from streamer.server.film_worker import FilmOrder, FilmState

POLL_PERIOD_S = 0.25
SILENCE_TIMEOUT_S = 60.0  # for the process to tell how far it is, on a busy machine
STALL_TIMEOUT_S = 300.0  # from one frame to the next, or to the first, before which the models are loaded


class FilmProcess:
    """Makes one film. make: makes the `FilmWorker` in its process; picklable."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._guard = threading.Lock()  # guards the two below
        self._worker: WorkerProcess | None = None
        self._killed = False

    def run(self, order: FilmOrder, tell: Callable[[FilmState], None]) -> FilmState | None:
        """Make the film; its last state, "ready" or "failed", or None after `kill`. Blocks; called once.

        tell: called in this thread with each state before that.
        """
        worker = WorkerProcess(self._make, "film")  # may take a while: `kill` does not wait for it
        with self._guard:
            self._worker = worker
            if self._killed:
                worker.kill()
        try:
            self._ask(worker, "begin", order)
            last, since = FilmState(), time.monotonic()
            while (state := self._ask(worker, "state")).stage not in ("ready", "failed"):
                if state != last:
                    last, since = state, time.monotonic()
                    tell(state)
                if time.monotonic() - since > STALL_TIMEOUT_S:
                    raise TimeoutError
                time.sleep(POLL_PERIOD_S)
            return state
        except (EOFError, OSError):  # TimeoutError is an OSError
            if self._killed:
                return None
            sentence = f"{order.name} cannot be read by this server: save it as another MP4 and try again."
            return FilmState("failed", message=sentence)
        finally:
            with self._guard:
                self._worker = None
            worker.close(0.0)

    def kill(self) -> None:
        """End the process at once, whatever it does; from any thread. `run` then returns None."""
        with self._guard:
            self._killed = True
            if self._worker is not None:
                self._worker.kill()

    @staticmethod
    def _ask(worker: WorkerProcess, name: str, *arguments: Any) -> Any:
        """The answer of the worker. Raises EOFError, OSError if it has ended, and TimeoutError if it hangs."""
        call = worker.submit(name, *arguments)
        while not worker.wait(call, WAIT_STEP_S):
            if worker.silent_s > SILENCE_TIMEOUT_S:
                raise TimeoutError
        return call.result()

"""Compiles, once for a machine, the kernels that a start does not need, so that no picture or key waits for numba."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from kernels.late_kernels import compile_missing, missing_kernels
from streamer.errors import EngineClosedError
from streamer.runtime.call_watch import WAIT_STEP_S
from streamer.runtime.priority import UPLOAD_NICENESS, lower_process_priority
from streamer.runtime.worker_process import WorkerProcess

STILL_TIMEOUT_S = 5.0  # without processor time, after which the process is ended: who waits compiles then
LONGEST_WAIT_S = 20.0  # about what compiling takes alone: a starved process must not keep pictures waiting
_log = logging.getLogger(__name__)


class KernelCompilation:
    """A process that compiles beside a server from its start on, and ends with it. Nothing is started where all code is
    kept already, or none can be.

    is_needed: whether there is anything to compile. make: makes what does it in the process, by its method `compile`;
    picklable.
    """

    def __init__(
        self, is_needed: Callable[[], object] = missing_kernels, make: Callable[[], Any] | None = None
    ) -> None:
        self._is_needed = is_needed
        self._make = make or Compiler
        self._ended = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin in the background. Called once."""
        if self._is_needed():
            self._thread = threading.Thread(target=self._run, name="compile", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Block until it has ended, whether it could compile or not, or `LONGEST_WAIT_S` have passed: whoever needs its
        code then finds it or compiles it. Raises EngineClosedError once it is closed.
        """
        if self._thread is not None:
            self._ended.wait(LONGEST_WAIT_S)
        if self._closed.is_set():
            raise EngineClosedError

    def close(self) -> None:
        """End the process, whatever it does. Idempotent."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._compile()
        except (EOFError, OSError) as error:
            _log.warning("nothing was compiled ahead: %s", error or "its process ended")
        finally:
            self._ended.set()

    def _compile(self) -> None:
        worker = WorkerProcess(self._make, "compile")
        try:
            call = worker.submit("compile")
            while not worker.wait(call, WAIT_STEP_S):
                if self._closed.is_set():
                    return
                if worker.still_s > STILL_TIMEOUT_S:
                    raise EOFError("its process stood still")
            call.result()
        finally:
            worker.close(0.0)


class Compiler:
    """The work, in its process."""

    def __init__(self) -> None:
        lower_process_priority(UPLOAD_NICENESS)

    def compile(self) -> None:
        """Compile what is missing."""
        compile_missing()

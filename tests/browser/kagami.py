"""Runs the real server in a process of its own, for a browser to connect to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.support.stub_forks import ForkedServer, stub_forks

ROOT = Path(__file__).resolve().parents[2]
STUB = ("-m", "tests.support.stub_server")  # no tracker and no neural network: flat colours, without delay
START_TIMEOUT_S = 120  # and for the stop; a start takes a few seconds, on a busy machine more


class KagamiServer:
    """A server process with these flags, whose output goes to `log`. program: arguments of the Python interpreter."""

    def __init__(self, log: Path, *flags: str, program: tuple[str, ...] = ("run_server.py",)) -> None:
        self._log = log
        self._program = program
        self._flags = flags
        self._port = 0
        self._process: subprocess.Popen[bytes] | ForkedServer | None = None

    def __enter__(self) -> KagamiServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://localhost:{self._port}/"

    def start(self) -> None:
        """Start the server; every start uses the port of the first. Raises RuntimeError with the log where it fails."""
        self._process = self._begin(["--port", str(self._port), *self._flags])
        deadline = time.monotonic() + START_TIMEOUT_S
        while (
            found := re.search(r"^(?:\[[^]]*\] )?open http://[^ ]+:(\d+)/", self._log.read_text(errors="replace"), re.M)
        ) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.1)
        self._port = int(found[1])

    def _begin(self, flags: list[str]) -> subprocess.Popen[bytes] | ForkedServer:
        with self._log.open("wb") as log:
            if self._program == STUB:
                return stub_forks().start(self._log, flags)
            return subprocess.Popen(
                [sys.executable, *self._program, *flags],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """Terminate the server, gracefully where it answers in time."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

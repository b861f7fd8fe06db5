"""The real server, run as people run it, for a browser to talk to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUB = ("-m", "tests.support.stub_server")  # no tracker, no network: flat colours, at once
PATIENCE = 120  # seconds; a start takes a few, on a busy machine more


class Kagami:
    """A server with these flags, writing its words to `log`. program: `run_server.py`, or what stands in for it."""

    def __init__(self, log: Path, *flags: str, program: tuple[str, ...] = ("run_server.py",)) -> None:
        self._log = log
        self._program = program
        self._flags = flags
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Kagami:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://localhost:{self._port}/"

    def start(self) -> None:
        """Start, the second time on the same port as the first. Raises RuntimeError with the log if it does not come
        up.
        """
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, "--port", str(self._port), *self._flags],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(r"open http://[^ ]+:(\d+)/", self._log.read_text(errors="replace"))) is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.1)
        self._port = int(found[1])

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

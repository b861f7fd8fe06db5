"""Starts stub servers fast: one process imports all that they need, which takes seconds, and forks for each of them."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from streamer.runtime.prctl import end_with_parent

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.02
ANY_TRACKER_PORT = "--any-tracker-port"  # a flag of stub servers alone


class StubForks:
    """The process that forks. It ends with this one."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stub_forks"],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, log: Path, flags: Sequence[str]) -> ForkedServer:
        """Start a stub server with these flags, whose output goes to `log`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(log), *flags]) + "\n")
        self._process.stdin.flush()
        return ForkedServer(int(self._process.stdout.readline()))


class ForkedServer:
    """A stub server by its process id, with the methods of `subprocess.Popen` that `KagamiServer` uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("stub server", timeout or 0)
            time.sleep(POLL_S)
        return status

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


@functools.cache
def stub_forks() -> StubForks:
    """The only one of this process."""
    return StubForks()


def main() -> None:
    """Fork for each line of the input, `[log, *flags]` as JSON, and write the process id.

    This module is the main one of the servers, and so of each process that they start, and imports little by itself.
    """
    from tests.support import stub_server  # noqa: PLC0415 - see above

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a server that has ended leaves no zombie
    for line in sys.stdin:
        log, *flags = json.loads(line)
        pid = os.fork()
        if pid == 0:
            end_with_parent()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with open(log, "wb") as out, open(os.devnull, "rb") as nothing:
                for target, source in enumerate((nothing, out, out)):
                    os.dup2(source.fileno(), target)
            sys.argv = ["stub_server", *flags]
            stub_server.main()
            os._exit(0)  # without taking all modules down one by one
        print(pid, flush=True)


if __name__ == "__main__":
    main()

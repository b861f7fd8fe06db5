"""Small Python programs in processes of their own, whose end or death a test watches."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


@contextmanager
def running(source: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program of this project that runs for the block, and the first line that it printed; killed at the end."""
    with subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()
            process.communicate()


def survivors(process: subprocess.Popen[str], patience_s: float) -> list[psutil.Process]:
    """Kill a process; its descendants that are alive so many seconds later."""
    everyone = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait(patience_s)
    return list(psutil.wait_procs(everyone, patience_s)[1])

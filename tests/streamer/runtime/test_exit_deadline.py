"""A process that was told to end does so in time, with its children, whatever still runs in it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
STUCK = """
import subprocess, sys, threading, time
from streamer.runtime import exit_deadline
exit_deadline.EXIT_TIMEOUT_S = 0.3
threading.Thread(target=time.sleep, args=(600,)).start()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
exit_deadline.begin()
exit_deadline.begin()
"""
CANCELLED = """
import time
from streamer.runtime import exit_deadline
exit_deadline.EXIT_TIMEOUT_S = 0.2
exit_deadline.begin()
exit_deadline.cancel()
time.sleep(0.5)
print("goes on")
"""

LEAVING = """
import atexit, threading, time
from streamer.runtime import exit_deadline
threading.Thread(target=time.sleep, args=(600,)).start()
atexit.register(lambda: print("cleaned up"))
exit_deadline.leave(3)
"""


def test_leaving_cleans_up_and_waits_for_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "cleaned up\n", "")


def test_process_with_a_thread_that_does_not_end_exits_and_so_does_its_child() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0 and "did not end within 0.3 s" in done.stderr
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(PATIENCE_S)


def test_cancelled_deadline_ends_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CANCELLED], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n")

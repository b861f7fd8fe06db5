"""Log lines of native libraries are dropped from the error stream, everything else passes."""

import subprocess
import sys

SCRIPT = """
import os, sys
from streamer.runtime.native_logs import filter_native_logs
filter_native_logs()
os.write(2, b"W0000 00:00:1795231231.733270   22619 landmark_projection_calculator.cc:186] Using NORM_RECT\\n")
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\n")
os.write(2, b"E0000 00:00:1795231231.733270   22619 graph.cc:1] a real error\\n")
os.write(2, b"another library\\n")
print("a sentence", file=sys.stderr)
raise SystemExit(3)
"""


def test_filter_drops_only_information_and_warning_lines():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    lines = sorted(done.stderr.splitlines())
    assert lines == [
        "E0000 00:00:1795231231.733270   22619 graph.cc:1] a real error",
        "a sentence",
        "another library",
    ]


HELD = """
import atexit, subprocess, sys, threading
from streamer.runtime.native_logs import filter_native_logs
atexit.register(lambda: print([thread.name for thread in threading.enumerate()]))  # runs last
filter_native_logs()
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
"""


def test_filter_ends_with_the_program_though_a_child_holds_the_pipe():
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['MainThread']"

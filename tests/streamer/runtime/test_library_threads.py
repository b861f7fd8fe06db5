"""Pools of libraries do not compete for the cores."""

import subprocess
import sys

import cv2
import pytest

from streamer.runtime.library_threads import VARIABLES, limit_opencv, use_one_thread
from tests.support.programs import ROOT

PROGRAM = """
import os, sys
from streamer.runtime.library_threads import use_one_thread, VARIABLES
for name in VARIABLES:
    os.environ.pop(name, None)
import run_server
assert "numpy" not in sys.modules, "the libraries are loaded before they are told"
use_one_thread()
import psutil, numpy
from numba.core import config
assert config.NUMBA_NUM_THREADS == 1
numpy.ones((300, 300)) @ numpy.ones((300, 300))
print(psutil.Process().num_threads())
"""


def test_what_somebody_sets_stays():
    environment = {"OMP_NUM_THREADS": "3"}
    use_one_thread(environment)
    assert environment == {**dict.fromkeys(VARIABLES, "1"), "OMP_NUM_THREADS": "3"}


def test_numpy_and_numba_start_no_pool_in_the_server():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 2)])
def test_opencv_has_a_second_thread_where_there_is_a_core_for_it(cores, threads):
    before = cv2.getNumThreads()
    try:
        limit_opencv(cores)
        assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)

"""Where Triton kernels are tested: on a GPU, and in Triton's interpreter, which needs a process of its own, because it
is switched on when triton is imported.
"""

import os
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
has_triton = find_spec("triton") is not None
has_gpu = has_triton and torch.cuda.is_available()
TESTED_VERSION = "3.6."  # the tests use private parts of the interpreter and the compiler, which 3.9 has changed
needs_triton = pytest.mark.skipif(
    not (has_triton and version("triton").startswith(TESTED_VERSION)),
    reason=f"triton {TESTED_VERSION}* is not installed",
)
devices = pytest.mark.parametrize(
    "device",
    [
        pytest.param(
            "cpu",
            marks=[
                pytest.mark.skipif(not INTERPRETED, reason="runs in the process of test_interpreted.py"),
                pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0:DeprecationWarning"),
            ],
            id="interpreter",
        ),
        pytest.param(
            "cuda",
            marks=[pytest.mark.gpu, pytest.mark.skipif(not has_gpu, reason="no GPU, or no triton")],
            id="cuda",
        ),
    ],
)


# Constants of Triton's modules in the interpreter, which runs the programs of a launch one after the other, and takes
# as long for an operation on few numbers as on many. Most launches still are of several programs, the last not full.
INTERPRETED_BLOCKS = {
    "kernels.mesh.triton_kernel._TRIANGLES_PER_PROGRAM": 64,
    "kernels.mesh.triton_kernel._CELLS_PER_PROGRAM": 512,
    "kernels.shade.triton_kernel._PIXELS_PER_PROGRAM": 1024,
    "kernels.tiles.triton_kernel._BLOCK_SIDE": 32,
    "kernels.warp.triton_kernel._PIXELS_PER_PROGRAM": 1024,
}


def interpreted(*names: str) -> str:
    """Run the tests of these files of this folder that need the interpreter, in it; returns pytest's output."""
    files = [str(Path(__file__).with_name(name)) for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-k", "interpreter", *files]
    # One thread, since more of them would only wait for Python's lock.
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout

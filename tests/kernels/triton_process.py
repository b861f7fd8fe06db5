"""Where Triton kernels are tested: on a GPU, and in Triton's interpreter, which wants a process of its own, because it
is chosen when triton is imported.
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
KNOWN = "3.6."  # interpreter and compiler are no public interfaces: those of 3.9 want other tests
needs_triton = pytest.mark.skipif(
    not (has_triton and version("triton").startswith(KNOWN)), reason=f"triton {KNOWN}* is not installed"
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


def interpreted(*names: str) -> str:
    """Run these files of this folder in the interpreter, without their GPU side; what pytest said at the end."""
    files = [str(Path(__file__).with_name(name)) for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-m", "not gpu", *files]
    environment = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}  # threads would only wait for Python
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout

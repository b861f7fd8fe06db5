"""All tests of the Triton kernels that need no GPU, in one process of Triton's interpreter."""

import re

import pytest

from tests.kernels.triton_process import interpreted, needs_triton

FILES = tuple(f"test_{name}.py" for name in ("ring", "modulate", "step", "warp", "overlay", "shade", "mesh", "tiles"))


@needs_triton
@pytest.mark.timeout(600)  # half a minute on a machine with nothing else to do
def test_triton_kernels_pass_in_the_interpreter() -> None:
    report = interpreted(*FILES)
    assert re.search(r"\d+ passed", report) and "skipped" not in report, report

"""Everything about the Triton kernels that needs no GPU, in one process of the interpreter."""

import re

import pytest

from tests.kernels.triton_process import interpreted, needs_triton

FILES = tuple(f"test_{name}.py" for name in ("ring", "modulate", "step", "warp", "overlay", "shade", "mesh"))


@needs_triton
@pytest.mark.timeout(600)  # half a minute on a machine with nothing else to do
def test_the_kernels_in_the_interpreter() -> None:
    said = interpreted(*FILES)
    assert re.search(r"\d+ passed", said) and "skipped" not in said, said

"""Everything about the Triton kernels that needs no GPU, in one process of the interpreter."""

import re

import pytest

from tests.kernels.triton_process import interpreted, needs_triton

FILES = ("test_ring.py", "test_modulate.py", "test_step.py", "test_warp.py", "test_overlay.py", "test_mesh.py")


@needs_triton
@pytest.mark.timeout(600)  # half a minute on a machine with nothing else to do
def test_the_kernels_in_the_interpreter() -> None:
    said = interpreted(*FILES)
    assert re.search(r"\d+ passed", said) and "skipped" not in said, said

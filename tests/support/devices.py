"""Marks of tests that need a GPU."""

from typing import Any

import pytest
import torch

_MARKS = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
CUDA = pytest.param("cuda", marks=_MARKS)  # a value for the parameter `device`


def needs_cuda(test: Any) -> Any:
    """Run a test only where there is a CUDA device; `-m gpu` selects it."""
    for mark in _MARKS:
        test = mark(test)
    return test

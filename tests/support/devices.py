"""Which tests want a GPU."""

from typing import Any

import pytest
import torch

_MARKS = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
CUDA = pytest.param("cuda", marks=_MARKS)  # of a device's name


def needs_cuda(test: Any) -> Any:
    """Run only where there is a CUDA device; `-m gpu` picks it."""
    for mark in _MARKS:
        test = mark(test)
    return test

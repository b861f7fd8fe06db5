"""Baked samples for tests of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.shifted_sample import shifted_sample
from tests.support.small_training import save_pair


@pytest.fixture(scope="module")
def sample() -> dict[str, np.ndarray]:
    """A drawn head, moved by 8 pixels in both target frames."""
    return shifted_sample([8, 8])


@pytest.fixture(scope="module")
def data(sample: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one shard that holds `sample` twice."""
    return save_pair(sample, tmp_path_factory.mktemp("baked"))

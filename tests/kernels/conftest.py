"""Blocks of Triton's kernels that suit where they are tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernels.triton_process import INTERPRETED, INTERPRETED_BLOCKS


@pytest.fixture(scope="session", autouse=INTERPRETED)
def interpreted_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, size in INTERPRETED_BLOCKS.items():
            patch.setattr(name, size)
        yield

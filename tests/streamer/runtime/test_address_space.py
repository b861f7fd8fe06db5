"""A process that takes too much memory is refused it on Linux, and ended elsewhere."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamer.runtime.address_space import used_bytes
from tests.support.programs import ROOT

FILL = """
import sys
from streamer.runtime.address_space import limit_address_space
limit_address_space(100 * 2**20, sys.argv[1])
kept = []
try:
    for _ in range(40):
        kept.append(b"x" * 2**24)
        import time; time.sleep(0.01)
except MemoryError:
    print("refused")
else:
    time.sleep(60)
    print("filled")
"""


@pytest.mark.parametrize(
    ("system", "code", "words"),
    [
        pytest.param(
            "linux", 0, "refused\n", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux refuses memory")
        ),
        ("darwin", 1, ""),
        ("win32", 1, ""),
    ],
)
def test_a_process_does_not_grow_beyond_its_limit(system: str, code: int, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, system], cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )
    assert (done.returncode, done.stdout) == (code, words), done.stderr


def test_memory_in_use_is_told() -> None:
    assert used_bytes() > 2**20

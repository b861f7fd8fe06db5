"""The lock between the processes of a test run."""

import sys
import threading
from pathlib import Path

import pytest

from tests.support.process_lock import process_lock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no flock")
WAIT_S = 20.0


class Holder:
    """A thread that takes the lock and holds it until `end`."""

    def __init__(self, path: Path, exclusive: bool) -> None:
        self.acquired, self.release = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold, args=(path, exclusive), daemon=True)
        self.thread.start()

    def _hold(self, path: Path, exclusive: bool) -> None:
        with process_lock(path, exclusive):
            self.acquired.set()
            self.release.wait(WAIT_S)

    def end(self) -> None:
        self.release.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


def test_shared_holders_hold_the_lock_together(tmp_path: Path) -> None:
    holders = [Holder(tmp_path / "lock", exclusive=False) for _ in range(2)]
    assert all(holder.acquired.wait(WAIT_S) for holder in holders)
    for holder in holders:
        holder.end()


def test_an_exclusive_request_waits_for_sharers_and_blocks_later_ones(tmp_path: Path) -> None:
    first = Holder(tmp_path / "lock", exclusive=False)
    assert first.acquired.wait(WAIT_S)
    alone = Holder(tmp_path / "lock", exclusive=True)
    assert not alone.acquired.wait(0.2)
    later = Holder(tmp_path / "lock", exclusive=False)
    assert not later.acquired.wait(0.2)
    first.end()
    assert alone.acquired.wait(WAIT_S) and not later.acquired.wait(0.2)
    alone.end()
    assert later.acquired.wait(WAIT_S)
    later.end()

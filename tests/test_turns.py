"""The lock behind tests of real time."""

import sys
import threading
from pathlib import Path

import pytest

from tests.support.turns import turn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no flock")
WAIT_S = 20.0


class Holder:
    """A thread that asks for the lock and holds it until it is told to let go."""

    def __init__(self, path: Path, exclusive: bool) -> None:
        self.has, self.release = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold, args=(path, exclusive), daemon=True)
        self.thread.start()

    def _hold(self, path: Path, exclusive: bool) -> None:
        with turn(path, exclusive):
            self.has.set()
            self.release.wait(WAIT_S)

    def end(self) -> None:
        self.release.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


def test_sharers_hold_it_together(tmp_path: Path) -> None:
    holders = [Holder(tmp_path / "lock", exclusive=False) for _ in range(2)]
    assert all(holder.has.wait(WAIT_S) for holder in holders)
    for holder in holders:
        holder.end()


def test_an_exclusive_holder_waits_for_sharers_and_later_sharers_wait_for_it(tmp_path: Path) -> None:
    first = Holder(tmp_path / "lock", exclusive=False)
    assert first.has.wait(WAIT_S)
    alone = Holder(tmp_path / "lock", exclusive=True)
    assert not alone.has.wait(0.2)
    later = Holder(tmp_path / "lock", exclusive=False)
    assert not later.has.wait(0.2)
    first.end()
    assert alone.has.wait(WAIT_S) and not later.has.wait(0.2)
    alone.end()
    assert later.has.wait(WAIT_S)
    later.end()

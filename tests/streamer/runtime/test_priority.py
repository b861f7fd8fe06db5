"""A patient thread lets others go first, and so do those that it starts."""

import os
import sys
import threading

import pytest

from streamer.runtime.priority import lower_priority


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only there a thread has a niceness of its own")
def test_patience_is_the_threads_own_and_its_childrens() -> None:
    before = niceness()
    found: list[int] = []

    def child() -> None:
        found.append(niceness())

    def work() -> None:
        lower_priority(before + 3)
        child()
        thread = threading.Thread(target=child)
        thread.start()
        thread.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before + 3] * 2
    assert niceness() == before

"""The niceness of a thread is inherited by the threads that it starts."""

import os
import sys
import threading

import pytest

from streamer.runtime.priority import lower_priority


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness per thread")
def test_lower_priority_applies_to_the_thread_and_those_it_starts() -> None:
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

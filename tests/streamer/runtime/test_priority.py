"""The niceness of a thread is inherited by the threads that it starts; other systems are asked in their own ways."""

import ctypes
import os
import sys
import threading
from types import SimpleNamespace

import psutil
import pytest

from streamer.runtime.priority import (
    FILM_NICENESS,
    FRAMES_NICENESS,
    UPLOAD_NICENESS,
    lower_priority,
    lower_process_priority,
    raise_priority,
    raise_process_priority,
    take_own_share,
)


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


def test_windows_and_macos_lower_the_calling_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    kernel32 = SimpleNamespace(SetThreadPriority=lambda thread, level: asked.append((thread.value, level)))
    library = SimpleNamespace(pthread_set_qos_class_self_np=lambda *arguments: asked.append(arguments))
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel32), raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    lower_priority(5, "win32")
    lower_priority(10, "win32")
    lower_priority(10, "darwin")
    assert asked == [(ctypes.c_void_p(-2).value, -1), (ctypes.c_void_p(-2).value, -2), (0x11, 0)]
    lower_priority(10, "plan9")


def test_a_process_is_lowered_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", "below normal", raising=False)
    monkeypatch.setattr(psutil, "IDLE_PRIORITY_CLASS", "idle", raising=False)
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(nice=asked.append))
    monkeypatch.setattr(os, "PRIO_PROCESS", 0, raising=False)
    monkeypatch.setattr(os, "setpriority", lambda *arguments: asked.append(arguments), raising=False)
    lower_process_priority(UPLOAD_NICENESS, "win32")
    lower_process_priority(FILM_NICENESS, "win32")
    lower_process_priority(UPLOAD_NICENESS, "darwin")
    assert asked == ["below normal", "idle", (0, 0, UPLOAD_NICENESS)]


def test_what_frames_wait_for_comes_before_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    library = SimpleNamespace(pthread_set_qos_class_self_np=lambda *arguments: asked.append(arguments))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    monkeypatch.setattr(psutil, "ABOVE_NORMAL_PRIORITY_CLASS", "above normal", raising=False)
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(nice=asked.append))
    monkeypatch.setattr(os, "PRIO_PROCESS", 0, raising=False)
    monkeypatch.setattr(os, "setpriority", lambda *arguments: asked.append(arguments), raising=False)
    for system in ("win32", "linux", "darwin", "plan9"):
        raise_process_priority(system)
        raise_priority(system)
    assert asked == ["above normal", (0, 0, FRAMES_NICENESS), (0x21, 0), (0x21, 0)]


def test_an_ordinary_user_of_linux_goes_on_without_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "PRIO_PROCESS", 0, raising=False)
    monkeypatch.setattr(os, "setpriority", refuse, raising=False)
    raise_process_priority("linux")


def test_only_linux_gets_a_session_for_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(os, "setsid", lambda: asked.append("session"), raising=False)
    for system in ("win32", "darwin", "linux"):
        take_own_share(system)
    assert asked == ["session"]

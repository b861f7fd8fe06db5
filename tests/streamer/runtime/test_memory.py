"""Memory use of the server."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
import torch

from streamer.runtime.memory import memory_bytes, process_tree, resident_bytes


class Child:
    """A process of which macOS tells its parent no more than its resident memory."""

    def memory_full_info(self) -> None:
        raise psutil.AccessDenied

    def memory_info(self) -> SimpleNamespace:
        return SimpleNamespace(rss=5 << 20)


def test_processes_of_other_systems_count_with_what_is_told_of_them() -> None:
    assert resident_bytes([Child(), Child()], "darwin") == 10 << 20  # type: ignore[list-item]
    assert resident_bytes([Child()], "linux") == 0  # type: ignore[list-item]
    assert resident_bytes(process_tree(), "win32") > 10 << 20


def test_memory_bytes_without_cuda_has_rss_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    used = memory_bytes()
    assert used.keys() == {"rss"} and used["rss"] > 10 << 20


def test_memory_bytes_with_cuda_in_use_has_the_reserved_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 << 30)
    assert memory_bytes()["cuda_reserved"] == 3 << 30

"""Memory use of the server."""

from __future__ import annotations

import pytest
import torch

from streamer.runtime.memory import memory_bytes


def test_memory_bytes_without_cuda_has_rss_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    used = memory_bytes()
    assert used.keys() == {"rss"} and used["rss"] > 10 << 20


def test_memory_bytes_with_cuda_in_use_has_the_reserved_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 << 30)
    assert memory_bytes()["cuda_reserved"] == 3 << 30

"""What the server says about its memory."""

from __future__ import annotations

import pytest
import torch

from streamer.runtime.memory import memory_bytes


def test_the_process_alone_where_no_gpu_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    held = memory_bytes()
    assert held.keys() == {"rss"} and held["rss"] > 10 << 20


def test_what_torch_reserves_of_a_gpu_that_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 << 30)
    assert memory_bytes()["cuda_reserved"] == 3 << 30

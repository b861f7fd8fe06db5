"""Exported graphs are kept, and never taken for those of another network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.dit import CausalDiT
from streamer.generation import graph_cache as module
from streamer.generation.graph_cache import MAX_KEPT, kept_graph
from tests.support.networks import small_network

made: list[int | None] = []


def export_bits(network: CausalDiT, weight_bits: int | None) -> bytes:
    """Stands for an export that takes seconds."""
    made.append(weight_bits)
    return f"a graph of {weight_bits} bits".encode() * 1000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(module, "_folder", lambda: tmp_path)
    made.clear()
    yield tmp_path


def test_a_graph_is_made_once_for_each_network_and_number_of_bits(folder: Path) -> None:
    network = small_network()
    first = kept_graph(export_bits, network, 8)
    assert kept_graph(export_bits, network, 8) == first and made == [8]
    assert kept_graph(export_bits, network, 7) != first and made == [8, 7]
    with torch.no_grad():
        next(network.parameters())[0] += 1e-3
    kept_graph(export_bits, network, 8)
    network.ranges = {"closeups.mouth": [0.0, 1.0, 0.0, 1.0]}
    kept_graph(export_bits, network, 8)
    assert made == [8, 7, 8, 8] and len(list(folder.iterdir())) == 4


def test_a_graph_is_made_anew_where_the_sources_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    kept_graph(export_bits, network, 8)
    monkeypatch.setattr(module, "_sources", lambda: b"another version of the network")
    kept_graph(export_bits, network, 8)
    assert made == [8, 8]


def test_a_damaged_file_is_made_anew(folder: Path) -> None:
    network = small_network()
    graph = kept_graph(export_bits, network, 8)
    (path,) = folder.iterdir()
    for data in (b"", path.read_bytes()[:-1], b"x" + path.read_bytes()[1:]):
        path.write_bytes(data)
        assert kept_graph(export_bits, network, 8) == graph
    assert made == [8] * 4 and kept_graph(export_bits, network, 8) == graph and len(made) == 4


def test_those_not_used_for_longest_are_deleted(folder: Path) -> None:
    network = small_network()
    for bits in range(MAX_KEPT + 3):
        kept_graph(export_bits, network, bits)
        for path in folder.iterdir():  # as if a minute had passed
            os.utime(path, (path.stat().st_atime - 60, path.stat().st_mtime - 60))
        kept_graph(export_bits, network, 0)
    assert len(list(folder.iterdir())) == MAX_KEPT and made == list(range(MAX_KEPT + 3))


@pytest.mark.parametrize("place", ["none", "gone"])
def test_where_nothing_can_be_written_it_is_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(module, "_folder", lambda: None if place == "none" else tmp_path / "gone")
    made.clear()
    network = small_network()
    for _ in range(2):
        assert kept_graph(export_bits, network, 8).startswith(b"a graph of 8 bits")
    assert made == [8, 8]

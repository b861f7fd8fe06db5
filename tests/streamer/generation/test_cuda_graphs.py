"""Graphs of fixed batch sizes: padding, and what happens when recording fails."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from streamer.generation.cuda_graphs import CudaRecorder, GraphSet, sizes_for
from tests.support.devices import needs_cuda
from tests.support.recorders import FailingRecorder, RerunRecorder


@dataclass(frozen=True)
class Rows:
    lane: Tensor
    value: Tensor


class Sums:
    """A step with a state: adds each value to its lane, of which the last one is spare."""

    def __init__(self, lanes: int, device: str = "cpu") -> None:
        self.kept = torch.zeros(lanes + 1, 1, device=device)
        self.batches: list[int] = []

    def __call__(self, rows: Rows) -> tuple[Tensor, Tensor]:
        self.batches.append(len(rows.lane))
        now = self.kept[rows.lane] + rows.value
        self.kept.index_copy_(0, rows.lane, now)
        return now, rows.value.sum(-1)


def rows(lanes: list[int], values: list[float], device: str = "cpu") -> Rows:
    return Rows(torch.tensor(lanes, device=device), torch.tensor(values, device=device)[:, None])


def check(make: Callable[[Sums], GraphSet], device: str) -> None:
    sums = Sums(5, device)
    graphs = make(sums)
    graphs.record(rows([5], [0.0], device), sizes_for(5))
    assert graphs.sizes == [1, 2, 4, 8]
    sums.kept.zero_()
    graphs.replay(rows([0, 1, 2, 3, 4], [1, 2, 3, 4, 5], device), 5)
    result = graphs.replay(rows([4, 0, 2], [10, 20, 30], device), 3)
    assert result is not None
    assert result[0][:, 0].tolist() == [15, 21, 33] and result[1].tolist() == [10, 20, 30]
    assert sums.kept[:5, 0].tolist() == [21, 2, 33, 4, 15]  # padding rows change the spare lane only
    assert graphs.replay(rows([0] * 9, [0.0] * 9, device), 9) is None


def test_replay_pads_a_batch_to_the_next_recorded_size() -> None:
    recorder = RerunRecorder()
    check(lambda sums: GraphSet(sums, recorder), "cpu")
    assert recorder.replayed == [8, 4]


@needs_cuda
def test_replay_on_cuda_equals_the_step() -> None:
    check(lambda sums: GraphSet(sums, CudaRecorder(torch.device("cuda"))), "cuda")


def test_failed_recording_warns_once_and_replay_returns_none(caplog: pytest.LogCaptureFixture) -> None:
    graphs = GraphSet(Sums(4), FailingRecorder(after=2))
    with caplog.at_level(logging.WARNING):
        graphs.record(rows([4], [0.0]), sizes_for(4))
    assert graphs.sizes == []
    assert graphs.replay(rows([0], [1.0]), 1) is None
    assert [record.getMessage() for record in caplog.records] == [
        "The generator draws without CUDA graphs, more slowly: they cannot be recorded (operation not permitted)."
    ]


@needs_cuda
def test_failed_recording_on_cuda_restores_the_current_stream(caplog: pytest.LogCaptureFixture) -> None:
    def waits(these: Rows) -> Tensor:
        return these.value * float(these.value.sum())  # a graph cannot wait for the host

    stream = torch.cuda.current_stream()
    graphs = GraphSet(waits, CudaRecorder(torch.device("cuda")))
    with caplog.at_level(logging.WARNING):
        graphs.record(rows([0], [1.0], "cuda"), [1])
    assert len(caplog.records) == 1 and graphs.sizes == []
    assert torch.cuda.current_stream() == stream
    assert float(waits(rows([0], [3.0], "cuda"))) == 9


@pytest.mark.parametrize(("lanes", "sizes"), [(1, [1]), (3, [1, 2, 4]), (4, [1, 2, 4]), (5, [1, 2, 4, 8])])
def test_sizes_for_covers_the_lanes(lanes: int, sizes: list[int]) -> None:
    assert sizes_for(lanes) == sizes
    assert sizes_for(100) == [1, 2, 4, 8, 16, 32]

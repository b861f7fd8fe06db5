"""The step of a generator as CUDA graphs: recorded once for a few batch sizes, then replayed by one launch a frame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

import torch

from streamer.generation.tensor_tree import each, tensors

SIZES = (1, 2, 4, 8, 16, 32)
WARM_UPS = 3  # runs before one is recorded: kernels are compiled and chosen, workspaces fetched, constants made
Replay = Callable[[], None]
In = TypeVar("In")
Out = TypeVar("Out")
_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Makes a piece of work repeatable at fixed addresses."""

    def record(self, work: Callable[[], Any]) -> tuple[Replay, Any]:
        """What does the work again, and the work's result, whose tensors each replay fills anew. Raises RuntimeError
        where the work cannot be recorded.
        """
        ...


class CudaRecorder:
    """Records on a stream of its own, all graphs in one memory pool. One thread at a time may record."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)
        self._broken: list[torch.cuda.CUDAGraph] = []  # PyTorch's allocator may still hold a pointer to these

    def record(self, work: Callable[[], Any]) -> tuple[Replay, Any]:
        graph = torch.cuda.CUDAGraph()
        try:
            return graph.replay, self._record(graph, work)
        except RuntimeError:
            self._broken.append(graph)
            # It may also believe that the recording goes on, and would never again free what two streams have used.
            with suppress(RuntimeError, AttributeError):
                torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self._pool)
            raise

    def _record(self, graph: torch.cuda.CUDAGraph, work: Callable[[], Any]) -> Any:
        current = torch.cuda.current_stream(self._device)
        # Entered although it is current: a recording that fails leaves its own stream behind, and this one restores it.
        with torch.cuda.device(self._device), torch.cuda.stream(current):
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                for _ in range(WARM_UPS):
                    work()
            current.wait_stream(self._stream)
            # Another thread, say one that prepares a picture, may ask for memory meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                result = work()
        return result


class Graphs(Generic[In, Out]):
    """A step, recorded for batches of fixed sizes.

    step: a function of a structure of tensors, all with the batch as first axis, to another; whatever else it reads or
    writes must stay where it is. A batch is filled up to the next size with copies of a spare row, which may be drawn
    any number of times without harm. name: who does what without graphs, for the log.
    """

    def __init__(self, step: Callable[[In], Out], recorder: Recorder, name: str = "The generator draws") -> None:
        self._step = step
        self._recorder = recorder
        self._name = name
        self._graphs: dict[int, tuple[Replay, Out]] = {}
        self._spare: In | None = None
        self._inputs: In | None = None

    @property
    def sizes(self) -> list[int]:
        """Those recorded, ascending."""
        return sorted(self._graphs)

    def record(self, spare: In, sizes: Sequence[int]) -> None:
        """Record the sizes. spare: one row. Where that fails one warning is logged, and `draw` declines."""
        self._graphs.clear()
        with torch.inference_mode(False):
            self._spare = each(spare, torch.clone)
            self._inputs = each(spare, lambda row: row.repeat(max(sizes), *[1] * (row.dim() - 1)))
        try:
            for size in sorted(sizes, reverse=True):  # the largest first: the smaller ones find their memory in its
                rows = each(self._inputs, lambda tensor, size=size: tensor[:size])  # type: ignore[misc]
                self._graphs[size] = self._recorder.record(lambda rows=rows: self._step(rows))  # type: ignore[misc]
        except RuntimeError as error:
            self._graphs.clear()
            self._spare = self._inputs = None
            _log.warning("%s without CUDA graphs, more slowly: they cannot be recorded (%s).", self._name, error)

    def draw(self, rows: In, count: int) -> Out | None:
        """The step's result for `count` rows, valid until the next call; None where no recorded size is so large."""
        size = min((size for size in self._graphs if size >= count), default=None)
        if size is None:
            return None
        for kept, row, spare in zip(tensors(self._inputs), tensors(rows), tensors(self._spare), strict=True):
            kept[:count].copy_(row, non_blocking=True)
            kept[count:size].copy_(spare.expand_as(kept[count:size]))
        replay, result = self._graphs[size]
        replay()
        return each(result, lambda tensor: tensor[:count])


def sizes_for(lanes: int) -> list[int]:
    """The sizes that batches of up to `lanes` rows need."""
    return [size for size, smaller in zip(SIZES, (0, *SIZES), strict=False) if smaller < lanes]

"""A function of tensors as CUDA graphs: recorded once for a few batch sizes, then replayed by one launch per call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

import torch

from streamer.generation.tensor_tree import iter_tensors, map_tensors

BATCH_SIZES = (1, 2, 4, 8, 16, 32)
WARM_UPS = 3  # runs before a recording, in which kernels are compiled and chosen, workspaces and constants allocated
Replay = Callable[[], None]
In = TypeVar("In")
Out = TypeVar("Out")
_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Makes a piece of work repeatable at fixed addresses."""

    def record(self, work: Callable[[], Any]) -> tuple[Replay, Any]:
        """A function that repeats the work, and the work's result, whose tensors each repetition overwrites. Raises
        RuntimeError if the work cannot be recorded.
        """
        ...


class CudaRecorder:
    """Records CUDA graphs on a stream of its own, all in one memory pool. Only one thread at a time may record."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)
        self._broken: list[torch.cuda.CUDAGraph] = []  # kept alive: PyTorch's allocator may still point to them

    def record(self, work: Callable[[], Any]) -> tuple[Replay, Any]:
        graph = torch.cuda.CUDAGraph()
        try:
            return graph.replay, self._record(graph, work)
        except RuntimeError:
            self._broken.append(graph)
            # The allocator may still be in recording mode, in which it never frees what two streams have used.
            with suppress(RuntimeError, AttributeError):
                torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self._pool)
            raise

    def _record(self, graph: torch.cuda.CUDAGraph, work: Callable[[], Any]) -> Any:
        current = torch.cuda.current_stream(self._device)
        # Entered although it is current: a failed recording leaves its own stream current; this block restores ours.
        with torch.cuda.device(self._device), torch.cuda.stream(current):
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                for _ in range(WARM_UPS):
                    work()
            current.wait_stream(self._stream)
            # Thread-local, because another thread may allocate meanwhile, such as one that prepares a picture.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                result = work()
        return result


class GraphSet(Generic[In, Out]):
    """A step, recorded for batches of fixed sizes.

    step: a function from one structure of tensors to another, in all of which the first axis is the batch; everything
    else that it reads or writes must stay at its address. A batch is padded to the next recorded size with copies of a
    spare row, which must be harmless to draw any number of times. name: subject of the message when recording fails.
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
        """The recorded batch sizes, ascending."""
        return sorted(self._graphs)

    def record(self, spare: In, sizes: Sequence[int]) -> None:
        """Record batches of these sizes. spare: a batch of one. On failure one warning is logged, and `replay` returns
        None from then on.
        """
        self._graphs.clear()
        with torch.inference_mode(False):
            self._spare = map_tensors(spare, torch.clone)
            self._inputs = map_tensors(spare, lambda row: row.repeat(max(sizes), *[1] * (row.dim() - 1)))
        try:
            for size in sorted(sizes, reverse=True):  # the largest first, so that the others fit into its memory
                rows = map_tensors(self._inputs, lambda tensor, size=size: tensor[:size])  # type: ignore[misc]
                self._graphs[size] = self._recorder.record(lambda rows=rows: self._step(rows))  # type: ignore[misc]
        except RuntimeError as error:
            self._graphs.clear()
            self._spare = self._inputs = None
            _log.warning("%s without CUDA graphs, more slowly: they cannot be recorded (%s).", self._name, error)

    def replay(self, rows: In, count: int) -> Out | None:
        """The step's result for a batch of `count`, valid until the next call; None if no recorded size is as large."""
        size = min((size for size in self._graphs if size >= count), default=None)
        if size is None:
            return None
        for fixed, row, spare in zip(
            iter_tensors(self._inputs), iter_tensors(rows), iter_tensors(self._spare), strict=True
        ):
            fixed[:count].copy_(row, non_blocking=True)
            fixed[count:size].copy_(spare.expand_as(fixed[count:size]))
        replay, result = self._graphs[size]
        replay()
        return map_tensors(result, lambda tensor: tensor[:count])


def sizes_for(lanes: int) -> list[int]:
    """The batch sizes to record for up to `lanes` streams."""
    return [size for size, smaller in zip(BATCH_SIZES, (0, *BATCH_SIZES), strict=False) if smaller < lanes]

"""Copies between host and device through pinned memory, so that neither waits for the other; and work on a side stream.

PyTorch's allocator of pinned memory does not reuse a buffer before the copies from and to it have ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from streamer.generation.tensor_tree import Tree, iter_tensors


def upload(values: Tensor, device: torch.device) -> Tensor:
    """A host tensor on the device; on CUDA an asynchronous copy in the order of the current stream."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


class Download:
    """An asynchronous copy of a tensor to the host, after the work already queued on the device's current stream."""

    def __init__(self, source: Tensor) -> None:
        self._done: torch.cuda.Event | None = None
        self._host = source
        if source.device.type == "cuda":
            self._host = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
            self._host.copy_(source, non_blocking=True)
            self._done = torch.cuda.Event(blocking=True)  # the waiting thread sleeps, which leaves a core to trackers
            self._done.record(torch.cuda.current_stream(source.device))

    def numpy(self) -> np.ndarray:
        """The host's array, not copied again; waits until the transfer has ended."""
        if self._done is not None:
            self._done.synchronize()
        return self._host.numpy()


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """On CUDA the calling thread's work in this block runs on a stream of its own, beside the device's main stream;
    leaving the block waits for it.
    """
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    stream.synchronize()


def share_with_main_stream(made: Tree, device: torch.device) -> Tree:
    """The same tensors, made on a side stream: their memory is not reused while the main stream still needs it."""
    if device.type == "cuda":
        for tensor in iter_tensors(made):
            if tensor.device.type == "cuda":
                tensor.record_stream(torch.cuda.current_stream(device))
    return made

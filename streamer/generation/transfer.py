"""Ways between host and device on which neither waits for the other: through pinned memory.

PyTorch's allocator of pinned memory keeps a buffer from reuse until the copies that it was in have ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from streamer.generation.tensor_tree import Held, tensors


def upload(values: Tensor, device: torch.device) -> Tensor:
    """A host tensor on the device; does not wait for what the device is doing."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


class Download:
    """A tensor on its way to the host, behind the work that the device has been given so far."""

    def __init__(self, source: Tensor) -> None:
        self._done: torch.cuda.Event | None = None
        self._host = source
        if source.device.type == "cuda":
            self._host = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
            self._host.copy_(source, non_blocking=True)
            self._done = torch.cuda.Event(blocking=True)  # whoever waits sleeps: trackers want the core
            self._done.record(torch.cuda.current_stream(source.device))

    def numpy(self) -> np.ndarray:
        """Its numbers, no copy of them; waits until they are here."""
        if self._done is not None:
            self._done.synchronize()
        return self._host.numpy()


@contextmanager
def beside(device: torch.device) -> Iterator[None]:
    """What the calling thread gives the device inside neither waits for other threads' work nor holds it up; on leaving
    it is done.
    """
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    stream.synchronize()


def hand_over(made: Held, device: torch.device) -> Held:
    """What was made `beside`, for the device's main stream: its memory is not reused while that has need of it."""
    if device.type == "cuda":
        for tensor in tensors(made):
            if tensor.device.type == "cuda":
                tensor.record_stream(torch.cuda.current_stream(device))
    return made

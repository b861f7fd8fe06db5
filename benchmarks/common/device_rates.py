"""Rates of a device: its memory bandwidth, its arithmetic throughput, and the duration of any work on it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import torch

_Name = TypeVar("_Name", bound=Hashable)  # of a workload
COPY_BYTES = {"cuda": 1 << 30, "cpu": 1 << 26}  # more than any cache between processor and memory holds
MATRIX_SIDE = {"cuda": 8192, "cpu": 1024}  # of the large matrix product
_WARM_UP_RUNS = 3  # before a CUDA graph is recorded


def median_seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median duration of the work; on CUDA that of replays of a CUDA graph of it."""
    if device.type != "cuda":
        work()
        durations = []
        for _ in range(repeats):
            start = time.perf_counter()
            work()
            durations.append(time.perf_counter() - start)
        return statistics.median(durations)
    side_stream = torch.cuda.Stream(device)
    side_stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side_stream):
        for _ in range(_WARM_UP_RUNS):
            work()
    torch.cuda.current_stream(device).wait_stream(side_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    graph.replay()
    for start_event, end_event in events:
        start_event.record()
        graph.replay()
        end_event.record()
    torch.cuda.synchronize(device)
    return statistics.median(start_event.elapsed_time(end_event) for start_event, end_event in events) / 1000


def fastest_turns(
    works: Mapping[_Name, Callable[[], object]], device: torch.device, rounds: int, repeats: int
) -> dict[_Name, float]:
    """Seconds of each work: the median of a turn's runs, in the fastest of the turns that the works take one after
    another, since the speed of a shared machine changes from minute to minute.
    """
    fastest: dict[_Name, float] = {}
    for _ in range(rounds):
        for name, work in works.items():
            seconds = median_seconds(work, device, repeats)
            fastest[name] = min(fastest.get(name, seconds), seconds)
    return fastest


def bandwidth(device: torch.device, repeats: int) -> float:
    """Bytes per second of a copy in the device's memory, those read and those written."""
    source = torch.empty(COPY_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * len(source) / median_seconds(lambda: target.copy_(source), device, repeats)


def matmul_rate(device: torch.device, dtype: torch.dtype, repeats: int) -> float:
    """Floating-point operations per second of a large matrix product."""
    side = MATRIX_SIDE[device.type]
    a = torch.randn(side, side, device=device).to(dtype)
    return 2 * side**3 / median_seconds(lambda: a @ a, device, repeats)

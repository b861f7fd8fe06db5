"""A whole step of the network by the Triton kernels, against the same by torch, over a stream longer than the ring."""

from collections.abc import Callable
from dataclasses import fields

import pytest
import torch

from kernels import backend
from models.cache import Cache
from models.config import ModelConfig
from models.dit import CausalDiT, Edit, FrameInput
from tests.kernels.triton_process import devices
from tests.support.networks import small_network

SMALL = ModelConfig(width=32, depth=2, heads=2, keyed=1, ring=1, stem=(8, 16, 16))
LANES = [[1], [2, 1], [1]]  # who draws in each tick; lane 0 never does
TOLERANCE = 3e-5  # ‖triton − torch‖ / ‖torch‖


@pytest.fixture(scope="module")
def network() -> CausalDiT:
    network = small_network(SMALL, 3)
    with torch.no_grad():
        for block in network.blocks:
            block.table.add_(1)  # wide gates: what attention says must show
    return network


def some_frame(seed: int, batch: int, device: str) -> FrameInput:
    make = torch.Generator().manual_seed(seed)
    side, half = SMALL.side, SMALL.side // 2
    sizes = ((3, side, side), (3, side, side), (6, half, half), (3, half, half), (SMALL.motion_tokens, 64))
    return FrameInput(
        *(torch.randn(batch, *size, generator=make).to(device) for size in sizes), torch.ones(batch, device=device)
    )


def stream(network: CausalDiT, device: str) -> tuple[list[Edit], Cache]:
    """What two people who come one after the other see, and what is kept of them."""
    cache = Cache(SMALL, 3, device)
    cache.pin(None, *network.encode_reference(some_frame(99, 1, device)))
    edits = []
    for tick, lanes in enumerate(LANES):
        lane = torch.tensor(lanes, device=device)
        edits.append(network.step(some_frame(tick, len(lanes), device), cache, lane))
        cache.advance(lane)
    return edits, cache


@devices
@torch.inference_mode()
def test_a_stream_is_the_same(network: CausalDiT, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []
    real: Callable = backend.launching

    def launching(kernel: str, where: torch.device):
        launched.append(kernel)
        return real(kernel, where)

    for name in ("ring", "modulate"):
        monkeypatch.setattr(f"kernels.{name}.triton_kernel.launching", launching)
    if device == "cpu":
        monkeypatch.setattr(
            "kernels.ring.triton_kernel._MIN_PROGRAMS", 1
        )  # large blocks: the interpreter runs one after the other
    network = network.to(device)
    edits, caches = [], []
    for name in ("triton", "reference"):
        monkeypatch.setenv(backend.BACKEND_VARIABLE, name)
        drawn, cache = stream(network, device)
        edits.append(drawn)
        caches.append(cache)
        # For each layer of each step: store, attend, norm, twice add and norm, add; and all but two in `refer`.
        assert len(launched) == SMALL.depth * (6 * len(LANES) + 4)
    for got, want in zip(*edits, strict=True):
        assert all(off(getattr(got, each.name), getattr(want, each.name)) < TOLERANCE for each in fields(Edit))
    # What the second layer stored came through the first one's attention.
    for name in ("keys", "values"):
        got, want = (getattr(cache, name)[1, 1:] for cache in caches)
        print(f"{name}: {off(got, want):.2e}")
        assert off(got, want) < TOLERANCE


def off(got: torch.Tensor, want: torch.Tensor) -> float:
    return float((got - want).norm() / want.norm())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@torch.inference_mode()
def test_a_cuda_graph_of_the_step_follows_its_lanes(network: CausalDiT) -> None:
    """Recorded once, with the ring empty; replayed while rings fill, wrap around and are forgotten."""
    network = network.to("cuda")
    cache, other = Cache(SMALL, 3, "cuda"), Cache(SMALL, 3, "cuda")
    for each in (cache, other):
        each.pin(None, *network.encode_reference(some_frame(99, 1, "cuda")))
    lane, frame = torch.tensor([2, 1], device="cuda"), some_frame(0, 2, "cuda")
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        network.step(frame, cache, lane)  # compiles
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        drawn = network.step(frame, cache, lane)
    for tick in range(5):
        for field in fields(FrameInput):
            getattr(frame, field.name).copy_(getattr(some_frame(tick, 2, "cuda"), field.name))
        graph.replay()
        want = network.step(frame, other, lane)
        assert all(off(getattr(drawn, each.name), getattr(want, each.name)) < TOLERANCE for each in fields(Edit))
        for each in (cache, other):
            each.advance(lane)
            if tick == 2:
                each.reset(lane[:1])

"""A step of the network with the Triton kernels against the same step in torch, over a stream longer than the ring."""

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
LANES = [[1], [2, 1], [1]]  # the lanes of each tick; lane 0 is never used
TOLERANCE = 3e-5  # ‖triton − torch‖ / ‖torch‖


@pytest.fixture(scope="module")
def network() -> CausalDiT:
    network = small_network(SMALL, 3)
    with torch.no_grad():
        for block in network.blocks:
            block.table.add_(1)  # wide gates, so that differences in attention reach the output
    return network


def random_frame(seed: int, batch: int, device: str) -> FrameInput:
    generator = torch.Generator().manual_seed(seed)
    side, half = SMALL.side, SMALL.side // 2
    sizes = ((3, side, side), (3, side, side), (6, half, half), (3, half, half), (SMALL.motion_tokens, 64))
    return FrameInput(
        *(torch.randn(batch, *size, generator=generator).to(device) for size in sizes), torch.ones(batch, device=device)
    )


def stream(network: CausalDiT, device: str) -> tuple[list[Edit], Cache]:
    """The edits of two streams that start one after the other, and the cache after them."""
    cache = Cache(SMALL, 3, device)
    cache.pin(None, *network.encode_reference(random_frame(99, 1, device)))
    edits = []
    for tick, lanes in enumerate(LANES):
        lane = torch.tensor(lanes, device=device)
        edits.append(network.step(random_frame(tick, len(lanes), device), cache, lane))
        cache.advance(lane)
    return edits, cache


@devices
@torch.inference_mode()
def test_triton_step_equals_torch(network: CausalDiT, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[str] = []
    real: Callable = backend.launching

    def launching(kernel: str, where: torch.device):
        launched.append(kernel)
        return real(kernel, where)

    for name in ("ring", "modulate"):
        monkeypatch.setattr(f"kernels.{name}.triton_kernel.launching", launching)
    if device == "cpu":  # two blocks of queries, each with two of keys: larger than on a GPU, for the interpreter
        monkeypatch.setattr("kernels.ring.triton_kernel._blocks", lambda *_: (128, 128))
    network = network.to(device)
    edits, caches = [], []
    for name in ("triton", "reference"):
        monkeypatch.setenv(backend.BACKEND_VARIABLE, name)
        drawn, cache = stream(network, device)
        edits.append(drawn)
        caches.append(cache)
        # For each layer of each step: store, attend, norm, twice add and norm, add; the reference lacks the first two.
        assert len(launched) == SMALL.depth * (6 * len(LANES) + 4)
    for got, expected in zip(*edits, strict=True):
        assert all(
            relative_error(getattr(got, each.name), getattr(expected, each.name)) < TOLERANCE for each in fields(Edit)
        )
    # The K and V of the second layer depend on the first layer's attention.
    for name in ("keys", "values"):
        got, expected = (getattr(cache, name)[1, 1:] for cache in caches)
        print(f"{name}: {relative_error(got, expected):.2e}")
        assert relative_error(got, expected) < TOLERANCE


def relative_error(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got - expected).norm() / expected.norm())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@torch.inference_mode()
def test_a_cuda_graph_of_the_step_follows_its_lanes(network: CausalDiT) -> None:
    """Recorded once, with the ring empty; replayed while rings fill, wrap around and are reset."""
    network = network.to("cuda")
    cache, other = Cache(SMALL, 3, "cuda"), Cache(SMALL, 3, "cuda")
    for each in (cache, other):
        each.pin(None, *network.encode_reference(random_frame(99, 1, "cuda")))
    lane, frame = torch.tensor([2, 1], device="cuda"), random_frame(0, 2, "cuda")
    side_stream = torch.cuda.Stream()
    side_stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side_stream):
        network.step(frame, cache, lane)  # compiles
    torch.cuda.current_stream().wait_stream(side_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        drawn = network.step(frame, cache, lane)
    for tick in range(5):
        for field in fields(FrameInput):
            getattr(frame, field.name).copy_(getattr(random_frame(tick, 2, "cuda"), field.name))
        graph.replay()
        expected = network.step(frame, other, lane)
        assert all(
            relative_error(getattr(drawn, each.name), getattr(expected, each.name)) < TOLERANCE for each in fields(Edit)
        )
        for each in (cache, other):
            each.advance(lane)
            if tick == 2:
                each.reset(lane[:1])

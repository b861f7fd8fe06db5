"""The Triton kernels compile, with their launchers' own options, for GPUs that this machine does not have."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from kernels.attention import axial_rope
from kernels.mesh import Bucket
from kernels.ring import FLOAT8, RingState
from kernels.warp import Maps
from tests.kernels.triton_process import INTERPRETED, needs_triton

pytestmark = [needs_triton, pytest.mark.skipif(INTERPRETED, reason="the interpreter compiles nothing")]
GRID, HEADS, KEYED, SLOTS, REFERENCES = 16, 8, 3, 6, 1  # the preset `base`
MAX_SHARED_MEMORY = 99 * 1024  # bytes for a program on the smallest of these GPUs (8.6, 8.9)


@pytest.fixture(params=[80, 90], ids=lambda capability: f"sm{capability}")
def capability(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def compiled(capability: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The kernels that launchers compile for a device that is not there; nothing runs."""
    import triton  # noqa: PLC0415
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415

    target = GPUTarget("cuda", capability, 32)
    driver = SimpleNamespace(
        get_current_target=lambda: target, get_current_device=lambda: capability, get_current_stream=lambda _: 0
    )
    kernels: list[Any] = []

    def prepare(kernel: Any, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *arguments, **options: kernels.append(kernel.warmup(*arguments, grid=grid, **options))

    monkeypatch.setattr(triton.JITFunction, "__getitem__", prepare)
    monkeypatch.setattr(triton.runtime.driver, "_active", driver)
    yield kernels
    assert len(kernels) == 2 and all(kernel.metadata.shared <= MAX_SHARED_MEMORY for kernel in kernels)


@pytest.mark.parametrize(("batch", "width"), [(1, 32), (32, 64)])
@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16, FLOAT8], ids=str)
def test_ring_kernels_compile(
    compiled: list[Any], capability: int, stored: torch.dtype, batch: int, width: int
) -> None:
    from kernels.ring import triton_kernel  # noqa: PLC0415

    if stored == FLOAT8 and capability < 89:
        stored = torch.bfloat16  # `kernels.backend` does not take Triton for float8 there
    frame = torch.zeros(batch, GRID**2, HEADS, width, dtype=torch.bfloat16 if stored == FLOAT8 else stored)
    frame = frame.transpose(1, 2)
    cache = torch.zeros(batch, HEADS, SLOTS * GRID**2, width, dtype=stored)
    zeros, norm = torch.zeros(batch, dtype=torch.long), torch.ones(width)
    state = RingState(zeros, zeros, zeros, zeros)
    scale = torch.ones(2, batch, HEADS) if stored == FLOAT8 else None
    rope = axial_rope(GRID, width)
    triton_kernel.ring_attention(frame, cache, cache, state, rope, KEYED, REFERENCES, norm, scale)
    triton_kernel.store_kv(frame, frame, cache, cache, state, REFERENCES, norm, scale)
    uses_tensor_cores = "mma" in compiled[0].asm["ptx"]
    assert uses_tensor_cores == (stored != torch.float32)  # no TF32 for float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_modulate_kernel_compiles(compiled: list[Any], dtype: torch.dtype) -> None:
    from kernels.modulate import triton_kernel  # noqa: PLC0415

    x, modulation = torch.zeros(4, GRID**2, 512), torch.zeros(4, 1, 512)
    triton_kernel.norm_modulate(x.to(dtype), modulation, modulation)
    triton_kernel.add_norm(x, x.to(dtype), modulation, modulation[0, 0], modulation[0, 0])


def test_mesh_kernels_compile(compiled: list[Any]) -> None:
    from kernels.mesh import triton_kernel  # noqa: PLC0415

    triangles, visible = torch.zeros(100, 3, dtype=torch.long), torch.ones(2, 100, dtype=torch.bool)
    triton_kernel.draw_mesh(torch.zeros(2, 50, 3), [Bucket(triangles, 9, visible)], torch.zeros(1, 50, 4), 128)
    assert "atom" in compiled[0].asm["ptx"] or "red" in compiled[0].asm["ptx"]


def test_warp_kernel_compiles(compiled: list[Any]) -> None:
    from kernels.warp import triton_kernel  # noqa: PLC0415

    layer, background = torch.zeros(2, 4, 63, 63), torch.zeros(2, 3, 32, 32)
    maps = Maps(torch.zeros(2, 2, 8, 8), torch.zeros(2, 1, 16, 16), torch.zeros(2, 3, 16, 16))
    triton_kernel.warp_composite(layer, maps, background, None, None, False)
    maps = maps._replace(odds=torch.ones(2, 1, 8, 8), missing=torch.zeros(2, 1, 8, 8), dark=torch.zeros(2, 3))
    maps = maps._replace(front_flow=torch.zeros(2, 2, 8, 8), front_coverage=torch.zeros(2, 1, 8, 8))
    maps = maps._replace(chart_position=torch.zeros(2, 2, 8, 8), chart_share=torch.zeros(2, 1, 8, 8))
    chart = torch.zeros(2, 4, 48, 48)
    triton_kernel.warp_composite(
        layer,
        maps,
        background,
        torch.zeros(2, 2, 4, 4),
        torch.zeros(2, 3),
        True,
        layer,
        chart,
        background.repeat(1, 2, 1, 1)[:, :4],
    )


def test_overlay_kernel_compiles(compiled: list[Any]) -> None:
    from kernels.overlay import triton_kernel  # noqa: PLC0415

    picture, paint = torch.zeros(2, 4, 32, 32), torch.zeros(2, 3, 8, 8)
    triton_kernel.overlay(picture, torch.zeros(2, 6), paint[:, :1], paint)
    triton_kernel.overlay(picture[:1], torch.zeros(1, 6), paint[:1, :1], paint[:1])


def test_tiles_kernel_compiles(compiled: list[Any]) -> None:
    from kernels.tiles import triton_kernel  # noqa: PLC0415

    for batch, side in ((1, 15), (2, 16)):
        order, tiles = torch.zeros(batch, 8, dtype=torch.long), torch.zeros(batch, 8, 4, side, side)
        triton_kernel.draw_tiles(tiles, tiles[:, :, :3], torch.zeros(batch, 8, 3), order, order, 32)


def test_shade_kernel_compiles(compiled: list[Any]) -> None:
    from kernels.shade import triton_kernel  # noqa: PLC0415

    picture, gain = torch.zeros(2, 4, 32, 32), torch.ones(2, 1, 8, 8)
    triton_kernel.shade(picture, gain, None)
    triton_kernel.shade(picture, gain.expand(-1, 3, -1, -1), torch.zeros(2, 3))


def test_shading_and_flow_kernels_compile(compiled: list[Any]) -> None:
    from training.render.raster import flow_triton, shading_triton  # noqa: PLC0415

    hits, weights = torch.zeros(2, 32, 32, dtype=torch.int32), torch.zeros(2, 32, 32, 2)
    faces, character, flat = (
        torch.zeros(3, 9, 3, dtype=torch.int32),
        torch.zeros(2, dtype=torch.long),
        torch.zeros(3, 9, 6),
    )
    shading_triton.shade(
        hits, weights, torch.zeros(2, 5, 7), faces, character, flat, torch.zeros(99, 4, dtype=torch.uint8),
        torch.zeros(3, 3, dtype=torch.long), flat[..., :4].contiguous(), torch.zeros(3), torch.zeros(2, 3),
        torch.zeros(2, 3, 6), torch.zeros(2, 6), 1.001, 0.6,
    )  # fmt: skip
    flow_triton.reproject(
        hits > 0, character, character, hits, weights, weights[..., 0].contiguous(), torch.zeros(2, 5, 3), faces,
        character, torch.zeros(2048, 2), torch.zeros(2048), 0.35,
    )  # fmt: skip


def test_rasteriser_kernels_compile(compiled: list[Any]) -> None:
    from training.render.raster import fill_kernel, raster_triton  # noqa: PLC0415

    best, box = torch.zeros(2048, dtype=torch.int64), torch.ones(4, 6, dtype=torch.long)
    fill_kernel._draw_triangles_triton(torch.zeros(4, 3, 3), box, 4, best, 32)
    faces, character = torch.zeros(3, 9, 3, dtype=torch.int32), torch.zeros(2, dtype=torch.long)
    raster_triton.corner_weights(best.int(), torch.zeros(2, 5, 3), faces, character, 32)

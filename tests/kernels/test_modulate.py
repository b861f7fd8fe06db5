"""Norm and modulate, gate and add: Triton and torch against the formulas in float64."""

import pytest
import torch
from torch import Tensor

from kernels.backend import choose
from kernels.modulate import LAYER_EPSILON, gate_add, norm_modulate
from tests.kernels.triton_process import devices

# ‖out − truth‖ / ‖truth‖ allowed: half a unit in the last place of what is written; of bfloat16 a whole one, because
# the interpreter cuts it where a GPU rounds.
TOLERANCE = {torch.float32: 1e-6, torch.float16: 5e-4, torch.bfloat16: 4e-3}
SHAPES = [(1, 16, 32), (3, 25, 48), (2, 5, 300), (1, 1, 8)]

shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: str(dtype).removeprefix("torch."))


def some(shape: tuple[int, int, int], dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Tokens, a second (B, N, C) with rows of a larger tensor, and three modulations as a block makes them."""
    make = torch.Generator().manual_seed(sum(shape))
    batch, tokens, width = shape
    x = torch.randn(shape, generator=make).to(device, dtype) + 3
    branch = torch.randn(batch, tokens, 2 * width, generator=make).to(device, dtype)[:, :, width:]
    modulation = torch.randn(batch, 3, width, generator=make).to(device, dtype)
    return x, branch, list(modulation[:, :, None].unbind(1))


def off(out: Tensor, truth: Tensor) -> float:
    return float((out.double().cpu() - truth).norm() / truth.norm())


def normed(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    x, scale, shift = (each.double().cpu() for each in (x, scale, shift))
    away = x - x.mean(-1, keepdim=True)
    return away / (away.square().mean(-1, keepdim=True) + LAYER_EPSILON).sqrt() * (1 + scale) + shift


@devices
@dtypes
@shapes
def test_triton(shape: tuple[int, int, int], dtype: torch.dtype, device: str) -> None:
    x, branch, (scale, shift, gate) = some(shape, dtype, device)
    assert choose("triton", x) == "triton"
    out, truth = norm_modulate(x, scale, shift, "triton"), normed(x, scale, shift)
    print(f"norm_modulate {dtype} {shape}: {off(out, truth):.2e}")
    assert out.dtype == dtype and off(out, truth) < TOLERANCE[dtype]
    out = gate_add(x, gate, branch, "triton")
    truth = x.double().cpu() + gate.double().cpu() * branch.double().cpu()
    print(f"gate_add {dtype} {shape}: {off(out, truth):.2e}")
    assert out.dtype == dtype and off(out, truth) < TOLERANCE[dtype]


@dtypes
@shapes
def test_reference(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    x, branch, (scale, shift, gate) = some(shape, dtype, "cpu")
    assert choose("auto", x) == "reference"
    assert off(norm_modulate(x, scale, shift), normed(x, scale, shift)) < 3 * TOLERANCE[dtype]
    truth = x.double() + gate.double() * branch.double()
    assert off(gate_add(x, gate, branch), truth) < 3 * TOLERANCE[dtype]


@devices
def test_under_autocast_the_next_product_gets_its_own_dtype(device: str) -> None:
    x, branch, (scale, shift, gate) = some(SHAPES[1], torch.float32, device)
    with torch.autocast(device, torch.bfloat16):
        out = norm_modulate(x, scale, shift, "triton")
        assert out.dtype == torch.bfloat16 and off(out, normed(x, scale, shift)) < TOLERANCE[torch.bfloat16]
        assert gate_add(x, gate, branch.bfloat16(), "triton").dtype == torch.float32


@devices
def test_sizes_that_do_not_fit_are_refused(device: str) -> None:
    x, branch, (scale, shift, gate) = some(SHAPES[1], torch.float32, device)
    with pytest.raises(AssertionError, match=r"\(1, 1, 48\) for \(3, 25, 48\)"):
        norm_modulate(x, scale[:1], shift, "triton")
    with pytest.raises(AssertionError, match="a branch"):
        gate_add(x, gate, branch[:, 1:], "triton")

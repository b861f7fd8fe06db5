"""Norm, modulate, gate and add: Triton and torch against the formulas in float64."""

import pytest
import torch
from torch import Tensor

from kernels.backend import choose
from kernels.modulate import add_norm, gate_add, norm_modulate
from kernels.modulate.reference import LAYER_NORM_EPSILON
from tests.kernels.triton_process import devices

# ‖out − truth‖ / ‖truth‖ allowed: half a unit in the last place of what is written; of bfloat16 a whole unit, because
# the interpreter cuts it where a GPU rounds.
TOLERANCE = {torch.float32: 1e-6, torch.float16: 5e-4, torch.bfloat16: 8e-3}
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
    factor = scale if scale.dim() == 1 else 1 + scale
    return away / (away.square().mean(-1, keepdim=True) + LAYER_NORM_EPSILON).sqrt() * factor + shift


def compare(shape: tuple[int, int, int], dtype: torch.dtype, device: str, backend: str, slack: float = 1) -> None:
    x, branch, (scale, shift, gate) = some(shape, dtype, device)
    exact = [each.double().cpu() for each in (x, branch, gate)]
    sums = {gate: exact[0] + exact[2] * exact[1], None: exact[0] + exact[1]}
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for name, modulation in (("adaLN", (scale, shift)), ("layer norm", (scale[0, 0], shift[0, 0]))):
        found[f"norm_modulate {name}"] = norm_modulate(x, *modulation, backend), normed(x, *modulation)
        for each, truth in sums.items():
            added, done = add_norm(x, branch, each, *modulation, backend)
            found[f"add_norm {name} sum {each is None}"] = added, truth
            found[f"add_norm {name} norm {each is None}"] = done, normed(added, *modulation)
            found[f"gate_add {each is None}"] = gate_add(x, branch, each, backend), truth
    for name, (out, truth) in found.items():
        print(f"{name.split()[0]} {dtype} {name}: {off(out, truth):.2e}")
        assert out.dtype == dtype and off(out, truth) < slack * TOLERANCE[dtype], name


@devices
@dtypes
@shapes
def test_triton(shape: tuple[int, int, int], dtype: torch.dtype, device: str) -> None:
    assert choose("triton", torch.zeros(1, dtype=dtype, device=device)) == "triton"
    compare(shape, dtype, device, "triton")


@dtypes
@shapes
def test_reference(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    assert choose("auto", torch.zeros(1, dtype=dtype)) == "reference"
    compare(shape, dtype, "cpu", "auto", slack=3)  # torch rounds after each operation


@devices
def test_under_autocast_the_next_product_gets_its_own_dtype(device: str) -> None:
    x, branch, (scale, shift, gate) = some(SHAPES[1], torch.float32, device)
    with torch.autocast(device, torch.bfloat16):
        added, done = add_norm(x, branch.bfloat16(), gate, scale, shift, "triton")
        assert added.dtype == torch.float32 and done.dtype == torch.bfloat16
        assert off(done, normed(added, scale, shift)) < TOLERANCE[torch.bfloat16]
        assert torch.equal(done, norm_modulate(added, scale, shift, "triton"))
        assert torch.equal(added, gate_add(x, branch.bfloat16(), gate, "triton"))


@devices
def test_sizes_that_do_not_fit_are_refused(device: str) -> None:
    x, branch, (scale, shift, gate) = some(SHAPES[1], torch.float32, device)
    with pytest.raises(AssertionError, match=r"\(1, 1, 48\) for \(3, 25, 48\)"):
        norm_modulate(x, scale[:1], shift, "triton")
    with pytest.raises(AssertionError, match="a branch"):
        gate_add(x, branch[:, 1:], gate, "triton")

"""Norm, modulate, gate and add: each backend against the formulas in float64."""

import pytest
import torch
from torch import Tensor

from kernels.backend import choose
from kernels.modulate import add_norm, gate_add, norm_modulate
from kernels.modulate.reference import LAYER_NORM_EPSILON
from tests.kernels.triton_process import devices

# Relative error ‖out − expected‖ / ‖expected‖: half a unit in the last place of the result's dtype; for bfloat16 a
# whole unit, because the interpreter truncates where a GPU rounds.
TOLERANCE = {torch.float32: 1e-6, torch.float16: 5e-4, torch.bfloat16: 8e-3}
SHAPES = [(1, 16, 32), (3, 25, 48), (2, 5, 300), (1, 1, 8)]

shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: str(dtype).removeprefix("torch."))


def inputs(shape: tuple[int, int, int], dtype: torch.dtype, device: str) -> tuple[Tensor, Tensor, list[Tensor]]:
    """x (B, N, C), a branch (B, N, C) whose rows are parts of longer ones, and three modulations (B, 1, C)."""
    make = torch.Generator().manual_seed(sum(shape))
    batch, tokens, width = shape
    x = torch.randn(shape, generator=make).to(device, dtype) + 3
    branch = torch.randn(batch, tokens, 2 * width, generator=make).to(device, dtype)[:, :, width:]
    modulation = torch.randn(batch, 3, width, generator=make).to(device, dtype)
    return x, branch, list(modulation[:, :, None].unbind(1))


def relative_error(out: Tensor, expected: Tensor) -> float:
    return float((out.double().cpu() - expected).norm() / expected.norm())


def norm_float64(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    x, scale, shift = (each.double().cpu() for each in (x, scale, shift))
    centred = x - x.mean(-1, keepdim=True)
    factor = scale if scale.dim() == 1 else 1 + scale
    return centred / (centred.square().mean(-1, keepdim=True) + LAYER_NORM_EPSILON).sqrt() * factor + shift


def assert_formulas(
    shape: tuple[int, int, int], dtype: torch.dtype, device: str, backend: str, slack: float = 1
) -> None:
    x, branch, (scale, shift, gate) = inputs(shape, dtype, device)
    exact = [each.double().cpu() for each in (x, branch, gate)]
    sums = {gate: exact[0] + exact[2] * exact[1], None: exact[0] + exact[1]}
    results: dict[str, tuple[Tensor, Tensor]] = {}
    for name, modulation in (("adaLN", (scale, shift)), ("layer norm", (scale[0, 0], shift[0, 0]))):
        results[f"norm_modulate {name}"] = norm_modulate(x, *modulation, backend), norm_float64(x, *modulation)
        for maybe_gate, total in sums.items():
            added, normed = add_norm(x, branch, maybe_gate, *modulation, backend)
            results[f"add_norm {name} sum {maybe_gate is None}"] = added, total
            results[f"add_norm {name} norm {maybe_gate is None}"] = normed, norm_float64(added, *modulation)
            results[f"gate_add {maybe_gate is None}"] = gate_add(x, branch, maybe_gate, backend), total
    for name, (out, expected) in results.items():
        print(f"{name.split()[0]} {dtype} {name}: {relative_error(out, expected):.2e}")
        assert out.dtype == dtype and relative_error(out, expected) < slack * TOLERANCE[dtype], name


@devices
@dtypes
@shapes
def test_triton_equals_the_formulas(shape: tuple[int, int, int], dtype: torch.dtype, device: str) -> None:
    assert choose("triton", torch.zeros(1, dtype=dtype, device=device)) == "triton"
    assert_formulas(shape, dtype, device, "triton")


@dtypes
@shapes
def test_reference_equals_the_formulas(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    assert choose("auto", torch.zeros(1, dtype=dtype)) == "reference"
    assert_formulas(shape, dtype, "cpu", "auto", slack=3)  # torch rounds after each operation


@devices
def test_normed_result_has_the_dtype_of_autocast(device: str) -> None:
    x, branch, (scale, shift, gate) = inputs(SHAPES[1], torch.float32, device)
    with torch.autocast(device, torch.bfloat16):
        added, normed = add_norm(x, branch.bfloat16(), gate, scale, shift, "triton")
        assert added.dtype == torch.float32 and normed.dtype == torch.bfloat16
        assert relative_error(normed, norm_float64(added, scale, shift)) < TOLERANCE[torch.bfloat16]
        assert torch.equal(normed, norm_modulate(added, scale, shift, "triton"))
        assert torch.equal(added, gate_add(x, branch.bfloat16(), gate, "triton"))


@devices
def test_triton_refuses_sizes_that_do_not_fit(device: str) -> None:
    x, branch, (scale, shift, gate) = inputs(SHAPES[1], torch.float32, device)
    with pytest.raises(AssertionError, match=r"\(1, 1, 48\) for \(3, 25, 48\)"):
        norm_modulate(x, scale[:1], shift, "triton")
    with pytest.raises(AssertionError, match="a branch"):
        gate_add(x, branch[:, 1:], gate, "triton")

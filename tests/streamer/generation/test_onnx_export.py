"""What is computed in 8 bits, and what is not."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from streamer.generation.onnx_export import export, steps


@pytest.fixture
def layers() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU(), nn.Conv2d(8, 4, 3, 1, 1)).eval()


def run(graph: bytes, picture: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input0": picture.numpy()})[0])


def kinds(graph: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(graph).graph.node]


@torch.inference_mode()
def test_a_convolution_whose_ranges_are_known_runs_in_8_bits(layers: nn.Module) -> None:
    picture = torch.rand(1, 3, 16, 16)
    inside = layers[0](picture)
    ranges = {"0": [0.0, 1.0, float(inside.min()), float(inside.max())]}
    coarse, exact = (export(layers, [picture], known, True) for known in (ranges, {}))
    assert kinds(coarse).count("QuantizeLinear") == 2 and "QuantizeLinear" not in kinds(exact)
    names = {constant.name for constant in onnx.load_from_string(coarse).graph.initializer}
    assert "0.weight" not in names and "2.weight" in names  # nothing is kept twice
    difference = run(coarse, picture) - layers(picture).numpy()
    assert 0 < np.abs(difference).max() < 0.02
    assert np.allclose(run(exact, picture), layers(picture).numpy(), atol=1e-5)


@torch.inference_mode()
def test_without_8_bits_ranges_say_nothing(layers: nn.Module) -> None:
    picture = torch.rand(1, 3, 16, 16)
    assert "QuantizeLinear" not in kinds(export(layers, [picture], {"0": [0.0, 1.0, -1.0, 1.0]}, False))


@pytest.mark.parametrize(("low", "high", "zero"), [(0.0, 2.0, 0), (-1.0, 1.0, 128), (0.5, 2.0, 0), (-3.0, -1.0, 255)])
def test_zero_is_exact(low: float, high: float, zero: int) -> None:
    scale, point = steps(low, high)
    assert point == zero
    assert (255 - int(point)) * scale == pytest.approx(max(high, 0), abs=float(scale))

"""Which operations of an exported graph are computed in 8 bits."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from streamer.generation.cpu_features import int8_weight_bits
from streamer.generation.onnx_export import export, uint8_scale
from streamer.runtime.onnx_runtime import onnxruntime


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
@pytest.mark.parametrize("weight_bits", {7, int8_weight_bits()})  # 8 only where this CPU does not saturate
def test_export_quantises_a_convolution_with_known_ranges(layers: nn.Module, weight_bits: int) -> None:
    picture = torch.rand(1, 3, 16, 16)
    inside = layers[0](picture)
    ranges = {"0": [0.0, 1.0, float(inside.min()), float(inside.max())]}
    coarse, exact = (export(layers, [picture], known, weight_bits) for known in (ranges, {}))
    assert kinds(coarse).count("QuantizeLinear") == 2 and "QuantizeLinear" not in kinds(exact)
    names = {constant.name for constant in onnx.load_from_string(coarse).graph.initializer}
    assert "0.weight" not in names and "2.weight" in names  # no weight is stored twice
    difference = run(coarse, picture) - layers(picture).numpy()
    assert 0 < np.abs(difference).max() < 0.02
    assert np.allclose(run(exact, picture), layers(picture).numpy(), atol=1e-5)


@torch.inference_mode()
def test_export_without_weight_bits_ignores_ranges(layers: nn.Module) -> None:
    picture = torch.rand(1, 3, 16, 16)
    assert "QuantizeLinear" not in kinds(export(layers, [picture], {"0": [0.0, 1.0, -1.0, 1.0]}, None))


@pytest.mark.parametrize(("low", "high", "zero"), [(0.0, 2.0, 0), (-1.0, 1.0, 128), (0.5, 2.0, 0), (-3.0, -1.0, 255)])
def test_uint8_scale_represents_zero_exactly(low: float, high: float, zero: int) -> None:
    scale, point = uint8_scale(low, high)
    assert point == zero
    assert (255 - int(point)) * scale == pytest.approx(max(high, 0), abs=float(scale))


class Products(nn.Module):
    """A matrix product and a convolution, each with weights at both ends of their range."""

    def __init__(self) -> None:
        super().__init__()
        self.product, self.convolution = nn.Linear(16, 16), nn.Conv2d(1, 2, 3, 1, 1)
        nn.init.constant_(self.product.weight, 1.0)
        nn.init.constant_(self.convolution.weight, -1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolution(self.product(x))


@pytest.mark.parametrize("weight_bits", [7, 8])
def test_pairs_of_products_fit_16_bits_only_with_7_bit_weights(weight_bits: int) -> None:
    module = Products().eval()
    ranges = {"convolution": [0.0, 1.0, -1.0, 1.0]}
    model = onnx.load_from_string(export(module, [torch.rand(1, 1, 16, 16)], ranges, weight_bits))
    weights = [onnx.numpy_helper.to_array(part) for part in model.graph.initializer]
    largest = [int(np.abs(part.astype(int)).max()) for part in weights if part.dtype == np.int8 and part.ndim > 1]
    assert len(largest) == 2  # the product's and the convolution's
    assert all((2 * 255 * most <= np.iinfo(np.int16).max) == (weight_bits == 7) for most in largest)

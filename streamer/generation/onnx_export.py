"""Exports the network as two ONNX graphs, one step of the transformer and the close-ups, quantised to 8 bits."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from kernels import attention
from models.cache import REFERENCE_POSITION
from models.closeups.inputs import INPUT_CHANNELS
from models.closeups.window import MOUTH_VIEW, RIGHT_EYE_VIEW
from models.dit import CausalDiT, FrameInput
from streamer.runtime.onnx_runtime import QuantType, quantize_dynamic

Ranges = Mapping[str, Sequence[float]]  # (least input, greatest input, least output, greatest output) by name


class StepGraph(nn.Module):
    """One step of the transformer as a function of tensors alone, as ONNX needs it.

    Inputs: the six fields of FrameInput; the slots in use (1, R + W + 1) bool; then keys and values (L, 1, H, ·, D) of
    the references and of each past frame, oldest first. Outputs: the four fields of Edit, and this frame's keys and
    values.
    """

    def __init__(self, network: CausalDiT) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        frame, is_occupied, cached = FrameInput(*inputs[:6]), inputs[6], inputs[7:]
        cached_keys, cached_values = cached[0::2], cached[1::2]
        config = self.network.config
        ages = [REFERENCE_POSITION] * config.references + [-float(age) for age in range(config.ring, 0, -1)] + [0.0]
        position = torch.tensor([ages])
        new: list[tuple[Tensor, Tensor]] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            new.append((key, value))
            keys = torch.cat([*(slot[layer] for slot in cached_keys), key], 2)
            values = torch.cat([*(slot[layer] for slot in cached_values), value], 2)
            return attention.attend(
                query, keys, values, position, is_occupied, self.network.rope, config.keyed, config.references
            )

        edit = self.network(frame, attend)
        keys, values = (torch.stack(layers) for layers in zip(*new, strict=True))
        return edit.flow, edit.keep, edit.paint, edit.alpha, keys, values


def export_step(network: CausalDiT, weight_bits: int | None = 8) -> bytes:
    """`StepGraph` of one stream. weight_bits: see `export`."""
    config = network.config
    side, half = config.side, config.side // 2
    cached = torch.zeros(config.depth, 1, config.heads, config.tokens, config.head_width)
    references = cached.repeat(1, 1, 1, config.references, 1)
    frame = [(3, side), (3, side), (6, half), (3, half)]
    inputs = [torch.rand(1, channels, pixels, pixels) for channels, pixels in frame]
    inputs += [torch.zeros(1, config.motion_tokens, config.motion_width), torch.ones(1)]
    inputs += [torch.ones(1, config.slots, dtype=torch.bool), references, references.clone()]
    inputs += [cached.clone() for _ in range(2 * config.ring)]
    return export(StepGraph(network), inputs, {"network." + name: r for name, r in network.ranges.items()}, weight_bits)


def export_closeups(network: CausalDiT, weight_bits: int | None = 8) -> bytes:
    """The close-ups for any number of mouths and eyes. weight_bits: see `export`."""
    config = network.config
    inputs = []
    for view, side in ((MOUTH_VIEW, config.mouth_side), (RIGHT_EYE_VIEW, config.eye_side)):
        inputs += [torch.rand(2, INPUT_CHANNELS, side, side), torch.rand(2, 2, len(view.landmarks), 2)]
    ranges = {name.removeprefix("closeups."): r for name, r in network.ranges.items()}
    return export(network.closeups, inputs, ranges, weight_bits, batches=("mouths", "mouths", "eyes", "eyes"))


def export(
    graph: nn.Module, inputs: Sequence[Tensor], ranges: Ranges, weight_bits: int | None, batches: Sequence[str] = ()
) -> bytes:
    """A module as ONNX, with inputs named input0, input1 and so on.

    weight_bits: 8, or 7, as `int8_weight_bits` chooses. Matrix products with constant weights are computed in 8-bit
    integers, with activations scaled by their range in each frame, and so are the convolutions in `ranges`; weights use
    that many bits. None: everything is computed in float32. Measured in docs/decisions/performance.md.
    ranges: of the input and output of convolutions, by their name in the module.
    batches: for each input whose first axis may have any length, a name for this length.
    """
    names = [f"input{i}" for i in range(len(inputs))]
    axes = {name: {0: batch} for name, batch in zip(names, batches, strict=False)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation and tracing notes of the exporter
        exact, quantised = Path(folder) / "exact.onnx", Path(folder) / "quantised.onnx"
        torch.onnx.export(
            graph, tuple(inputs), exact, input_names=names, opset_version=18, dynamo=False, dynamic_axes=axes
        )
        if weight_bits is None:
            return exact.read_bytes()
        logging.disable(logging.WARNING)  # the quantiser recommends preprocessing, which changes nothing here
        quantize_dynamic(
            exact, quantised, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True,
            reduce_range=weight_bits == 7, extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip
        logging.disable(logging.NOTSET)
        model = onnx.load(quantised)
    quantise_convolutions(model.graph, ranges, weight_bits)
    return model.SerializeToString()


def quantise_convolutions(graph: onnx.GraphProto, ranges: Ranges, weight_bits: int) -> None:
    """Surround the convolutions in `ranges` by quantise and dequantise nodes, in place; ONNX Runtime fuses each group
    into one 8-bit operation. Weights are scaled per output channel, activations by their range (Jacob et al. 2018).
    """
    constants = {constant.name: constant for constant in graph.initializer}
    largest = 2 ** (weight_bits - 1) - 1
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        value_range = ranges.get(node.input[1].removesuffix(".weight")) if node.op_type == "Conv" else None
        if value_range is None:
            graph.node.append(node)
            continue
        weight, bias = (numpy_helper.to_array(constants[name]) for name in node.input[1:3])
        input_scale, input_zero = uint8_scale(*value_range[:2])
        output_scale, output_zero = uint8_scale(*value_range[2:])
        weight_scale = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-8) / largest
        quantised_weight = np.round(weight / weight_scale[:, None, None, None]).astype(np.int8)
        bias_scale = input_scale * weight_scale
        quantised_bias = np.round(bias / bias_scale).astype(np.int32)
        zeros = np.zeros(len(weight_scale))
        writer = GraphWriter(graph, node.output[0])
        inputs = [
            writer.requantise(node.input[0], input_scale, input_zero),
            writer.add_constant(quantised_weight, weight_scale.astype(np.float32), zeros.astype(np.int8)),
            writer.add_constant(quantised_bias, bias_scale.astype(np.float32), zeros.astype(np.int32)),
        ]
        output = node.output[0] + "_exact"
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        graph.node.append(helper.make_node("Conv", inputs, [output], node.name, **attributes))
        writer.requantise(output, output_scale, output_zero, name=node.output[0])
    used = {name for node in graph.node for name in node.input}
    remaining = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(remaining)


def uint8_scale(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Scale (float32) and zero point (uint8) for values from low to high; 0 is represented exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, 1e-8) / 255
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


class GraphWriter:
    """Adds nodes and constants to a graph, whose names share a prefix."""

    def __init__(self, graph: onnx.GraphProto, prefix: str) -> None:
        self.graph, self.prefix, self.count = graph, prefix, 0

    def requantise(self, value: str, scale: np.ndarray, zero: np.ndarray, name: str | None = None) -> str:
        """Round a value to 8 bits and back; returns the name of the result."""
        parameters = [self._add_initializer(scale), self._add_initializer(zero)]
        quantised, result = self._next_name(), name or self._next_name()
        self.graph.node.append(helper.make_node("QuantizeLinear", [value, *parameters], [quantised], quantised))
        self.graph.node.append(
            helper.make_node("DequantizeLinear", [quantised, *parameters], [result], f"{result}_back")
        )
        return result

    def add_constant(self, quantised: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> str:
        """Add a quantised constant, scaled along its first axis; returns the name of its dequantised value."""
        result = self._next_name()
        inputs = [self._add_initializer(part) for part in (quantised, scale, zero)]
        self.graph.node.append(helper.make_node("DequantizeLinear", inputs, [result], f"{result}_back", axis=0))
        return result

    def _add_initializer(self, value: np.ndarray) -> str:
        name = self._next_name()
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def _next_name(self) -> str:
        self.count += 1
        return f"{self.prefix}_{self.count}"

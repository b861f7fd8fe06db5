"""The network as ONNX graphs: one step of the transformer, and the close-ups, with what may be computed in 8 bits."""

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
from streamer.generation.onnx_runtime import QuantType, quantize_dynamic

Ranges = Mapping[str, Sequence[float]]


class StepGraph(nn.Module):
    """One step as a function of tensors alone, the shape in which ONNX Runtime takes it.

    Inputs: the six fields of FrameInput; live (1, R + W + 1) bool; then keys and values (L, 1, H, ·, D) of the
    references and of each past frame, oldest first. Outputs: the four fields of Edit, and this frame's keys and values.
    """

    def __init__(self, network: CausalDiT) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        frame, live, memory = FrameInput(*inputs[:6]), inputs[6], inputs[7:]
        config = self.network.config
        ages = [REFERENCE_POSITION] * config.references + [-float(age) for age in range(config.ring, 0, -1)] + [0.0]
        position = torch.tensor([ages])
        fresh: list[tuple[Tensor, Tensor]] = []

        def attend(layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            fresh.append((key, value))
            keys = torch.cat([*(slot[layer] for slot in memory[0::2]), key], 2)
            values = torch.cat([*(slot[layer] for slot in memory[1::2]), value], 2)
            return attention.attend(
                query, keys, values, position, live, self.network.rope, config.keyed, config.references
            )

        edit = self.network(frame, attend)
        keys, values = (torch.stack(each) for each in zip(*fresh, strict=True))
        return edit.flow, edit.keep, edit.paint, edit.alpha, keys, values


def export_step(network: CausalDiT, weight_bits: int | None = 8) -> bytes:
    """`StepGraph` of one stream. weight_bits: see `export`."""
    config = network.config
    side, half = config.side, config.side // 2
    memory = torch.zeros(config.depth, 1, config.heads, config.tokens, config.head_width)
    pinned = memory.repeat(1, 1, 1, config.references, 1)
    frame = [(3, side), (3, side), (6, half), (3, half)]
    inputs = [torch.rand(1, channels, pixels, pixels) for channels, pixels in frame]
    inputs += [torch.zeros(1, config.motion_tokens, config.motion_width), torch.ones(1)]
    inputs += [torch.ones(1, config.slots, dtype=torch.bool), pinned, pinned.clone()]
    inputs += [memory.clone() for _ in range(2 * config.ring)]
    return export(StepGraph(network), inputs, {"network." + name: r for name, r in network.ranges.items()}, weight_bits)


def export_closeups(network: CausalDiT, weight_bits: int | None = 8) -> bytes:
    """`Closeups` of any number of mouths and eyes."""
    config = network.config
    inputs = []
    for view, side in ((MOUTH_VIEW, config.mouth_side), (RIGHT_EYE_VIEW, config.eye_side)):
        inputs += [torch.rand(2, INPUT_CHANNELS, side, side), torch.rand(2, 2, len(view.landmarks), 2)]
    ranges = {name.removeprefix("closeups."): r for name, r in network.ranges.items()}
    return export(network.closeups, inputs, ranges, weight_bits, batches=("mouths", "mouths", "eyes", "eyes"))


def export(
    graph: nn.Module, inputs: Sequence[Tensor], ranges: Ranges, weight_bits: int | None, batches: Sequence[str] = ()
) -> bytes:
    """A module as ONNX, inputs named input0, input1, …

    weight_bits: 8, or 7 where `int8_weight_bits` says so: matrix products are computed in 8-bit integers, activations
    scaled by their own range frame by frame, and so are the convolutions whose input and output `ranges` are known;
    weights use that many bits. None: everything in float32. ranges: least and largest input and output, by the
    convolution's name in the module. batches: a name for the length of each input's first axis where it may have any.
    """
    names = [f"input{i}" for i in range(len(inputs))]
    axes = {name: {0: batch} for name, batch in zip(names, batches, strict=False)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecation and tracing notes
        whole, file = Path(folder) / "whole.onnx", Path(folder) / "graph.onnx"
        torch.onnx.export(
            graph, tuple(inputs), whole, input_names=names, opset_version=18, dynamo=False, dynamic_axes=axes
        )
        if weight_bits is None:
            return whole.read_bytes()
        logging.disable(logging.WARNING)  # it advises a step that changes nothing here
        quantize_dynamic(
            whole, file, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True,
            reduce_range=weight_bits == 7, extra_options={"MatMulConstBOnly": True},
        )  # fmt: skip
        logging.disable(logging.NOTSET)
        model = onnx.load(file)
    quantise_convolutions(model.graph, ranges, weight_bits)
    return model.SerializeToString()


def quantise_convolutions(graph: onnx.GraphProto, ranges: Ranges, weight_bits: int) -> None:
    """Put quantise and dequantise about the convolutions whose ranges are known, in place: ONNX Runtime makes one 8-bit
    operation of each such group. Weights are scaled by channel, activations by their range (Jacob et al. 2018).
    """
    constants = {constant.name: constant for constant in graph.initializer}
    largest = 2 ** (weight_bits - 1) - 1
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        spread = ranges.get(node.input[1].removesuffix(".weight")) if node.op_type == "Conv" else None
        if spread is None:
            graph.node.append(node)
            continue
        weight, bias = (numpy_helper.to_array(constants[name]) for name in node.input[1:3])
        before, after = steps(*spread[:2]), steps(*spread[2:])
        scale = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-8) / largest
        coarse = np.round(weight / scale[:, None, None, None]).astype(np.int8)
        sums = before[0] * scale
        put = Writer(graph, node.output[0])
        inside = put.through(node.input[0], *before)
        kernel = put.constant(coarse, scale.astype(np.float32), np.zeros(len(scale), np.int8))
        offset = put.constant(
            np.round(bias / sums).astype(np.int32), sums.astype(np.float32), np.zeros(len(scale), np.int32)
        )
        out = node.output[0] + "_exact"
        same = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        graph.node.append(helper.make_node("Conv", [inside, kernel, offset], [out], node.name, **same))
        put.through(out, *after, name=node.output[0])
    used = {name for node in graph.node for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def steps(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Scale and zero point of uint8 for a range; zero itself is exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, 1e-8) / 255
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


class Writer:
    """Adds nodes and constants to a graph under names that begin alike."""

    def __init__(self, graph: onnx.GraphProto, prefix: str) -> None:
        self.graph, self.prefix, self.count = graph, prefix, 0

    def through(self, value: str, scale: np.ndarray, zero: np.ndarray, name: str | None = None) -> str:
        """A value rounded to 8 bits and back; returns its name."""
        told = [self._keep(scale), self._keep(zero)]
        coarse, back = self._next(), name or self._next()
        self.graph.node.append(helper.make_node("QuantizeLinear", [value, *told], [coarse], coarse))
        self.graph.node.append(helper.make_node("DequantizeLinear", [coarse, *told], [back], f"{back}_back"))
        return back

    def constant(self, coarse: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> str:
        """A constant in few bits, scaled along its first axis; returns the name of its value."""
        back = self._next()
        told = [self._keep(part) for part in (coarse, scale, zero)]
        self.graph.node.append(helper.make_node("DequantizeLinear", told, [back], f"{back}_back", axis=0))
        return back

    def _keep(self, value: np.ndarray) -> str:
        name = self._next()
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def _next(self) -> str:
        self.count += 1
        return f"{self.prefix}_{self.count}"

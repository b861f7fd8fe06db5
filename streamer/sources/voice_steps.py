"""The voice network one step at a time in numpy: a sixth of what small torch operations cost (docs/decisions/voice.md).

The twin of `models.voice.voice_net.VoiceNet.forward`; a test holds the two together. A recording is read step by step,
too, so that a stream and a file give the same numbers to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.voice.voice_net import GatedBlock, VoiceNet

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Linear:
    """A convolution as a matrix: weight (outputs, kernel * inputs), oldest step first, and bias (outputs,)."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        return self.weight @ x + self.bias


@dataclass
class StepState:
    """What a stream remembers.

    rings: of each block its inputs (history + 1, C) in the present step and those before it, in a ring.
    at: steps so far.
    """

    rings: list[Array]
    at: int = 0


class VoiceSteps:
    """A network's weights as matrices; the state is the caller's."""

    def __init__(self, network: VoiceNet) -> None:
        self._stem, self._head = _linear(network.stem), _linear(network.head)
        blocks = [block for block in network.blocks if isinstance(block, GatedBlock)]
        self._blocks = [(_linear(block.conv), _linear(block.out)) for block in blocks]
        self._config = network.config

    def first_state(self) -> StepState:
        """The state before the first step."""
        width = self._config.width
        return StepState([np.zeros((steps + 1, width), np.float32) for steps in self._config.history])

    def __call__(self, features: Array, state: StepState) -> Array:
        """Raw channels (CHANNELS,) of the next step's features (FEATURES,); goes on with `state` in place."""
        x = self._stem(features)
        for (conv, out), ring, dilation in zip(self._blocks, state.rings, self._config.dilations, strict=True):
            ring[state.at % len(ring)] = x
            taps = state.at - dilation * np.arange(self._config.kernel - 1, -1, -1)
            value, gate = np.split(conv(ring[taps % len(ring)].reshape(-1)), 2)
            x = x + out(value * _sigmoid(gate))
        state.at += 1
        return self._head(x * _sigmoid(x))


def _linear(conv: object) -> _Linear:
    """The weights of a torch Conv1d."""
    weight, bias = (getattr(conv, name).detach().numpy() for name in ("weight", "bias"))
    return _Linear(np.ascontiguousarray(weight.transpose(0, 2, 1).reshape(len(weight), -1)), bias.copy())


def _sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), which tanh computes without overflow."""
    return np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * x)

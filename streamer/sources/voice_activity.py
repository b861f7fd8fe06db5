"""Whether somebody speaks, by Silero VAD, a network of 1.3 MB that its package ships (MIT licence).

The package's own Python code is not imported: it takes torch's hub and audio readers with it, and its state is hidden.
Its graph takes 32 ms of sound at 16 kHz after the last 4 ms of the piece before, and a recurrent state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.voice.log_mel import SAMPLE_RATE
from streamer.runtime.onnx_runtime import onnxruntime

Samples = NDArray[np.float32]

PIECE = 512  # samples: 32 ms
PIECE_S = PIECE / SAMPLE_RATE
_CONTEXT = 64
_GRAPH = "data/silero_vad_16k_op15.onnx"


@dataclass
class ActivityState:
    """What one stream's detector remembers.

    context: the last samples of the piece before. recurrent: (2, 1, 128). rest: samples that fill no piece yet.
    """

    context: Samples = field(default_factory=lambda: np.zeros(_CONTEXT, np.float32))
    recurrent: Samples = field(default_factory=lambda: np.zeros((2, 1, 128), np.float32))
    rest: Samples = field(default_factory=lambda: np.zeros(0, np.float32))


class VoiceActivity:
    """Probability of speech of each piece of a stream."""

    def __init__(self) -> None:
        self._session = _session()
        self.state = ActivityState()

    def feed(self, samples: Samples) -> list[float]:
        """Probabilities of the pieces that these samples (n,) in ±1 complete, in order."""
        state = self.state
        joined = np.concatenate([state.rest, samples])
        found = []
        for start in range(0, len(joined) - PIECE + 1, PIECE):
            piece = joined[start : start + PIECE]
            inputs = {"input": np.concatenate([state.context, piece])[None], "state": state.recurrent, "sr": _RATE}
            probability, state.recurrent = self._session.run(None, inputs)
            state.context = piece[-_CONTEXT:]
            found.append(float(probability[0, 0]))
        state.rest = joined[len(found) * PIECE :].copy()
        return found


_RATE = np.array(SAMPLE_RATE, np.int64)


@cache
def _session() -> Any:
    """The detector's graph on one thread; it holds no state, so all streams share it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(_graph_path()), options, providers=["CPUExecutionProvider"])


def _graph_path() -> Path:
    """The file in the installed package, which is found without importing it."""
    spec = find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("silero-vad is not installed: run `pip install -e .` again.")
    return Path(spec.submodule_search_locations[0]) / _GRAPH

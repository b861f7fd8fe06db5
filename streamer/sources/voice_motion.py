"""What a voice moves: samples of a microphone or a file in, ARKit weights and a turn of the head out, 50 a second.

The sound must be delayed by LOOK_AHEAD_S against the picture that is drawn from this, so that both are in sync.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.voice.log_mel import STEP, STEP_S, LogMel
from models.voice.mouth_shapes import SHAPE_NAMES, both_sides
from models.voice.voice_net import LOOK_AHEAD, LOOK_AHEAD_S, read_face
from models.voice.weights import load
from streamer.sources.voice_activity import PIECE_S, VoiceActivity
from streamer.sources.voice_steps import VoiceSteps

WEIGHTS = Path(__file__).resolve().parents[2] / "checkpoints" / "voice.safetensors"
MAX_FEED_S = 60.0  # of sound in one call, so that a peer cannot fill the memory
VOICE_PROBABILITY = 0.35  # of a piece, from which somebody speaks in it
HELD_AFTER_S = 0.20  # a mouth moves as long after such a piece, and LOOK_AHEAD_S before its end
OPENING_S, CLOSING_S = 0.06, 0.14  # in which a mouth starts to move, and comes to rest
SPEECH_LOW, SPEECH_HIGH = 0.2, 0.6  # the network's own probability at which a mouth rests, and moves fully
# The sway of a speaking head: rad, Hz and phase of two waves each for yaw and roll, which have no common period.
SWAY = {"yaw": ((0.022, 0.23, 0.0), (0.012, 0.61, 1.3)), "roll": ((0.012, 0.17, 0.7), (0.008, 0.47, 2.1))}
SWAY_S = 0.8  # in which the sway comes and goes with speech


class VoiceFrame(NamedTuple):
    """What a face does at one moment.

    time: seconds since the first sample.
    weights: (len(Voice.NAMES),) 0..1.
    head: pitch, yaw, roll in rad: down, to the person's own right, to their own left shoulder, as `Expression.turn`.
    speaking: 0..1, by how much the voice moves the face.
    """

    time: float
    weights: NDArray[np.float32]
    head: tuple[float, float, float]
    speaking: float


@dataclass
class Gate:
    """Lets a face move while somebody speaks, with ramps.

    level: 0..1 now. sway: the same, slower.
    """

    level: float = 0.0
    sway: float = 0.0

    def step(self, target: float) -> None:
        """Go on by one step towards `target` 0..1."""
        least, most = self.level - STEP_S / CLOSING_S, self.level + STEP_S / OPENING_S
        self.level = min(max(target, least), most)
        self.sway += (self.level - self.sway) * (STEP_S / SWAY_S)


class Voice:
    """One voice. Not thread-safe; one for each stream. Raises CheckpointError where the weights cannot be used."""

    NAMES = SHAPE_NAMES
    RATE_HZ = round(1 / STEP_S)
    LOOK_AHEAD_S = LOOK_AHEAD_S

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._network = VoiceSteps(load(weights))
        self._mel = LogMel()
        self.reset()

    def reset(self) -> None:
        """Begin another stream, at time 0."""
        self._mel_state, self._state = self._mel.first_state(), self._network.first_state()
        self._activity, self._gate = VoiceActivity(), Gate()
        self._pieces: deque[tuple[float, float]] = deque()  # (begin, probability) of pieces that may still matter
        self._heard_pieces = self._steps = 0
        self._rest = np.zeros(0, np.float32)

    @torch.inference_mode()
    def feed(self, samples: NDArray[np.float32]) -> list[VoiceFrame]:
        """The frames that these samples complete, in order. samples: (n,) mono at 16 kHz in ±1, any n.

        A frame describes the face LOOK_AHEAD_S before the last sample that it needs. What is not finite counts as 0.
        Raises ValueError for more channels than one, or more than MAX_FEED_S at once.
        """
        if samples.ndim != 1 or len(samples) > MAX_FEED_S * STEP / STEP_S:
            raise ValueError(f"a voice takes up to {MAX_FEED_S:.0f} s of one channel, not {samples.shape}")
        clean = np.clip(np.nan_to_num(samples.astype(np.float32), posinf=0.0, neginf=0.0), -1, 1)
        for probability in self._activity.feed(clean):
            self._pieces.append((self._heard_pieces * PIECE_S, probability))
            self._heard_pieces += 1
        joined = np.concatenate([self._rest, clean])
        count = len(joined) // STEP
        self._rest = joined[count * STEP :]
        if count == 0:
            return []
        features, self._mel_state = self._mel(torch.from_numpy(joined[: count * STEP]), self._mel_state)
        raw = [self._network(step, self._state) for step in features.numpy()]
        shapes, nods, speech = read_face(torch.from_numpy(np.stack(raw)))
        weights = both_sides(shapes).numpy()
        frames = [self._frame(weights[i], float(nods[i]), float(speech[i])) for i in range(count)]
        return [frame for frame in frames if frame.time > -STEP_S]  # the first one is at time 0, or just before it

    def finish(self) -> list[VoiceFrame]:
        """The last frames of a stream that has ended, as if silence followed it."""
        return self.feed(np.zeros(LOOK_AHEAD * STEP, np.float32))

    def _frame(self, weights: NDArray[np.float32], nod: float, speech: float) -> VoiceFrame:
        """The next frame, of the network's reading, held still where nobody speaks."""
        self._steps += 1
        time = self._steps * STEP_S - LOOK_AHEAD_S
        said = min(max((speech - SPEECH_LOW) / (SPEECH_HIGH - SPEECH_LOW), 0.0), 1.0)
        self._gate.step(said if self._is_voiced(time) else 0.0)
        level, sway = self._gate.level, self._gate.sway
        yaw, roll = (sway * _wave(SWAY[axis], time) for axis in ("yaw", "roll"))
        return VoiceFrame(round(time, 6), weights * np.float32(level), (nod * level, yaw, roll), level)

    def _is_voiced(self, time: float) -> bool:
        """Whether a piece near `time` has a voice in it."""
        while self._pieces and self._pieces[0][0] + PIECE_S < time - HELD_AFTER_S:
            self._pieces.popleft()
        heard_s = time + LOOK_AHEAD_S + 1e-6  # what a live stream knows by now, however much was fed at once
        return any(p >= VOICE_PROBABILITY for begin, p in self._pieces if begin + PIECE_S <= heard_s)


def _wave(parts: tuple[tuple[float, float, float], ...], time: float) -> float:
    """The sum of waves (rad, Hz, phase) at a time."""
    return sum(size * math.sin(2 * math.pi * hertz * time + phase) for size, hertz, phase in parts)

"""Random motion of a person before a webcam, frame by frame, with natural timing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from training.render.arrays import Array, Ints
from training.render.character.act import Act
from training.render.character.gestures import FPS, random_gestures
from training.render.character.noise import Rng

KINDS = ("still", "small", "large")  # of the difference between reference and target, see `pair_tracks`
# Visemes: blendshape weights at full strength, by ARKit names.
VISEMES: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.7, "mouthLowerDown": 0.3, "mouthUpperUp": 0.2},  # a
    {"jawOpen": 0.35, "mouthStretch": 0.4, "mouthSmile": 0.25, "mouthLowerDown": 0.3},  # e
    {"jawOpen": 0.15, "mouthStretch": 0.5, "mouthSmile": 0.35, "mouthUpperUp": 0.2, "mouthLowerDown": 0.25},  # i
    {"jawOpen": 0.45, "mouthFunnel": 0.7},  # o
    {"jawOpen": 0.15, "mouthPucker": 0.8, "mouthFunnel": 0.3},  # u
    {"mouthClose": 0.1, "mouthPress": 0.6, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},  # m, b, p
    {"jawOpen": 0.05, "mouthRollLower": 0.5, "mouthUpperUp": 0.3},  # f, v
    {"jawOpen": 0.2, "mouthLowerDown": 0.4, "mouthUpperUp": 0.3},  # s, t
)


@dataclass(frozen=True)
class Mood:
    """Strength of each kind of motion, 0 = none, 1 = as a lively speaker.

    talk: speech. face: slow expressions. head, gaze, body, hands: their motion. blinks: their rate.
    """

    talk: float = 1.0
    face: float = 1.0
    head: float = 1.0
    gaze: float = 1.0
    body: float = 1.0
    blinks: float = 1.0
    hands: float = 1.0


class ExpressionIndex:
    """Blendshape indices by name; a name without _L or _R means both sides where the model has two."""

    def __init__(self, names: list[str]) -> None:
        self.count = len(names)
        self._index = {name: i for i, name in enumerate(names)}

    def columns(self, name: str) -> list[int]:
        """Indices of the blendshape, or of its left and right sides."""
        if name in self._index:
            return [self._index[name]]
        return [self._index[name + "_L"], self._index[name + "_R"]]


def wander(rng: Rng, frames: int, seconds: float, channels: int = 1) -> Array:
    """Gaussian noise (frames, channels) of unit variance, smooth over about `seconds`."""
    sigma = seconds * FPS / 2
    pad = int(4 * sigma) + 1
    noise = gaussian_filter1d(rng.normal(0, 1, (frames + 2 * pad, channels)), sigma, axis=0)[pad : pad + frames]
    return (noise * np.sqrt(2 * np.sqrt(np.pi) * sigma)).astype(np.float32)


def blink_curve(rng: Rng, frames: int, rate: float) -> Array:
    """Lid closure (frames,) 0..1: about `rate` blinks a second, 80 ms to close, 40 ms closed, 160 ms to open."""
    curve = np.zeros(frames, np.float32)
    time = np.arange(frames) / FPS
    moment = -rng.exponential(1 / max(rate, 1e-6))
    while moment < frames / FPS:
        moment += 0.25 + rng.exponential(1 / max(rate, 1e-6))
        slow = rng.uniform(0.8, 1.6)
        close = np.interp(time - moment, np.array([0, 0.08, 0.12, 0.28]) * slow, [0, 1, 1, 0])
        curve = np.maximum(curve, close * rng.uniform(0.85, 1.0)).astype(np.float32)
        if rng.random() < 0.15:
            moment -= 0.2  # double blink
    return curve


def saccades(rng: Rng, frames: int, strength: float) -> Array:
    """Gaze (frames, 2) yaw and pitch in radians: fixations of 0.2–2 s joined by jumps of about 50 ms."""
    gaze = np.zeros((frames, 2), np.float32)
    fixation = np.zeros(2)
    frame = 0
    while frame < frames:
        gaze[frame:] = fixation
        frame += int(FPS * (0.2 + rng.exponential(0.8)))
        fixation = np.zeros(2) if rng.random() < 0.4 else rng.normal(0, [0.22, 0.12])
    return np.clip(gaussian_filter1d(gaze, 0.6, axis=0) * strength, -0.55, 0.55).astype(np.float32)


def speech(rng: Rng, frames: int, names: ExpressionIndex, strength: float) -> Array:
    """Blendshape weights (frames, count) of speech: syllables at 3–6 Hz in phrases with pauses."""
    out = np.zeros((frames, names.count), np.float32)
    if strength <= 0:
        return out
    frame = 0 if rng.random() < 0.7 else int(rng.integers(0, 20))
    while frame < frames:
        for _ in range(rng.integers(3, 14)):
            length = max(2, int(FPS / rng.uniform(3, 6)))
            amplitude = strength * rng.uniform(0.35, 1.25)
            for name, weight in VISEMES[rng.integers(len(VISEMES))].items():
                out[max(0, frame) : frame + length, names.columns(name)] = weight * amplitude
            frame += length
        frame += int(rng.exponential(0.5) * FPS)
    return np.clip(gaussian_filter1d(out, 1.3, axis=0), 0, 1).astype(np.float32)


def _slow_expressions(rng: Rng, frames: int, names: ExpressionIndex, strength: float) -> Array:
    """Blendshape weights (frames, count) of slow expressions: smiles, frowns, brows, cheeks, some on one side."""
    out = np.zeros((frames, names.count), np.float32)
    groups = [
        ({"mouthSmile": 0.8, "cheekSquint": 0.5, "cheekRaiser": 0.4}, 0.35),
        ({"mouthFrown": 0.6}, 0.08),
        ({"browInnerUp": 0.8, "browOuterUp": 0.7}, 0.3),
        ({"browDown": 0.8}, 0.25),
        ({"mouthPucker": 0.9}, 0.12),
        ({"cheekPuff": 0.8}, 0.06),
        ({"eyeSquint": 0.7}, 0.15),
        ({"eyeWide": 0.8}, 0.15),
        ({"noseSneer": 0.6}, 0.08),
        ({"mouthDimple": 0.6}, 0.1),
        ({"jawLeft": 0.5}, 0.05),
        ({"jawRight": 0.5}, 0.05),
        ({"jawForward": 0.5}, 0.05),
        ({"mouthLeft": 0.6}, 0.06),
        ({"mouthRight": 0.6}, 0.06),
        ({"mouthPress": 0.6}, 0.08),
        ({"mouthShrugLower": 0.6}, 0.06),
        ({"jawOpen": 0.8}, 0.1),
        ({"mouthUpperUp": 0.7, "mouthLowerDown": 0.6}, 0.08),
        ({"mouthSmile": 0.9, "mouthUpperUp": 0.45, "mouthLowerDown": 0.45, "cheekSquint": 0.4, "jawOpen": 0.08}, 0.25),
    ]
    for weights, chance in groups:
        if rng.random() > min(1.0, chance * 1.3):
            continue
        curve = np.clip(wander(rng, frames, rng.uniform(0.3, 1.2))[:, 0] * 0.6 + rng.uniform(-0.3, 0.5), 0, 1)
        side = rng.choice([0, 1, 2], p=[0.75, 0.125, 0.125])
        for name, weight in weights.items():
            columns = names.columns(name)
            for i, column in enumerate(columns):
                one_sided = len(columns) == 2 and side != 0 and side - 1 == i
                out[:, column] += strength * weight * curve * (0.2 if one_sided else 1.0)
    return out


@dataclass(frozen=True)
class Track:
    """Motion over time; fields as in `Act` with a leading frame axis. arms, fingers: None = hanging arms."""

    expression: Array
    gaze: Array
    head: Array
    translation: Array
    lean: Array
    shrug: Array
    arms: Array | None = None
    fingers: Array | None = None

    def __len__(self) -> int:
        return len(self.gaze)

    def act(self, frame: int) -> Act:
        """The parameters of one frame."""
        act = Act(
            self.expression[frame], self.gaze[frame], self.head[frame], self.translation[frame], self.lean[frame],
            self.shrug[frame],
        )  # fmt: skip
        if self.arms is not None and self.fingers is not None:
            act.arms, act.fingers = self.arms[frame], self.fingers[frame]
        return act

    def select(self, chosen: slice | Ints) -> Track:
        """The track of the chosen frames."""
        arrays: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            arrays[name] = None if value is None else value[chosen]
        return Track(**arrays)


def apply_lid_gaze(expression: Array, gaze: Array, names: ExpressionIndex) -> None:
    """Set the eyeLook blendshapes of expression (frames, count) from gaze (frames, 2), in place."""
    yaw, pitch = gaze[:, 0], gaze[:, 1]
    full_weight_gaze = 0.5  # gaze at which these blendshapes have full weight, radians
    for side, sign in (("L", 1), ("R", -1)):
        weights = {"eyeLookUp": pitch, "eyeLookDown": -pitch, "eyeLookOut": sign * yaw, "eyeLookIn": -sign * yaw}
        for name, value in weights.items():
            expression[:, names.columns(f"{name}_{side}")[0]] = np.clip(value / full_weight_gaze, 0, 1)


def random_track(rng: Rng, frames: int, names: ExpressionIndex, mood: Mood | None = None) -> Track:
    """A random track of `frames` frames at 25 fps."""
    mood = mood or Mood()
    expression = speech(rng, frames, names, mood.talk) + _slow_expressions(rng, frames, names, mood.face)
    lids = blink_curve(rng, frames, 0.35 * mood.blinks) if mood.blinks > 0 else np.zeros(frames, np.float32)
    if rng.random() < 0.15 * mood.face:
        lids = np.maximum(lids, np.clip(wander(rng, frames, 0.6)[:, 0] - 0.3, 0, 1))  # eyes kept closed
    wink = rng.random() < 0.05
    gaze = saccades(rng, frames, mood.gaze)
    slow = wander(rng, frames, rng.uniform(0.4, 1.6), 3) * np.array([0.13, 0.26, 0.09], np.float32)
    fast = wander(rng, frames, 0.15, 3) * np.array([0.02, 0.02, 0.012], np.float32)
    offset = rng.normal(0, [0.06, 0.16, 0.05])
    head = (slow + fast + offset) * mood.head
    head = np.clip(head, [-0.5, -0.95, -0.5], [0.5, 0.95, 0.5]).astype(np.float32)
    gaze = np.clip(gaze - np.stack([head[:, 1], -head[:, 0]], 1) * rng.uniform(0, 0.6), -0.55, 0.55)
    apply_lid_gaze(expression, gaze, names)
    for side, column in enumerate(names.columns("eyeBlink")):
        expression[:, column] = np.maximum(expression[:, column], lids * (0.0 if wink and side == 0 else 1.0))
    # Closed lids neither widen nor squint.
    for name in ("eyeWide", "eyeSquint", "eyeLookUp", "eyeLookDown", "cheekSquint"):
        expression[:, names.columns(name)] *= 1 - lids[:, None]
    translation = wander(rng, frames, 1.0, 3) * np.array([2.0, 1.0, 2.5], np.float32) * mood.body
    lean = (wander(rng, frames, 1.2, 3) * np.array([0.03, 0.06, 0.03], np.float32) * mood.body).astype(np.float32)
    shrug = wander(rng, frames, 0.8, 2) * 0.6 * mood.body
    if rng.random() < 0.2:
        shrug = shrug + np.clip(wander(rng, frames, 0.5), 0, 2) * 2.5 * mood.body
    arms, fingers = random_gestures(rng.spawn(1)[0], frames, mood.hands)
    return Track(
        np.clip(expression, 0, 1).astype(np.float32), gaze.astype(np.float32), head, translation.astype(np.float32),
        lean, shrug.astype(np.float32), arms, fingers,
    )  # fmt: skip


def pair_tracks(rng: Rng, frames: int, names: ExpressionIndex) -> tuple[Act, Track, str]:
    """One reference act, a target track of `frames` frames, and the kind of their difference.

    still (15 %): identical or nearly so. small (45 %): the next seconds of a calm speaker. large (40 %): an unrelated
    moment, often against a reference with closed mouth and open eyes.
    """
    kind = str(rng.choice(list(KINDS), p=[0.15, 0.45, 0.40]))
    if kind == "large":
        calm = rng.random() < 0.6
        first_mood = Mood(0, 0.4, 0.9, 0.6, 1, 0, 0.1) if calm else Mood(1, 1, 0.9, 0.6, 1, 1)
        first = random_track(rng, 2, names, first_mood)
        track = random_track(rng, frames, names, Mood(rng.uniform(0.4, 1.3), 1.2, 1.4, 1.2, 1.2, 3.0))
        return first.act(0), track, kind
    gap = 0 if kind == "still" else int(rng.integers(2, 40))
    head = rng.uniform(0.2, 0.8)
    mood = Mood(rng.uniform(0.3, 1.0), rng.uniform(0.3, 1), head, rng.uniform(0.4, 1), rng.uniform(0.1, 0.6), 1.5,
                rng.uniform(0.1, 1.0))  # fmt: skip
    whole = random_track(rng, frames + gap, names, mood)
    track = whole.select(slice(gap, None))
    if kind == "still" and rng.random() < 0.5:
        # Every frame is the reference: the network has to learn the identity.
        track = whole.select(np.zeros(frames, np.int32))
    return whole.act(0), track, kind

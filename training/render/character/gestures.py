"""Random gestures of arms and hands before a webcam: resting, explaining, waving, touching the face, crossed arms.

An arm is 12 numbers, the directions of upper arm, forearm, hand and palm normal, each (x outwards from the body, y up,
z forward). A hand is 6 numbers, the bend of thumb to little finger (0 = straight, 1 = fist) and their spread.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from training.render.arrays import Array
from training.render.character.noise import Rng

FPS = 25.0  # of all rendered motion
ArmPose = tuple[list[float], list[float]]
POSES: dict[str, ArmPose] = {
    "hang": ([0.2, -1, 0.02, 0.1, -1, 0.2, 0.02, -1, 0.1, -1, 0, -0.15], [0.2, 0.25, 0.3, 0.32, 0.35, 0.3]),
    "lap": ([0.25, -1, 0.15, -0.3, -0.5, 0.8, -0.3, -0.4, 0.85, 0, -0.9, -0.4], [0.2, 0.3, 0.35, 0.35, 0.35, 0.2]),
    "desk": ([0.3, -0.9, 0.35, -0.25, -0.1, 1, -0.05, -0.2, 1, 0, -1, -0.1], [0.2, 0.3, 0.35, 0.35, 0.35, 0.4]),
    "folded": ([0.3, -0.95, 0.3, -0.75, 0.05, 0.65, -0.95, 0.05, 0.3, 0.1, -0.6, -0.8], [0.2, 0.35, 0.4, 0.4, 0.4, 0]),
    "open": ([0.35, -0.9, 0.25, 0.15, 0.4, 0.9, 0.15, 0.4, 0.85, -0.6, 0.75, 0.1], [0.1, 0.1, 0.15, 0.2, 0.2, 0.6]),
    "explain": ([0.3, -0.9, 0.35, -0.15, 0.55, 0.8, -0.2, 0.7, 0.6, -0.9, 0, -0.3], [0.2, 0.2, 0.25, 0.3, 0.35, 0.5]),
    "wave": ([0.6, -0.7, 0.2, 0.2, 0.95, 0.25, 0.1, 1, 0.05, -0.1, 0, 1], [0.1, 0.05, 0.05, 0.05, 0.08, 0.8]),
    "high": ([0.9, 0, 0.25, 0.1, 1, 0.15, 0.05, 1, 0, -0.1, 0, 1], [0.1, 0.05, 0.05, 0.05, 0.08, 0.9]),
    "chin": ([0.2, -0.75, 0.6, -0.5, 0.83, -0.1, -0.35, 0.85, -0.1, -0.4, 0.1, -0.9], [0.4, 0.5, 0.6, 0.65, 0.7, 0]),
    "cheek": ([0.3, -0.65, 0.7, -0.33, 0.9, -0.2, -0.1, 0.95, -0.25, -0.9, 0, -0.35], [0.2, 0.15, 0.2, 0.25, 0.3, 0.3]),
    "brow": (
        [0.55, -0.15, 0.8, -0.65, 0.7, -0.2, -0.85, 0.45, -0.2, -0.2, -0.3, -0.9],
        [0.3, 0.2, 0.3, 0.35, 0.4, 0.1],
    ),
    "ear": ([0.7, -0.4, 0.6, -0.4, 0.9, -0.4, -0.4, 0.8, -0.4, -0.8, 0, -0.4], [0.3, 0.3, 0.35, 0.4, 0.4, 0.2]),
    "crossed": ([0.25, -0.95, 0.25, -0.9, 0.02, 0.4, -1, 0.15, 0.05, 0, -0.2, -1], [0.2, 0.3, 0.35, 0.35, 0.35, 0.1]),
    "hip": ([0.75, -0.75, -0.2, -0.6, -0.75, 0.4, -0.5, -0.6, 0.6, -0.7, 0.2, -0.5], [0.1, 0.4, 0.4, 0.45, 0.5, 0.2]),
    "point": ([0.3, -0.75, 0.55, 0, 0.25, 1, 0, 0.25, 1, -1, 0, 0], [0.6, 0, 0.9, 1, 1, 0]),
    "thumb": ([0.3, -0.85, 0.4, -0.1, 0.5, 0.9, -0.2, 0.35, 0.9, -1, 0, -0.15], [-0.3, 1, 1, 1, 1, 0]),
    "peace": ([0.45, -0.8, 0.4, 0.05, 0.95, 0.3, 0, 1, 0.05, -0.1, 0, 1], [0.9, 0, 0, 1, 1, 1.2]),
    "fist": ([0.4, -0.85, 0.4, 0, 0.7, 0.75, 0, 0.75, 0.7, -1, 0, 0], [0.9, 1, 1, 1, 1, 0]),
}
REST_POSES = ("hang", "lap", "desk", "folded", "crossed", "hip")
GESTURES = (
    "open", "explain", "open", "explain", "wave", "high", "chin", "cheek", "brow", "ear", "point", "thumb", "peace",
    "fist",
)  # fmt: skip
REST_ARMS = np.array([POSES["hang"][0]] * 2, np.float32)
REST_FINGERS = np.array([POSES["hang"][1]] * 2, np.float32)


def _schedule(rng: Rng, frames: int, lively: float, rest: str) -> list[tuple[float, str]]:
    """Start times, seconds, and names of poses: rests of a few seconds, then some gestures in a row."""
    schedule, time = [(-9.0, rest)], rng.uniform(-2, 4 / (0.2 + lively))
    while time < frames / FPS:
        for _ in range(rng.integers(1, 4)):
            schedule.append((time, str(rng.choice(GESTURES))))
            time += rng.uniform(0.5, 2.5)
        schedule.append((time, rest))
        time += rng.exponential(3.0 / (0.15 + lively)) + 0.5
    return schedule


def _interpolate(schedule: list[tuple[float, str]], frames: int, rng: Rng) -> tuple[Array, Array]:
    """Poses joined by minimum-jerk transitions of 0.3–0.8 s: arm (frames, 12), fingers (frames, 6)."""
    time = np.arange(frames) / FPS
    arm = np.tile(np.array(POSES[schedule[0][1]][0]), (frames, 1))
    fingers = np.tile(np.array(POSES[schedule[0][1]][1]), (frames, 1))
    for begin, name in schedule[1:]:
        t = np.clip((time - begin) / rng.uniform(0.3, 0.8), 0, 1)[:, None]
        ease = t**3 * (10 - 15 * t + 6 * t * t)  # minimum jerk (Flash and Hogan 1985)
        target = np.array(POSES[name][0]) + rng.normal(0, 0.07, 12)
        if name in ("wave", "high"):
            swing = np.sin(6.28 * rng.uniform(1.2, 2.5) * time) * rng.uniform(0.15, 0.45)
            target = target + np.outer(swing, [0.1, 0, 0, 1, 0, 0, 1.3, 0, 0, 0, 0, 0])
        arm = arm + (target - arm) * ease
        fingers = fingers + (np.array(POSES[name][1]) + rng.normal(0, 0.04, 6) - fingers) * ease
    return arm, fingers


def random_gestures(rng: Rng, frames: int, lively: float) -> tuple[Array, Array]:
    """Arms (frames, 2, 12) and fingers (frames, 2, 6), left before right.

    lively: 0 = mostly resting, 1 = as a speaker.
    """
    rest = str(rng.choice(REST_POSES, p=[0.4, 0.15, 0.2, 0.1, 0.08, 0.07]))
    schedule = _schedule(rng, frames, lively, rest)
    together = rng.random() < 0.35
    arms, fingers = np.zeros((frames, 2, 12)), np.zeros((frames, 2, 6))
    leader = int(rng.integers(2))
    for side in range(2):
        own = schedule
        if not together and side != leader:
            own = _schedule(rng, frames, 0.3 * lively, rest) if rng.random() < 0.5 else schedule[:1]
        arms[:, side], fingers[:, side] = _interpolate(own, frames, rng)
        if rest == "crossed" and side == leader:
            arms[:, side, 5] += 0.2  # one forearm above the other
            arms[:, side, 4] += 0.12
    drift = gaussian_filter1d(rng.normal(0, 1, (frames + 80, 2, 18)), 8, axis=0)[40 : 40 + frames] * 0.15
    return (arms + drift[..., :12]).astype(np.float32), (fingers + 0.6 * drift[..., 12:]).astype(np.float32)

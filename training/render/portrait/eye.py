"""Living eyes: sclera, iris and pupil of an eyeball by the angle from its gaze, and the reflections on the cornea."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.arrays import Array
from training.render.character.noise import value_noise
from training.render.portrait.skin import linear


@dataclass(frozen=True)
class EyeLook:
    """The look of the eyes; colours are sRGB 0..255.

    iris, inner: colours of the iris and of the ring around the pupil. angle: from the gaze to the edge of the iris,
    radians. pupil: against the iris. sclera: colour of the white. glow: light at the lower half of the iris.
    catchlight: strength of the reflections. blank: as sculptors leave it, without colour.
    """

    iris: tuple[int, int, int]
    inner: tuple[int, int, int]
    angle: float = 0.5
    pupil: float = 0.40
    sclera: tuple[int, int, int] = (236, 230, 226)
    glow: float = 0.5
    catchlight: float = 1.0
    blank: bool = False


def paint_eye(look: EyeLook, direction: Array, gaze: Array) -> tuple[Array, Array]:
    """Linear RGB (N, 3) of the eyeball in unit directions (N, 3) from its centre, and its reflections (N,) 0..1.

    gaze (3,): unit direction in which the eye looks.
    """
    side = np.cross(np.array([0, 1, 0], np.float32), gaze)
    side /= np.linalg.norm(side)
    up = np.cross(gaze, side)
    across, above = direction @ side, direction @ up
    angle = np.arctan2(np.hypot(across, above), direction @ gaze)
    polar = np.arctan2(above, across)
    inner = angle / look.angle
    fibre = value_noise(np.stack([np.cos(polar) * 11, np.sin(polar) * 11, inner * 1.3], 1), 41, 3, 0.65)
    coarse = value_noise(np.stack([np.cos(polar) * 3.5, np.sin(polar) * 3.5, inner * 0.6], 1), 42, 2)
    ring = np.clip((inner - look.pupil) / (1 - look.pupil), 0, 1)
    share = np.clip(1.15 - 1.9 * ring + 0.35 * coarse, 0, 1)[:, None]
    iris = linear(look.iris) + (linear(look.inner) - linear(look.iris)) * share
    iris = iris * (1 + 0.42 * fibre[:, None])
    height = above / np.sin(look.angle)
    iris = iris * (0.72 + look.glow * np.clip(0.25 - height, 0, 1.1))[:, None] * 1.25
    iris = iris * (1 - 0.80 * np.clip((inner - 0.80) / 0.22, 0, 1) ** 1.5)[:, None]
    pupil = np.clip((look.pupil - inner) / 0.07 + 0.5, 0, 1)[:, None]
    iris = iris * (1 - pupil) + 0.004 * pupil
    white = np.broadcast_to(linear(look.sclera), iris.shape).copy()
    corner = np.clip((angle - 0.75) / 0.5, 0, 1)[:, None]
    white *= 1 - corner * np.array([0.08, 0.28, 0.26], np.float32)
    edge = np.clip((1 - inner) / 0.10 + 0.5, 0, 1)[:, None]
    edge = edge * edge * (3 - 2 * edge)
    colour = white + (iris - white) * edge
    if look.blank:
        line = np.exp(-(((inner - 1) / 0.06) ** 2)) + 1.4 * np.exp(-((inner / 0.30) ** 4))
        colour = np.broadcast_to(linear(look.sclera), iris.shape) * (1 - 0.45 * np.clip(line, 0, 1))[:, None]
    # A soft box above on one side and its faint answer below on the other.
    u, v = across / np.sin(look.angle), above / np.sin(look.angle)
    box = np.maximum(np.abs((u + 0.34) / 0.25), np.abs((v - 0.40) / 0.24))
    round_box = (np.abs((u + 0.34) / 0.25) ** 3 + np.abs((v - 0.40) / 0.24) ** 3) ** (1 / 3)
    light = np.clip((1.0 - 0.5 * box - 0.5 * round_box) / 0.16 + 0.5, 0, 1)
    low = 0.35 * np.clip((1 - np.hypot((u - 0.36) / 0.22, (v + 0.42) / 0.15)) / 0.5, 0, 1)
    reflection = look.catchlight * np.clip(light + low, 0, 1)
    return np.clip(colour, 0, 1).astype(np.float32), reflection.astype(np.float32)

"""What the samples of a portrait are made of: colour, gloss and relief of skin, eyes, cloth and stone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.render.arrays import Array
from training.render.character.facekit import Facekit
from training.render.character.noise import value_noise
from training.render.character.parts import smoothstep
from training.render.portrait.eye import paint_eye
from training.render.portrait.garment import CLOTH, COLLAR, EYE, FACE, SOCKET
from training.render.portrait.groom import forehead_line
from training.render.portrait.sitter import Sitter
from training.render.portrait.skin import linear, paint_skin
from training.render.portrait.surface import SurfaceSamples


def relief(samples: SurfaceSamples, sitter: Sitter) -> Array:
    """Normals (N, 3) of samples, roughened by pores and knit."""
    out, base, kind = samples.normal.copy(), samples.base, samples.kind
    face = kind == FACE
    if sitter.skin.pores > 0:
        points = base[face]
        for axis in range(3):
            out[face, axis] += sitter.skin.pores * value_noise(points * 13.0, 61 + axis, 2, 0.8)
            out[face, axis] += 0.6 * sitter.skin.pores * value_noise(points * 4.0, 64 + axis, 2)
    cloth = np.isin(kind, (CLOTH, COLLAR))
    if sitter.cloth.knit > 0:
        across = base[cloth, 0]
        ribs = np.where(kind[cloth] == COLLAR, np.cos(across * 9.0), 0.45 * np.cos(across * 6.0))
        grain = value_noise(base[cloth] * np.array([14, 14, 14], np.float32), 71, 2)
        out[cloth, 0] += sitter.cloth.knit * (0.5 * ribs + 0.3 * grain)
        out[cloth, 1] += sitter.cloth.knit * 0.3 * value_noise(base[cloth] * 14, 72, 2)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


@dataclass(frozen=True)
class Materials:
    """Of N samples: linear RGB (N, 3), strength of the highlights (N,) 0..1, and their exponent (N,)."""

    albedo: Array
    gloss: Array
    shine: Array


def materials(kit: Facekit, sitter: Sitter, samples: SurfaceSamples, gaze: Array) -> Materials:
    """The materials of samples; gaze (3,): unit direction in which the eyes look."""
    kind, base = samples.kind, samples.base
    albedo = np.full(base.shape, 0.2, np.float32)
    gloss, shine = np.zeros(len(base), np.float32), np.full(len(base), 20.0, np.float32)
    face = kind == FACE
    albedo[face], gloss[face] = paint_skin(kit, sitter.skin, base[face])
    if not sitter.stone:
        scalp = 0.85 * smoothstep(0.1, 1.6, forehead_line(base[face], sitter.hair[0].rise))[:, None]
        albedo[face] += (sitter.hair_look.root * 0.4 - albedo[face]) * scalp
    inside = ~np.isin(kind, (FACE, EYE, CLOTH, COLLAR))
    albedo[inside] = linear(sitter.skin.tone) * (np.array([0.75, 0.45, 0.42], np.float32) if not sitter.stone else 1)
    for what, dye in ((CLOTH, sitter.cloth.colour), (COLLAR, sitter.cloth.collar)):
        chosen = kind == what
        grain = 1 + 0.12 * sitter.cloth.knit * value_noise(base[chosen] * 8, 73, 3)
        albedo[chosen] = linear(dye) * grain[:, None]
    if sitter.stone:
        stone = np.isin(kind, (FACE, CLOTH, COLLAR, SOCKET))
        albedo[stone] = _marble(linear(sitter.skin.tone), samples.position[stone])
        gloss[stone], shine[stone] = sitter.skin.gloss, 60.0
    eyes = kind == EYE
    colour, reflection = paint_eye(sitter.eyes, base[eyes], gaze)
    albedo[eyes] = colour + 3.0 * reflection[:, None]
    gloss[eyes], shine[eyes] = 0.25, 300.0
    return Materials(albedo, gloss, shine)


def _marble(tone: Array, points: Array) -> Array:
    """Linear RGB (N, 3) of marble of a tone (3,) at points (N, 3), cm: faint clouds and dark veins."""
    vein = value_noise(points * 0.35 + 2.2 * value_noise(points * 0.12, 81, 3)[:, None], 82, 4)
    line = np.exp(-((vein / 0.05) ** 2)) * np.clip(0.5 + value_noise(points * 0.2, 83, 2), 0, 1)
    cloud = 1 + 0.05 * value_noise(points * 0.5, 84, 4)
    return tone * cloud[:, None] * (1 - 0.16 * line[:, None] * np.array([1, 0.95, 0.85], np.float32))

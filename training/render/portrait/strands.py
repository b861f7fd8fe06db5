"""Draws strands of hair: their light at each point, and thin ribbons into a supersampled picture with depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.compile import compile_cached
from training.render.arrays import Array
from training.render.portrait.groom import Strands
from training.render.portrait.volume import HairVolume


@dataclass(frozen=True)
class Lamp:
    """A light from far away: unit direction towards it (3,), its linear RGB (3,), and the radius of its soft shadow."""

    direction: Array
    colour: Array
    softness: float = 0.2


@dataclass(frozen=True)
class HairLook:
    """The optical look of hair.

    root, tip: linear RGB (3,) of the colour. gloss: strength of the white and of the coloured highlight. shine: their
    exponents. form: 0 = lit as single strands, 1 = lit as a solid surface. ambient: strength of the light of the sky.
    """

    root: Array
    tip: Array
    gloss: tuple[float, float] = (0.25, 0.5)
    shine: tuple[float, float] = (90.0, 22.0)
    form: float = 0.45
    ambient: float = 1.0
    edges: float = 0.35
    glow: float = 0.9


def hair_light(
    strands: Strands, volume: HairVolume, look: HairLook, lamps: list[Lamp], sky: Array, eye: Array
) -> Array:
    """Linear RGB (N, K, 3) of strands: Kajiya and Kay (1989) with the two highlights of Marschner et al. (2003).

    sky (2, 3): light from below and from above. eye (3,): position of the camera, cm.
    """
    points = strands.points
    flat = points.reshape(-1, 3)
    tangent = np.gradient(points, axis=1)
    tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-6
    view = eye - points
    view /= np.linalg.norm(view, axis=2, keepdims=True)
    shape = points.shape[:2]
    normal = volume.normal(flat).reshape(points.shape)
    along = np.linspace(0, 1, shape[1])[None, :, None]
    colour = (look.root + (look.tip - look.root) * along) * strands.tint[:, None, None]
    up = 0.5 + 0.5 * normal[..., 1:2]
    open_sky = volume.ambient(flat).reshape(*shape, 1)
    out = colour * (sky[0] + (sky[1] - sky[0]) * up) * open_sky * look.ambient
    sine_view = np.sqrt(np.clip(1 - (tangent * view).sum(2) ** 2, 0, 1))
    cosine_view = (tangent * view).sum(2)
    for lamp in lamps:
        light = volume.light(flat, lamp.direction).reshape(*shape, 1)
        cosine = tangent @ lamp.direction
        sine = np.sqrt(np.clip(1 - cosine**2, 0, 1))
        facing = np.clip((normal @ lamp.direction + 0.25) / 1.25, 0, 1)
        diffuse = (1 - look.form) * sine * (0.35 + 0.65 * facing) + look.form * facing
        # Highlights towards the root (from the cuticle) and towards the tip (through the strand).
        half = np.stack([cosine - 0.08, cosine + 0.12])
        lobe = np.clip(sine * sine_view - half * cosine_view, 0, 1)
        behind = np.clip(1 - facing, 0, 1) * np.clip(-view[..., 2] * lamp.direction[2], 0, 1)
        white = look.gloss[0] * lobe[0] ** look.shine[0] * (0.2 + 0.8 * facing)
        tinted = look.gloss[1] * lobe[1] ** look.shine[1] * (0.3 + 0.7 * facing) + look.glow * behind
        out = out + light * lamp.colour * (colour * (diffuse + tinted * 2.2)[..., None] + 0.5 * white[..., None])
    return out.astype(np.float32)


@compile_cached(error_model="numpy")
def _draw(screen, radius, colour, shade_edges, inverse_depth, canvas, covered):  # type: ignore[no-untyped-def]
    height, width = inverse_depth.shape
    for n in range(screen.shape[0]):
        for k in range(screen.shape[1] - 1):
            ax, ay, az = screen[n, k, 0], screen[n, k, 1], screen[n, k, 2]
            bx, by, bz = screen[n, k + 1, 0], screen[n, k + 1, 1], screen[n, k + 1, 2]
            ra, rb = radius[n, k], radius[n, k + 1]
            reach = max(ra, rb, 0.5)
            left, right = int(min(ax, bx) - reach), int(max(ax, bx) + reach) + 1
            top, bottom = int(min(ay, by) - reach), int(max(ay, by) + reach) + 1
            if right < 0 or bottom < 0 or left >= width or top >= height:
                continue
            dx, dy = bx - ax, by - ay
            squared = dx * dx + dy * dy + 1e-9
            length = np.sqrt(squared)
            for y in range(max(top, 0), min(bottom + 1, height)):
                for x in range(max(left, 0), min(right + 1, width)):
                    px, py = x + 0.5 - ax, y + 0.5 - ay
                    t = min(max((px * dx + py * dy) / squared, 0.0), 1.0)
                    gx, gy = px - t * dx, py - t * dy
                    r = max(ra + (rb - ra) * t, 0.5)
                    gap = np.sqrt(gx * gx + gy * gy)
                    if gap > r:
                        continue
                    depth = az + (bz - az) * t
                    if depth <= inverse_depth[y, x]:
                        continue
                    across = (px * dy - py * dx) / length / r
                    inverse_depth[y, x] = depth
                    covered[y, x] = 1
                    edge = 1 - shade_edges * across * across
                    for c in range(3):
                        canvas[y, x, c] = (colour[n, k, c] + (colour[n, k + 1, c] - colour[n, k, c]) * t) * edge


def draw_strands(
    screen: Array,
    radius: Array,
    colour: Array,
    inverse_depth: Array,
    canvas: Array,
    covered: NDArray[np.uint8],
    edges: float,
) -> None:
    """Draw strands into canvas (H, W, 3), inverse_depth and covered (H, W) uint8, in place.

    screen (N, K, 3): screen points of `Camera.screen`. radius (N, K): samples. colour (N, K, 3). edges: how much darker
    a strand is at its sides.
    """
    _draw(screen, radius, colour, np.array(edges, np.float32), inverse_depth, canvas, covered)

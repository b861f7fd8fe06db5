"""Colours of the samples that show a mesh: texture, wrapped diffuse light, highlights, cel shading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from training.render.arrays import Array, Ints
from training.render.raster.raster import Hits, normals

# Compiled loops stay in single precision with these.
ZERO, HALF, ONE, THIRD, BYTE, TINY = (np.float32(x) for x in (0, 0.5, 1, 0.33, 1 / 255, 1e-18))


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _shade(  # type: ignore[no-untyped-def]  # noqa: PLR0915
    triangle, weights, faces, vertices, vertex_normals, dark, corner_uv, uv, texture, material, table, eye,
    lights, ambient, steps, out,
):  # fmt: skip
    height, width = triangle.shape
    tall, wide = np.float32(texture.shape[0] - 1.001), np.float32(texture.shape[1] - 1.001)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                continue
            u, v = weights[y, x, 0], weights[y, x, 1]
            w = ONE - u - v
            a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
            i, j, k = corner_uv[t, 0], corner_uv[t, 1], corner_uv[t, 2]
            tx = min(max(u * uv[i, 0] + v * uv[j, 0] + w * uv[k, 0] - HALF, ZERO), wide)
            ty = min(max(u * uv[i, 1] + v * uv[j, 1] + w * uv[k, 1] - HALF, ZERO), tall)
            x0, y0 = int(tx), int(ty)
            fx, fy = tx - np.float32(x0), ty - np.float32(y0)
            nx = u * vertex_normals[a, 0] + v * vertex_normals[b, 0] + w * vertex_normals[c, 0]
            ny = u * vertex_normals[a, 1] + v * vertex_normals[b, 1] + w * vertex_normals[c, 1]
            nz = u * vertex_normals[a, 2] + v * vertex_normals[b, 2] + w * vertex_normals[c, 2]
            ex = eye[0] - (u * vertices[a, 0] + v * vertices[b, 0] + w * vertices[c, 0])
            ey = eye[1] - (u * vertices[a, 1] + v * vertices[b, 1] + w * vertices[c, 1])
            ez = eye[2] - (u * vertices[a, 2] + v * vertices[b, 2] + w * vertices[c, 2])
            length = ONE / np.sqrt(nx * nx + ny * ny + nz * nz + TINY)
            if nx * ex + ny * ey + nz * ez < 0:
                length = -length
            nx, ny, nz = nx * length, ny * length, nz * length
            m = material[t]
            shading, gloss, power, wrap = table[m, 0], table[m, 1], table[m, 2], table[m, 3]
            unwrap = ONE / (ONE + wrap)
            shadow = u * dark[a] + v * dark[b] + w * dark[c]
            high = ZERO
            up = HALF + HALF * ny
            lr = ambient[0] + (ambient[3] - ambient[0]) * up
            lg = ambient[1] + (ambient[4] - ambient[1]) * up
            lb = ambient[2] + (ambient[5] - ambient[2]) * up
            if gloss > 0:
                length = ONE / np.sqrt(ex * ex + ey * ey + ez * ez)
                ex, ey, ez = ex * length, ey * length, ez * length
            for n in range(lights.shape[0]):
                dx, dy, dz = lights[n, 0], lights[n, 1], lights[n, 2]
                d = max((nx * dx + ny * dy + nz * dz + wrap) * unwrap, ZERO)
                if steps > 0:
                    # Cel shading: round up to a few levels with a narrow ramp between them.
                    level = d * np.float32(steps)
                    base = np.floor(level)
                    d = (base + min(ONE, (level - base) * np.float32(12))) / np.float32(steps)
                lr += d * lights[n, 3]
                lg += d * lights[n, 4]
                lb += d * lights[n, 5]
                if gloss > 0:
                    hx, hy, hz = dx + ex, dy + ey, dz + ez
                    s = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz + TINY)
                    # A highlight is nothing where its base is small: the power is dear.
                    if s > 0.6:
                        s = np.exp(power * np.log(s))
                        if steps > 0:
                            s = ONE if s > HALF else ZERO
                        high += gloss * s * (lights[n, 3] + lights[n, 4] + lights[n, 5]) * THIRD
            gx, gy = ONE - fx, ONE - fy
            k0, k1, k2, k3 = gx * gy * BYTE, fx * gy * BYTE, gx * fy * BYTE, fx * fy * BYTE
            for ch in range(3):
                albedo = (
                    k0 * texture[y0, x0, ch] + k1 * texture[y0, x0 + 1, ch]
                    + k2 * texture[y0 + 1, x0, ch] + k3 * texture[y0 + 1, x0 + 1, ch]
                )  # fmt: skip
                light = lr if ch == 0 else (lg if ch == 1 else lb)
                light = ONE + shading * (light - ONE)
                out[y, x, ch] = max(ZERO, albedo * light + high) * shadow


@dataclass(frozen=True)
class Surface:
    """How a mesh looks: everything `shade` needs besides positions."""

    faces: Ints  # (F, 3)
    corner_uv: Ints  # (F, 3) index into uv
    uv: Array  # (U, 2) pixels of the texture
    texture: NDArray[np.uint8]  # (h, w, 3)
    material: Ints  # (F,) index into table
    table: Array  # (M, 4): shading 0..1, gloss, its power, wrap of the diffuse light
    steps: int  # 0 = smooth, n = cel shading with n levels


@dataclass(frozen=True)
class Light:
    """lights (n, 6): unit direction towards the light, then its colour; ambient (6): colour from below, from above."""

    lights: Array
    ambient: Array


def shade(hits: Hits, surface: Surface, vertices: Array, dark: Array, eye: Array, light: Light, canvas: Array) -> None:
    """Paint the hit pixels into canvas (H, W, 3), RGB, nominally 0..1, in place.

    vertices (V, 3) world, cm; dark (V,) 0..1 multiplies the result (occlusion); eye (3,) camera position.
    """
    _shade(
        hits.triangle, hits.weights, surface.faces, vertices, normals(vertices, surface.faces), dark,
        surface.corner_uv, surface.uv, surface.texture, surface.material, surface.table,
        eye.astype(np.float32), light.lights, light.ambient, surface.steps, canvas,
    )  # fmt: skip

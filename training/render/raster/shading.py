"""Colours of the samples that show a mesh: texture, wrapped diffuse light, highlights, cel shading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.compile import compile_cached
from training.render.arrays import Array, Ints
from training.render.raster.raster import Hits, normals

# Compiled loops stay in single precision with these.
ZERO, HALF, ONE, THIRD, BYTE, TINY = (np.float32(x) for x in (0, 0.5, 1, 0.33, 1 / 255, 1e-18))


@compile_cached(fastmath=True, error_model="numpy")
def _shade(  # type: ignore[no-untyped-def]  # noqa: PLR0915
    triangle, weights, faces, vertices, vertex_normals, brightness, corner_uv, uv, texture, material, materials, eye,
    lights, ambient, cel_levels, out,
):  # fmt: skip
    height, width = triangle.shape
    max_y, max_x = np.float32(texture.shape[0] - 1.001), np.float32(texture.shape[1] - 1.001)
    for y in range(height):
        for x in range(width):
            face = triangle[y, x]
            if face < 0:
                continue
            u, v = weights[y, x, 0], weights[y, x, 1]
            w = ONE - u - v
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            i, j, k = corner_uv[face, 0], corner_uv[face, 1], corner_uv[face, 2]
            tx = min(max(u * uv[i, 0] + v * uv[j, 0] + w * uv[k, 0] - HALF, ZERO), max_x)
            ty = min(max(u * uv[i, 1] + v * uv[j, 1] + w * uv[k, 1] - HALF, ZERO), max_y)
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
            m = material[face]
            shading, gloss, power, wrap = materials[m, 0], materials[m, 1], materials[m, 2], materials[m, 3]
            unwrap = ONE / (ONE + wrap)
            shade_factor = u * brightness[a] + v * brightness[b] + w * brightness[c]
            highlight = ZERO
            up = HALF + HALF * ny
            lr = ambient[0] + (ambient[3] - ambient[0]) * up
            lg = ambient[1] + (ambient[4] - ambient[1]) * up
            lb = ambient[2] + (ambient[5] - ambient[2]) * up
            if gloss > 0:
                length = ONE / np.sqrt(ex * ex + ey * ey + ez * ez)
                ex, ey, ez = ex * length, ey * length, ez * length
            for n in range(lights.shape[0]):
                dx, dy, dz = lights[n, 0], lights[n, 1], lights[n, 2]
                diffuse = max((nx * dx + ny * dy + nz * dz + wrap) * unwrap, ZERO)
                if cel_levels > 0:
                    # Cel shading: round up to a few levels with a narrow ramp between them.
                    level = diffuse * np.float32(cel_levels)
                    floor = np.floor(level)
                    diffuse = (floor + min(ONE, (level - floor) * np.float32(12))) / np.float32(cel_levels)
                lr += diffuse * lights[n, 3]
                lg += diffuse * lights[n, 4]
                lb += diffuse * lights[n, 5]
                if gloss > 0:
                    hx, hy, hz = dx + ex, dy + ey, dz + ez
                    specular = (nx * hx + ny * hy + nz * hz) / np.sqrt(hx * hx + hy * hy + hz * hz + TINY)
                    # Below 0.6 the power is negligible and not worth its cost.
                    if specular > 0.6:
                        specular = np.exp(power * np.log(specular))
                        if cel_levels > 0:
                            specular = ONE if specular > HALF else ZERO
                        highlight += gloss * specular * (lights[n, 3] + lights[n, 4] + lights[n, 5]) * THIRD
            gx, gy = ONE - fx, ONE - fy
            k0, k1, k2, k3 = gx * gy * BYTE, fx * gy * BYTE, gx * fy * BYTE, fx * fy * BYTE
            for ch in range(3):
                albedo = (
                    k0 * texture[y0, x0, ch] + k1 * texture[y0, x0 + 1, ch]
                    + k2 * texture[y0 + 1, x0, ch] + k3 * texture[y0 + 1, x0 + 1, ch]
                )  # fmt: skip
                light = lr if ch == 0 else (lg if ch == 1 else lb)
                light = ONE + shading * (light - ONE)
                out[y, x, ch] = max(ZERO, albedo * light + highlight) * shade_factor


@dataclass(frozen=True)
class Surface:
    """Texture and materials of a mesh: everything that `shade` needs besides positions.

    faces: (F, 3) vertices of each triangle.
    corner_uv: (F, 3) index into uv.
    uv: (U, 2) texture coordinates, pixels of the texture.
    texture: (h, w, 3) RGB.
    material: (F,) index into materials.
    materials: (M, 4) share of the shading 0..1, gloss, its exponent, wrap of the diffuse light.
    cel_levels: 0 = smooth shading, n = cel shading with n levels.
    """

    faces: Ints
    corner_uv: Ints
    uv: Array
    texture: NDArray[np.uint8]
    material: Ints
    materials: Array
    cel_levels: int


@dataclass(frozen=True)
class Light:
    """lights (n, 6): unit direction towards the light, then its RGB; ambient (6,): RGB from below, RGB from above."""

    lights: Array
    ambient: Array


def shade(
    hits: Hits, surface: Surface, vertices: Array, brightness: Array, eye: Array, light: Light, canvas: Array
) -> None:
    """Write the colours of the covered samples into canvas (H, W, 3), RGB, nominally 0..1, in place.

    Blinn–Phong highlights (Blinn 1977) over wrapped diffuse light. vertices (V, 3): world, cm. brightness (V,): 0..1
    multiplies the result (ambient occlusion and shadows). eye (3,): position of the camera, cm.
    """
    _shade(
        hits.triangle, hits.weights, surface.faces, vertices, normals(vertices, surface.faces), brightness,
        surface.corner_uv, surface.uv, surface.texture, surface.material, surface.materials,
        eye.astype(np.float32), light.lights, light.ambient, surface.cel_levels, canvas,
    )  # fmt: skip

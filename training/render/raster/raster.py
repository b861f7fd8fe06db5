"""A z-buffer for triangle meshes on the CPU: triangle ids, barycentric weights, shading, flow.

Screen points are (x, y, inverse depth): x and y in pixels of the supersampled picture (pixel i has its centre at
i + 0.5), inverse depth in 1/cm, larger = nearer. All functions run in one thread and release the GIL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]
Ints = NDArray[np.int32]

# Compiled loops stay in single precision with these.
ZERO, HALF, ONE, THIRD, BYTE, TINY = (np.float32(x) for x in (0, 0.5, 1, 0.33, 1 / 255, 1e-18))


@dataclass(frozen=True)
class Hits:
    """What each (supersampled) pixel sees."""

    triangle: Ints  # (H, W) index into faces, -1 = background
    weights: Array  # (H, W, 2) perspective-correct weights of corners 0 and 1; corner 2 has the rest
    inverse_depth: Array  # (H, W) 1/cm, 0 = background


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _fill(points, faces, closed, triangle, weights, inverse_depth):  # type: ignore[no-untyped-def]
    height, width = triangle.shape
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ax, ay, aw = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bw = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cw = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        # Seen from outside, the corners of a face run against the clock; y points down here.
        if area == 0.0 or (area > 0.0 and t < closed):
            continue
        if aw <= 0 or bw <= 0 or cw <= 0:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        if left > right or top > bottom:
            continue
        inv = 1.0 / area
        step_u, step_v = (by - cy) * inv, (cy - ay) * inv
        step_depth = step_u * (aw - cw) + step_v * (bw - cw)
        px = left + 0.5
        for y in range(top, bottom + 1):
            py = y + 0.5
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inv
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inv
            depth = u * (aw - cw) + v * (bw - cw) + cw
            inside = False
            for x in range(left, right + 1):
                if u >= 0 and v >= 0 and u + v <= 1.0:
                    inside = True
                    if depth > inverse_depth[y, x]:
                        near = 1.0 / depth
                        inverse_depth[y, x] = depth
                        triangle[y, x] = t
                        weights[y, x, 0] = u * aw * near
                        weights[y, x, 1] = v * bw * near
                elif inside:
                    break
                u += step_u
                v += step_v
                depth += step_depth


def fill(points: Array, faces: Ints, size: int, closed: int = 0) -> Hits:
    """Rasterise a mesh.

    points (V, 3) screen points, faces (F, 3), size = side of the square (supersampled) picture in pixels. Triangles
    are two-sided but for the first `closed` ones, whose backs nobody can see; one with a corner behind the camera
    (inverse depth ≤ 0) is left out.
    """
    hits = Hits(
        np.full((size, size), -1, np.int32),
        np.zeros((size, size, 2), np.float32),
        np.zeros((size, size), np.float32),
    )
    _fill(np.ascontiguousarray(points, np.float32), faces, closed, hits.triangle, hits.weights, hits.inverse_depth)
    return hits


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _normals(vertices, faces, out):  # type: ignore[no-untyped-def]
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for v in range(out.shape[0]):
        length = np.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + 1e-12
        out[v, 0] /= length
        out[v, 1] /= length
        out[v, 2] /= length


def normals(vertices: Array, faces: Ints) -> Array:
    """Unit vertex normals (V, 3), area-weighted over the triangles of each vertex."""
    out = np.zeros_like(vertices, dtype=np.float32)
    _normals(np.ascontiguousarray(vertices, np.float32), faces, out)
    return out


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


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _flow(  # type: ignore[no-untyped-def]  # noqa: PLR0912
    triangle, weights, faces, label, target, reference, reference_depth, reference_label, scale, tolerance,
    flow, visible, majority,
):  # fmt: skip
    size = majority.shape[0]
    fine = triangle.shape[0]
    count = np.zeros(16, np.int32)
    for y in range(size):
        for x in range(size):
            count[:] = 0
            for dy in range(scale):
                for dx in range(scale):
                    t = triangle[y * scale + dy, x * scale + dx]
                    count[0 if t < 0 else label[t]] += 1
            best = 0
            for n in range(16):
                if count[n] > count[best]:
                    best = n
            majority[y, x] = best
            sx, sy, seen = 0.0, 0.0, 0
            for dy in range(scale):
                for dx in range(scale):
                    yy, xx = y * scale + dy, x * scale + dx
                    t = triangle[yy, xx]
                    if (0 if t < 0 else label[t]) != best:
                        continue
                    if t < 0:
                        seen += 1 if reference_label[y, x] == 0 else 0
                        continue
                    u, v = weights[yy, xx, 0], weights[yy, xx, 1]
                    w = 1.0 - u - v
                    a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
                    # Perspective-correct weights act on the surface; the picture needs x/z, hence the division.
                    za, zb, zc = u / reference[a, 2], v / reference[b, 2], w / reference[c, 2]
                    z = za + zb + zc
                    rx = (za * reference[a, 0] + zb * reference[b, 0] + zc * reference[c, 0]) / z
                    ry = (za * reference[a, 1] + zb * reference[b, 1] + zc * reference[c, 1]) / z
                    sx += rx - (xx + 0.5)
                    sy += ry - (yy + 0.5)
                    ix, iy = int(np.floor(rx)), int(np.floor(ry))
                    if not (0 <= ix < fine and 0 <= iy < fine):
                        continue
                    d = reference_depth[iy, ix]
                    if d > 0 and abs(1.0 / d - z) < tolerance:
                        seen += 1
                        continue
                    # Look one sample around: at a grazing angle the nearest sample is another bit of surface.
                    near = False
                    for oy in range(max(0, iy - 1), min(fine, iy + 2)):
                        for ox in range(max(0, ix - 1), min(fine, ix + 2)):
                            d = reference_depth[oy, ox]
                            if d > 0 and abs(1.0 / d - z) < tolerance:
                                near = True
                    seen += 1 if near else 0
            n = count[best]
            flow[0, y, x] = sx / n * 2.0 / fine
            flow[1, y, x] = sy / n * 2.0 / fine
            visible[y, x] = seen / n


def backward_flow(
    hits: Hits,
    faces: Ints,
    label: Ints,
    target: Array,
    reference: Array,
    reference_hits: Hits,
    reference_label: NDArray[np.uint8],
    scale: int,
    tolerance: float = 0.35,
) -> tuple[Array, Array, NDArray[np.uint8]]:
    """True flow from each target pixel to the place of its surface point in the reference picture.

    hits of the target and reference_hits of the reference, both supersampled `scale` times; label (F,) 1..15 of each
    triangle; target, reference (V, 3) screen points of the two pictures; reference_label (h, w) from
    `labels(reference_hits, ...)`; tolerance in cm of the depth test. Background does not move.
    Returns flow (2, h, w) canvas units, visibility (h, w) 0..1, label of the majority of each pixel (h, w).
    """
    size = hits.triangle.shape[0] // scale
    flow = np.zeros((2, size, size), np.float32)
    visible = np.zeros((size, size), np.float32)
    majority = np.zeros((size, size), np.uint8)
    _flow(
        hits.triangle, hits.weights, faces, label, target, reference, reference_hits.inverse_depth, reference_label,
        scale, tolerance, flow, visible, majority,
    )  # fmt: skip
    return flow, visible, majority


@njit(nogil=True, cache=True, error_model="numpy")
def _labels(triangle, label, scale, out):  # type: ignore[no-untyped-def]
    count = np.zeros(16, np.int32)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            count[:] = 0
            for dy in range(scale):
                for dx in range(scale):
                    t = triangle[y * scale + dy, x * scale + dx]
                    count[0 if t < 0 else label[t]] += 1
            best = 0
            for n in range(16):
                if count[n] > count[best]:
                    best = n
            out[y, x] = best


def labels(hits: Hits, label: Ints, scale: int) -> NDArray[np.uint8]:
    """Majority label of each pixel (h, w), 0 = background."""
    size = hits.triangle.shape[0] // scale
    out = np.zeros((size, size), np.uint8)
    _labels(hits.triangle, label, scale, out)
    return out


def coverage(hits: Hits, scale: int) -> Array:
    """Matte (h, w) 0..1: the part of each pixel that the mesh covers."""
    solid = (hits.triangle >= 0).view(np.uint8)
    count = sum(solid[y::scale, x::scale] for y in range(scale) for x in range(scale))
    return np.asarray(count, np.float32) / np.float32(scale * scale)


@njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _resolve(canvas, triangle, background, scale, out):  # type: ignore[no-untyped-def]
    share = ONE / np.float32(scale * scale)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            red, green, blue, empty = ZERO, ZERO, ZERO, ZERO
            for dy in range(scale):
                for dx in range(scale):
                    yy, xx = y * scale + dy, x * scale + dx
                    if triangle[yy, xx] < 0:
                        empty += share
                        continue
                    red += share * min(max(canvas[yy, xx, 0], ZERO), ONE)
                    green += share * min(max(canvas[yy, xx, 1], ZERO), ONE)
                    blue += share * min(max(canvas[yy, xx, 2], ZERO), ONE)
            out[y, x, 0] = red + empty * background[y, x, 0]
            out[y, x, 1] = green + empty * background[y, x, 1]
            out[y, x, 2] = blue + empty * background[y, x, 2]


def resolve(canvas: Array, hits: Hits, background: Array, scale: int) -> Array:
    """The picture (h, w, 3) 0..1 of a supersampled canvas (H, W, 3) over a background (h, w, 3)."""
    out = np.empty_like(background, np.float32)
    _resolve(canvas, hits.triangle, np.ascontiguousarray(background, np.float32), scale, out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _places(triangle, weights, faces, label, majority, rest, scale, out):  # type: ignore[no-untyped-def]
    for y in range(majority.shape[0]):
        for x in range(majority.shape[1]):
            count = ZERO
            for dy in range(scale):
                for dx in range(scale):
                    yy, xx = y * scale + dy, x * scale + dx
                    t = triangle[yy, xx]
                    if t < 0 or label[t] != majority[y, x]:
                        continue
                    u, v = weights[yy, xx, 0], weights[yy, xx, 1]
                    count += ONE
                    for k in range(3):
                        a, b, c = rest[faces[t, 0], k], rest[faces[t, 1], k], rest[faces[t, 2], k]
                        out[k, y, x] += u * a + v * b + (ONE - u - v) * c
            if count > 0:
                for k in range(3):
                    out[k, y, x] /= count


def places(hits: Hits, faces: Ints, label: Ints, majority: NDArray[np.uint8], rest: Array, scale: int) -> Array:
    """Where what each pixel shows lies at rest (3, h, w) cm; 0 on the background.

    label (F,) of each triangle, majority (h, w) from `labels`, rest (V, 3).
    """
    out = np.zeros((3, *majority.shape), np.float32)
    _places(hits.triangle, hits.weights, faces, label, majority, rest, scale, out)
    return out

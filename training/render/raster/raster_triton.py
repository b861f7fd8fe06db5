"""Triton twins of what `device_raster` does with every sample: each is one launch and keeps in registers what torch
would write to memory some fifty times. One lane for each sample; those that hit nothing do nothing.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256


@triton.jit
def _edge(ax, ay, bx, by):  # type: ignore[no-untyped-def]
    return ax * by - ay * bx


@triton.jit
def _weigh_kernel(  # type: ignore[no-untyped-def]
    triangles, points, faces, character, weights, total, size, vertices, count, BLOCK: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    triangle = tl.load(triangles + at, mask=at < total, other=-1).to(tl.int64)
    live = triangle >= 0
    picture = at // (size * size)
    local = at - picture * size * size
    row = local // size
    px = (local - row * size).to(tl.float32) + 0.5
    py = row.to(tl.float32) + 0.5
    who = tl.load(character + picture, mask=live, other=0)
    face = faces + (who * count + triangle) * 3
    base = picture * vertices
    a = points + (base + tl.load(face, mask=live, other=0)) * 3
    b = points + (base + tl.load(face + 1, mask=live, other=0)) * 3
    c = points + (base + tl.load(face + 2, mask=live, other=0)) * 3
    ax = tl.load(a, mask=live, other=0.0) - px
    ay = tl.load(a + 1, mask=live, other=0.0) - py
    bx = tl.load(b, mask=live, other=0.0) - px
    by = tl.load(b + 1, mask=live, other=0.0) - py
    cx = tl.load(c, mask=live, other=0.0) - px
    cy = tl.load(c + 1, mask=live, other=0.0) - py
    first = _edge(bx, by, cx, cy) * tl.load(a + 2, mask=live, other=0.0)
    second = _edge(cx, cy, ax, ay) * tl.load(b + 2, mask=live, other=0.0)
    third = _edge(ax, ay, bx, by) * tl.load(c + 2, mask=live, other=0.0)
    whole = tl.where(live, first + second + third, 1.0)
    tl.store(weights + 2 * at, first / whole, mask=live)
    tl.store(weights + 2 * at + 1, second / whole, mask=live)


def weigh(triangle: Tensor, points: Tensor, faces: Tensor, character: Tensor, size: int) -> Tensor:
    """See `device_raster._weigh`."""
    points, faces = points.contiguous(), faces.contiguous()
    assert triangle.is_contiguous() and points.shape[2] == 3 and faces.dtype == torch.int32
    weights = torch.zeros(len(triangle), 2, device=triangle.device)
    _weigh_kernel[(triton.cdiv(len(triangle), BLOCK),)](
        triangle, points, faces, character, weights, len(triangle), size, points.shape[1], faces.shape[1], BLOCK
    )
    return weights


@triton.jit
def _mixed(table, a, b, c, wa, wb, wc, column, live):  # type: ignore[no-untyped-def]
    return (
        wa * tl.load(table + a + column, mask=live, other=0.0)
        + wb * tl.load(table + b + column, mask=live, other=0.0)
        + wc * tl.load(table + c + column, mask=live, other=0.0)
    )


@triton.jit
def _texel(texels, at, width, fx, fy, channel, live):  # type: ignore[no-untyped-def]
    here = texels + at * 4 + channel
    top = tl.load(here, mask=live, other=0).to(tl.float32) * (1 - fx) + tl.load(here + 4, mask=live, other=0) * fx
    here += width * 4
    low = tl.load(here, mask=live, other=0).to(tl.float32) * (1 - fx) + tl.load(here + 4, mask=live, other=0) * fx
    return (top * (1 - fy) + low * fy) / 255


@triton.jit
def _albedo(place, texels, first, width, height, wa, wb, wc, live, EDGE: tl.constexpr):  # type: ignore[no-untyped-def]
    u = tl.load(place, mask=live, other=0.0) * wa + tl.load(place + 2, mask=live, other=0.0) * wb
    v = tl.load(place + 1, mask=live, other=0.0) * wa + tl.load(place + 3, mask=live, other=0.0) * wb
    u = u + tl.load(place + 4, mask=live, other=0.0) * wc - 0.5
    v = v + tl.load(place + 5, mask=live, other=0.0) * wc - 0.5
    u = tl.minimum(tl.maximum(u, 0.0), width.to(tl.float32) - EDGE)
    v = tl.minimum(tl.maximum(v, 0.0), height.to(tl.float32) - EDGE)
    column = u.to(tl.int64)
    row = v.to(tl.int64)
    fx = u - column.to(tl.float32)
    fy = v - row.to(tl.float32)
    at = first + row * width + column
    return (
        _texel(texels, at, width, fx, fy, 0, live),
        _texel(texels, at, width, fx, fy, 1, live),
        _texel(texels, at, width, fx, fy, 2, live),
    )


@triton.jit
def _shine(lamp, nx, ny, nz, vx, vy, vz, power, wrap, levels, live, DULL: tl.constexpr):  # type: ignore[no-untyped-def]
    """How much of a light comes back from a surface, diffuse and as a highlight."""
    dx = tl.load(lamp, mask=live, other=0.0)
    dy = tl.load(lamp + 1, mask=live, other=0.0)
    dz = tl.load(lamp + 2, mask=live, other=0.0)
    diffuse = tl.maximum((nx * dx + ny * dy + nz * dz + wrap) / (1 + wrap), 0.0)
    hx, hy, hz = dx + vx, dy + vy, dz + vz
    facing = (nx * hx + ny * hy + nz * hz) / (tl.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9)
    high = tl.where(facing > DULL, tl.exp(power * tl.log(tl.maximum(facing, DULL))), 0.0)
    cel, most = levels > 0, tl.maximum(levels, 1.0)
    level = diffuse * most
    step = tl.floor(level)
    diffuse = tl.where(cel, (step + tl.minimum((level - step) * 12, 1.0)) / most, diffuse)
    return diffuse, tl.where(cel, tl.where(high > 0.5, 1.0, 0.0), high)


@triton.jit
def _shade_kernel(  # type: ignore[no-untyped-def]
    triangles, weights, table, faces, character, place, texels, sheet, matter, steps, eye, lights, ambient, canvas,
    total, area, vertices, count, LIGHTS: tl.constexpr, EDGE: tl.constexpr, DULL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    triangle = tl.load(triangles + at, mask=at < total, other=-1).to(tl.int64)
    live = triangle >= 0
    picture = at // area
    who = tl.load(character + picture, mask=live, other=0)
    face = tl.where(live, who * count + triangle, 0)
    wa = tl.load(weights + 2 * at, mask=live, other=0.0)
    wb = tl.load(weights + 2 * at + 1, mask=live, other=0.0)
    wc = 1 - (wa + wb)

    base = picture * vertices
    a = (base + tl.load(faces + face * 3, mask=live, other=0)) * 7
    b = (base + tl.load(faces + face * 3 + 1, mask=live, other=0)) * 7
    c = (base + tl.load(faces + face * 3 + 2, mask=live, other=0)) * 7
    vx = tl.load(eye + picture * 3, mask=live, other=0.0) - _mixed(table, a, b, c, wa, wb, wc, 0, live)
    vy = tl.load(eye + picture * 3 + 1, mask=live, other=0.0) - _mixed(table, a, b, c, wa, wb, wc, 1, live)
    vz = tl.load(eye + picture * 3 + 2, mask=live, other=0.0) - _mixed(table, a, b, c, wa, wb, wc, 2, live)
    nx = _mixed(table, a, b, c, wa, wb, wc, 3, live)
    ny = _mixed(table, a, b, c, wa, wb, wc, 4, live)
    nz = _mixed(table, a, b, c, wa, wb, wc, 5, live)
    dark = _mixed(table, a, b, c, wa, wb, wc, 6, live)
    far = tl.maximum(tl.sqrt(vx * vx + vy * vy + vz * vz), 1e-12)
    vx, vy, vz = vx / far, vy / far, vz / far
    turned = tl.where(nx * vx + ny * vy + nz * vz < 0, -1.0, 1.0) / (tl.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
    nx, ny, nz = nx * turned, ny * turned, nz * turned  # two-sided

    shading = tl.load(matter + face * 4, mask=live, other=0.0)
    gloss = tl.load(matter + face * 4 + 1, mask=live, other=0.0)
    power = tl.load(matter + face * 4 + 2, mask=live, other=1.0)
    wrap = tl.load(matter + face * 4 + 3, mask=live, other=0.0)
    levels = tl.load(steps + who, mask=live, other=0.0)
    sky, under = 0.5 + 0.5 * ny, ambient + picture * 6
    red = tl.load(under, mask=live, other=0.0) * (1 - sky) + tl.load(under + 3, mask=live, other=0.0) * sky
    green = tl.load(under + 1, mask=live, other=0.0) * (1 - sky) + tl.load(under + 4, mask=live, other=0.0) * sky
    blue = tl.load(under + 2, mask=live, other=0.0) * (1 - sky) + tl.load(under + 5, mask=live, other=0.0) * sky
    high = tl.zeros_like(red)
    for n in tl.static_range(LIGHTS):
        lamp = lights + (picture * LIGHTS + n) * 6
        diffuse, shine = _shine(lamp, nx, ny, nz, vx, vy, vz, power, wrap, levels, live, DULL)
        lr = tl.load(lamp + 3, mask=live, other=0.0)
        lg = tl.load(lamp + 4, mask=live, other=0.0)
        lb = tl.load(lamp + 5, mask=live, other=0.0)
        red, green, blue = red + diffuse * lr, green + diffuse * lg, blue + diffuse * lb
        high += gloss * shine * (lr + lg + lb) * 0.33

    first = tl.load(sheet + who * 3, mask=live, other=0)
    width = tl.load(sheet + who * 3 + 1, mask=live, other=2)
    height = tl.load(sheet + who * 3 + 2, mask=live, other=2)
    ar, ag, ab = _albedo(place + face * 6, texels, first, width, height, wa, wb, wc, live, EDGE)
    out = canvas + at * 3
    tl.store(out, tl.maximum(ar * (1 + shading * (red - 1)) + high, 0.0) * dark, mask=live)
    tl.store(out + 1, tl.maximum(ag * (1 + shading * (green - 1)) + high, 0.0) * dark, mask=live)
    tl.store(out + 2, tl.maximum(ab * (1 + shading * (blue - 1)) + high, 0.0) * dark, mask=live)


def shade(
    triangles: Tensor, weights: Tensor, table: Tensor, faces: Tensor, character: Tensor, place: Tensor,
    texels: Tensor, sheet: Tensor, matter: Tensor, steps: Tensor, eye: Tensor, lights: Tensor, ambient: Tensor,
    edge: float, dull: float,
) -> Tensor:  # fmt: skip
    """Colours (P, H, W, 3) of samples (P, H, W) that show `triangles`; see `device_raster.shade` and its `Surfaces`.

    table (P, V, 7): place, normal, darkness of each vertex; lights (P, n, 6), ambient (P, 6).
    """
    eye, lights, ambient = eye.contiguous(), lights.contiguous(), ambient.contiguous()
    held = (triangles, weights, table, faces, character, place, texels, sheet, matter, steps, eye, lights, ambient)
    assert all(each.is_contiguous() for each in held) and table.shape[2] == 7 and texels.shape[1] == 4
    canvas = torch.zeros(*triangles.shape, 3, device=table.device)
    total = triangles.numel()
    _shade_kernel[(triton.cdiv(total, BLOCK),)](
        *held, canvas, total, triangles[0].numel(), table.shape[1], faces.shape[1], lights.shape[1], edge, dull, BLOCK
    )
    return canvas


@triton.jit
def _follow_kernel(  # type: ignore[no-untyped-def]
    wanted, target, reference, triangles, weights, depth, points, faces, character, shift, seen, total, side, vertices,
    count, tolerance, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    live = tl.load(wanted + at, mask=at < total, other=0) != 0
    area = side * side
    pair = at // area
    local = at - pair * area
    own = tl.load(target + pair, mask=live, other=0) * area + local
    other = tl.load(reference + pair, mask=live, other=0)
    wa = tl.load(weights + 2 * own, mask=live, other=0.0)
    wb = tl.load(weights + 2 * own + 1, mask=live, other=0.0)
    wc = 1 - (wa + wb)
    who = tl.load(character + other, mask=live, other=0)
    face = faces + (who * count + tl.load(triangles + own, mask=live, other=0)) * 3
    base = other * vertices
    a = points + (base + tl.load(face, mask=live, other=0)) * 3
    b = points + (base + tl.load(face + 1, mask=live, other=0)) * 3
    c = points + (base + tl.load(face + 2, mask=live, other=0)) * 3
    wa = wa / tl.load(a + 2, mask=live, other=1.0)
    wb = wb / tl.load(b + 2, mask=live, other=1.0)
    wc = wc / tl.load(c + 2, mask=live, other=1.0)
    z = wa + wb + wc
    px = tl.load(a, mask=live, other=0.0) * wa + tl.load(b, mask=live, other=0.0) * wb
    py = tl.load(a + 1, mask=live, other=0.0) * wa + tl.load(b + 1, mask=live, other=0.0) * wb
    px = (px + tl.load(c, mask=live, other=0.0) * wc) / z
    py = (py + tl.load(c + 1, mask=live, other=0.0) * wc) / z
    line = local // side
    tl.store(shift + 2 * at, px - ((local - line * side).to(tl.float32) + 0.5), mask=live)
    tl.store(shift + 2 * at + 1, py - (line.to(tl.float32) + 0.5), mask=live)

    # Where there is no number, none is larger than −3.
    column = tl.where(px > -3, tl.minimum(tl.maximum(tl.floor(px), -2.0), side + 1.0), -2.0).to(tl.int64)
    row = tl.where(py > -3, tl.minimum(tl.maximum(tl.floor(py), -2.0), side + 1.0), -2.0).to(tl.int64)
    near = column < -9
    for dy in tl.static_range(-1, 2):
        for dx in tl.static_range(-1, 2):
            x = column + dx
            y = row + dy
            inside = live & (x >= 0) & (x < side) & (y >= 0) & (y < side)
            d = tl.load(depth + other * area + y * side + x, mask=inside, other=0.0)
            near = near | ((d > 0) & (tl.abs(1 / tl.where(d > 0, d, 1.0) - z) < tolerance))
    shown = near & (column >= 0) & (column < side) & (row >= 0) & (row < side)
    tl.store(seen + at, tl.where(shown, 1.0, 0.0), mask=live)


def follow(
    wanted: Tensor, target: Tensor, reference: Tensor, triangles: Tensor, weights: Tensor, depth: Tensor,
    points: Tensor, faces: Tensor, character: Tensor, shift: Tensor, seen: Tensor, tolerance: float,
) -> None:  # fmt: skip
    """See `device_raster._follow`."""
    points, target, reference = points.contiguous(), target.contiguous(), reference.contiguous()
    side = triangles.shape[1]
    held = (wanted, target, reference, triangles, weights, depth, points, faces, character, shift, seen)
    assert all(each.is_contiguous() for each in held)
    _follow_kernel[(triton.cdiv(wanted.numel(), BLOCK),)](
        wanted.view(torch.uint8), *held[1:], wanted.numel(), side, points.shape[1], faces.shape[1], tolerance, BLOCK
    )

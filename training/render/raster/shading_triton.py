"""Triton twin of `device_shading.shade`: one launch that keeps in registers what torch would write to memory some fifty
times. One lane for each sample; those that hit nothing do nothing.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256


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
    """Colours (P, H, W, 3) of samples (P, H, W) that show `triangles`; see `device_shading.shade` and its `Surfaces`.

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

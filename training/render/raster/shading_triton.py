"""Triton twin of `device_shading.shade`: one launch that keeps in registers the fifty intermediate values that torch
writes to memory. One lane for each sample; lanes without a triangle are masked.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256


@triton.jit
def _mix(vertices_ptr, a, b, c, wa, wb, wc, column, mask):  # type: ignore[no-untyped-def]
    return (
        wa * tl.load(vertices_ptr + a + column, mask=mask, other=0.0)
        + wb * tl.load(vertices_ptr + b + column, mask=mask, other=0.0)
        + wc * tl.load(vertices_ptr + c + column, mask=mask, other=0.0)
    )


@triton.jit
def _bilinear(texels_ptr, texel, width, fx, fy, channel, mask):  # type: ignore[no-untyped-def]
    ptr = texels_ptr + texel * 4 + channel
    top = tl.load(ptr, mask=mask, other=0).to(tl.float32) * (1 - fx) + tl.load(ptr + 4, mask=mask, other=0) * fx
    ptr += width * 4
    bottom = tl.load(ptr, mask=mask, other=0).to(tl.float32) * (1 - fx) + tl.load(ptr + 4, mask=mask, other=0) * fx
    return (top * (1 - fy) + bottom * fy) / 255


@triton.jit
def _albedo(corners_ptr, texels_ptr, first, width, height, wa, wb, wc, mask, MARGIN: tl.constexpr):  # type: ignore[no-untyped-def]
    u = tl.load(corners_ptr, mask=mask, other=0.0) * wa + tl.load(corners_ptr + 2, mask=mask, other=0.0) * wb
    v = tl.load(corners_ptr + 1, mask=mask, other=0.0) * wa + tl.load(corners_ptr + 3, mask=mask, other=0.0) * wb
    u = u + tl.load(corners_ptr + 4, mask=mask, other=0.0) * wc - 0.5
    v = v + tl.load(corners_ptr + 5, mask=mask, other=0.0) * wc - 0.5
    u = tl.minimum(tl.maximum(u, 0.0), width.to(tl.float32) - MARGIN)
    v = tl.minimum(tl.maximum(v, 0.0), height.to(tl.float32) - MARGIN)
    column = u.to(tl.int64)
    row = v.to(tl.int64)
    fx = u - column.to(tl.float32)
    fy = v - row.to(tl.float32)
    texel = first + row * width + column
    return (
        _bilinear(texels_ptr, texel, width, fx, fy, 0, mask),
        _bilinear(texels_ptr, texel, width, fx, fy, 1, mask),
        _bilinear(texels_ptr, texel, width, fx, fy, 2, mask),
    )


@triton.jit
def _reflect(light_ptr, nx, ny, nz, vx, vy, vz, power, wrap, levels, mask, MIN_HIGHLIGHT: tl.constexpr):  # type: ignore[no-untyped-def]
    """Shares of a light that a surface reflects: diffuse, and as a highlight."""
    dx = tl.load(light_ptr, mask=mask, other=0.0)
    dy = tl.load(light_ptr + 1, mask=mask, other=0.0)
    dz = tl.load(light_ptr + 2, mask=mask, other=0.0)
    diffuse = tl.maximum((nx * dx + ny * dy + nz * dz + wrap) / (1 + wrap), 0.0)
    hx, hy, hz = dx + vx, dy + vy, dz + vz
    facing = (nx * hx + ny * hy + nz * hz) / (tl.sqrt(hx * hx + hy * hy + hz * hz) + 1e-9)
    highlight = tl.where(facing > MIN_HIGHLIGHT, tl.exp(power * tl.log(tl.maximum(facing, MIN_HIGHLIGHT))), 0.0)
    cel, level_count = levels > 0, tl.maximum(levels, 1.0)
    level = diffuse * level_count
    floor = tl.floor(level)
    diffuse = tl.where(cel, (floor + tl.minimum((level - floor) * 12, 1.0)) / level_count, diffuse)
    return diffuse, tl.where(cel, tl.where(highlight > 0.5, 1.0, 0.0), highlight)


@triton.jit
def _shade_kernel(  # type: ignore[no-untyped-def]
    triangles_ptr, weights_ptr, vertices_ptr, faces_ptr, character_ptr, corners_ptr, texels_ptr, layout_ptr,
    material_ptr, levels_ptr, eye_ptr, lights_ptr, ambient_ptr, canvas_ptr, total, area, vertex_count,
    faces_per_character, LIGHTS: tl.constexpr, MARGIN: tl.constexpr, MIN_HIGHLIGHT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    sample = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    triangle = tl.load(triangles_ptr + sample, mask=sample < total, other=-1).to(tl.int64)
    mask = triangle >= 0
    picture = sample // area
    owner = tl.load(character_ptr + picture, mask=mask, other=0)
    face = tl.where(mask, owner * faces_per_character + triangle, 0)
    wa = tl.load(weights_ptr + 2 * sample, mask=mask, other=0.0)
    wb = tl.load(weights_ptr + 2 * sample + 1, mask=mask, other=0.0)
    wc = 1 - (wa + wb)

    base = picture * vertex_count
    a = (base + tl.load(faces_ptr + face * 3, mask=mask, other=0)) * 7
    b = (base + tl.load(faces_ptr + face * 3 + 1, mask=mask, other=0)) * 7
    c = (base + tl.load(faces_ptr + face * 3 + 2, mask=mask, other=0)) * 7
    vx = tl.load(eye_ptr + picture * 3, mask=mask, other=0.0) - _mix(vertices_ptr, a, b, c, wa, wb, wc, 0, mask)
    vy = tl.load(eye_ptr + picture * 3 + 1, mask=mask, other=0.0) - _mix(vertices_ptr, a, b, c, wa, wb, wc, 1, mask)
    vz = tl.load(eye_ptr + picture * 3 + 2, mask=mask, other=0.0) - _mix(vertices_ptr, a, b, c, wa, wb, wc, 2, mask)
    nx = _mix(vertices_ptr, a, b, c, wa, wb, wc, 3, mask)
    ny = _mix(vertices_ptr, a, b, c, wa, wb, wc, 4, mask)
    nz = _mix(vertices_ptr, a, b, c, wa, wb, wc, 5, mask)
    brightness = _mix(vertices_ptr, a, b, c, wa, wb, wc, 6, mask)
    distance = tl.maximum(tl.sqrt(vx * vx + vy * vy + vz * vz), 1e-12)
    vx, vy, vz = vx / distance, vy / distance, vz / distance
    side = tl.where(nx * vx + ny * vy + nz * vz < 0, -1.0, 1.0) / (tl.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9)
    nx, ny, nz = nx * side, ny * side, nz * side  # two-sided

    shading = tl.load(material_ptr + face * 4, mask=mask, other=0.0)
    gloss = tl.load(material_ptr + face * 4 + 1, mask=mask, other=0.0)
    power = tl.load(material_ptr + face * 4 + 2, mask=mask, other=1.0)
    wrap = tl.load(material_ptr + face * 4 + 3, mask=mask, other=0.0)
    levels = tl.load(levels_ptr + owner, mask=mask, other=0.0)
    sky, light = 0.5 + 0.5 * ny, ambient_ptr + picture * 6
    red = tl.load(light, mask=mask, other=0.0) * (1 - sky) + tl.load(light + 3, mask=mask, other=0.0) * sky
    green = tl.load(light + 1, mask=mask, other=0.0) * (1 - sky) + tl.load(light + 4, mask=mask, other=0.0) * sky
    blue = tl.load(light + 2, mask=mask, other=0.0) * (1 - sky) + tl.load(light + 5, mask=mask, other=0.0) * sky
    highlight = tl.zeros_like(red)
    for n in tl.static_range(LIGHTS):
        light_ptr = lights_ptr + (picture * LIGHTS + n) * 6
        diffuse, specular = _reflect(light_ptr, nx, ny, nz, vx, vy, vz, power, wrap, levels, mask, MIN_HIGHLIGHT)
        lr = tl.load(light_ptr + 3, mask=mask, other=0.0)
        lg = tl.load(light_ptr + 4, mask=mask, other=0.0)
        lb = tl.load(light_ptr + 5, mask=mask, other=0.0)
        red, green, blue = red + diffuse * lr, green + diffuse * lg, blue + diffuse * lb
        highlight += gloss * specular * (lr + lg + lb) * 0.33

    first = tl.load(layout_ptr + owner * 3, mask=mask, other=0)
    width = tl.load(layout_ptr + owner * 3 + 1, mask=mask, other=2)
    height = tl.load(layout_ptr + owner * 3 + 2, mask=mask, other=2)
    ar, ag, ab = _albedo(corners_ptr + face * 6, texels_ptr, first, width, height, wa, wb, wc, mask, MARGIN)
    out_ptr = canvas_ptr + sample * 3
    tl.store(out_ptr, tl.maximum(ar * (1 + shading * (red - 1)) + highlight, 0.0) * brightness, mask=mask)
    tl.store(out_ptr + 1, tl.maximum(ag * (1 + shading * (green - 1)) + highlight, 0.0) * brightness, mask=mask)
    tl.store(out_ptr + 2, tl.maximum(ab * (1 + shading * (blue - 1)) + highlight, 0.0) * brightness, mask=mask)


def shade(
    triangles: Tensor, weights: Tensor, vertices: Tensor, faces: Tensor, character: Tensor, corner_texels: Tensor,
    texels: Tensor, texture_layout: Tensor, material_params: Tensor, cel_levels: Tensor, eye: Tensor, lights: Tensor,
    ambient: Tensor, margin: float, min_highlight: float,
) -> Tensor:  # fmt: skip
    """Colours (P, H, W, 3) of samples covered by triangles (P, H, W); see `device_shading.shade` and `SurfaceBatch`.

    vertices (P, V, 7): position, normal, brightness of each. lights (P, n, 6), ambient (P, 6). margin, min_highlight:
    the constants of `device_shading`.
    """
    eye, lights, ambient = eye.contiguous(), lights.contiguous(), ambient.contiguous()
    tensors = (
        triangles, weights, vertices, faces, character, corner_texels, texels, texture_layout, material_params,
        cel_levels, eye, lights, ambient,
    )  # fmt: skip
    assert all(each.is_contiguous() for each in tensors) and vertices.shape[2] == 7 and texels.shape[1] == 4
    canvas = torch.zeros(*triangles.shape, 3, device=vertices.device)
    total = triangles.numel()
    _shade_kernel[(triton.cdiv(total, BLOCK),)](
        *tensors, canvas, total, triangles[0].numel(), vertices.shape[1], faces.shape[1], lights.shape[1], margin,
        min_highlight, BLOCK,
    )  # fmt: skip
    return canvas

"""Camera and codec effects (`scene.Lens`) and drawn outlines in torch, for many pictures at once.

Pictures are (P, H, W, C) float; each has its own settings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.render.scene.scene import Lens

# Quantisation tables of ITU-T T.81, annex K, at quality 50.
_LUMA = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
_CHROMA = np.full((8, 8), 99)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_MCU_SIDE = 16  # pixels: side of a minimum coded unit of JPEG with 4:2:0 chroma


def gaussian(pictures: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Gaussian blur of pictures (P, H, W, C), a sigma > 0 for each, with OpenCV's kernels and borders."""
    kernel_sides = [round(sigma * 8 + 1) | 1 for sigma in sigmas]
    radius = max(kernel_sides) // 2
    tap = np.arange(-radius, radius + 1)
    kernel = np.exp(-(tap**2) / (2 * np.square(sigmas)[:, None])) * (
        np.abs(tap) <= np.array(kernel_sides)[:, None] // 2
    )
    kernel /= kernel.sum(1, keepdims=True)
    weight = torch.from_numpy(kernel.astype(np.float32)).to(pictures.device)[:, :, None, None, None]
    for axis in (1, 2):
        length = pictures.shape[axis]
        index = torch.arange(-radius, length + radius, device=pictures.device).abs()
        index = torch.where(index >= length, 2 * (length - 1) - index, index)
        padded = pictures.index_select(axis, index)
        pictures = sum(padded.narrow(axis, k, length) * weight[:, k] for k in range(2 * radius + 1))  # type: ignore[assignment]
    return pictures


def shrink(pictures: Tensor, factors: Sequence[float]) -> Tensor:
    """Downscale pictures (P, H, W, C) by area and upscale them linearly, as OpenCV does; factors (P,) < 1."""
    rows, columns = (
        torch.from_numpy(np.stack([_resize_matrix(length, factor) for factor in factors])).to(pictures.device)
        for length in pictures.shape[1:3]
    )
    return torch.einsum("pyh,phwc,pxw->pyxc", rows, pictures, columns)


def _resize_matrix(length: int, factor: float) -> np.ndarray:
    """Matrix (length, length) of downscaling a line by `factor` (area average) and upscaling it linearly."""
    small = round(length * factor)
    first = np.arange(small)[:, None] / factor
    width = np.minimum(1 / factor, length - first)
    pixel = np.arange(length)
    area = np.clip(np.minimum(first + width, pixel + 1) - np.maximum(first, pixel), 0, None) / width
    position = np.clip((np.arange(length) + 0.5) * small / length - 0.5, 0, small - 1)
    linear = np.clip(1 - np.abs(position[:, None] - np.arange(small)), 0, None)
    return (linear @ area).astype(np.float32)


def draw_outlines(
    canvas: Tensor, inverse_depth: Tensor, part: Tensor, widths: Sequence[float], colour: Tensor
) -> Tensor:
    """Outlines where depth or part changes, as `appearance.draw_outlines`: a new canvas (P, H, W, 3).

    inverse_depth (P, H, W), 1/cm. part (P, H, W) uint8. widths (P,): samples. colour (P, 3) 0..1.
    """

    def local_range(values: Tensor) -> Tensor:
        """Largest less smallest value in the 3×3 neighbourhood of each sample."""
        extremes = F.max_pool2d(torch.stack([values, -values], 1), 3, 1, 1)
        return extremes[:, 0] + extremes[:, 1]

    depth_cm = (1 / inverse_depth.clamp_min(1e-4)).clamp_max(400)
    edge = (local_range(depth_cm) > 1.2) | (local_range(part.float()) > 0)
    edge = (gaussian(edge.float()[..., None], [0.3 + 0.35 * width for width in widths]) * 1.4).clamp(0, 1)
    return canvas * (1 - edge) + edge * colour[:, None, None]


def apply(pictures: Tensor, lenses: Sequence[Lens], generator: torch.Generator | None = None) -> Tensor:
    """Apply lenses to pictures (P, H, W, 3) RGB 0..1, as `Lens.apply`: (P, 3, H, W) uint8.

    generator: of the sensors' noise, which has the same strength as on the CPU but other values. JPEG is its lossy part
    alone, which may differ by a level from libjpeg.
    """
    device = pictures.device
    gain = torch.from_numpy(np.stack([lens.gain for lens in lenses]).astype(np.float32)).to(device)
    rows = [(lens.gamma, lens.saturation, lens.haze, lens.noise) for lens in lenses]
    gamma, saturation, haze, noise = torch.tensor(rows, device=device)[:, :, None, None, None].unbind(1)
    out = (pictures * gain[:, None, None]).clamp(0, 1) ** gamma
    grey = (out @ out.new_tensor([0.3, 0.59, 0.11]))[..., None]
    out = haze + (1 - haze) * (grey + (out - grey) * saturation).clamp(0, 1)
    shrunk = [n for n, lens in enumerate(lenses) if lens.downscale < 1]
    if shrunk:
        out[shrunk] = shrink(out[shrunk], [lenses[n].downscale for n in shrunk])
    blurred = [n for n, lens in enumerate(lenses) if lens.blur > 0]
    if blurred:
        out[blurred] = gaussian(out[blurred], [lenses[n].blur for n in blurred])
    if any(lens.noise > 0 for lens in lenses):
        out = out + noise * torch.randn(out.shape, generator=generator, device=device)
    out = (out.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 3, 1, 2).contiguous()
    coded = [n for n, lens in enumerate(lenses) if lens.jpeg_quality]
    if coded:
        out[coded] = jpeg(out[coded], [lenses[n].jpeg_quality for n in coded])
    return out


def jpeg(pictures: Tensor, qualities: Sequence[int]) -> Tensor:
    """Pictures (P, 3, H, W) uint8 after JPEG compression of qualities 1..100 with 4:2:0 chroma (ITU-T T.81).

    The channels are treated as blue, green, red, as OpenCV treats those of `Lens`.
    """
    height, width = pictures.shape[2:]
    blue, green, red = F.pad(
        pictures.float(), (0, -width % _MCU_SIDE, 0, -height % _MCU_SIDE), "replicate"
    ).unbind(1)  # fmt: skip
    luma = (0.299 * red + 0.587 * green + 0.114 * blue).round()
    chroma = torch.stack([(blue - luma) / 1.772, (red - luma) / 1.402], 1).round()
    luma = _requantise(luma[:, None] - 128, _tables(_LUMA, qualities, pictures.device)) + 128
    chroma = _requantise(F.avg_pool2d(chroma, 2), _tables(_CHROMA, qualities, pictures.device))
    chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear")
    y, cb, cr = luma[:, 0], chroma[:, 0], chroma[:, 1]
    out = torch.stack([y + 1.772 * cb, y - 0.344136 * cb - 0.714136 * cr, y + 1.402 * cr], 1)
    return out.round().clamp(0, 255).to(torch.uint8)[..., :height, :width]


def _tables(base: np.ndarray, qualities: Sequence[int], device: torch.device) -> Tensor:
    """Quantisation steps (P, 1, 1, 1, 8, 8), scaled by quality as in libjpeg."""
    scale = np.array([5000 // q if q < 50 else 200 - 2 * q for q in qualities])[:, None, None]
    steps = np.clip((base * scale + 50) // 100, 1, 255).astype(np.float32)
    return torch.from_numpy(steps).to(device)[:, None, None, None]


def _requantise(planes: Tensor, steps: Tensor) -> Tensor:
    """Round the DCT coefficients of each 8×8 block of planes (P, C, H, W) to multiples of steps."""
    count, channels, height, width = planes.shape
    k = np.arange(8)
    basis = np.cos((2 * k + 1) * k[:, None] * np.pi / 16) * np.where(k[:, None] == 0, np.sqrt(1 / 8), 0.5)
    cosine = torch.from_numpy(basis.astype(np.float32)).to(planes.device)
    blocks = planes.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    coefficients = cosine @ blocks @ cosine.mT
    blocks = cosine.mT @ ((coefficients / steps).round() * steps) @ cosine
    return blocks.transpose(3, 4).reshape(planes.shape).round()

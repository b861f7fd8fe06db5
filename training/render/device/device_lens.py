"""What a camera and its codec do to pictures, and drawn outlines, in torch for many pictures at once.

Pictures are (P, H, W, C) float; settings differ from picture to picture.
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
_MCU = 16  # side of the blocks that JPEG with halved chroma works in


def gaussian(pictures: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Blur (P, H, W, C) by sigmas > 0, one of each picture, with OpenCV's kernels and borders."""
    sides = [round(sigma * 8 + 1) | 1 for sigma in sigmas]
    reach = max(sides) // 2
    tap = np.arange(-reach, reach + 1)
    kernel = np.exp(-(tap**2) / (2 * np.square(sigmas)[:, None])) * (np.abs(tap) <= np.array(sides)[:, None] // 2)
    kernel /= kernel.sum(1, keepdims=True)
    weight = torch.from_numpy(kernel.astype(np.float32)).to(pictures.device)[:, :, None, None, None]
    for axis in (1, 2):
        length = pictures.shape[axis]
        place = torch.arange(-reach, length + reach, device=pictures.device).abs()
        place = torch.where(place >= length, 2 * (length - 1) - place, place)
        wide = pictures.index_select(axis, place)
        pictures = sum(wide.narrow(axis, k, length) * weight[:, k] for k in range(2 * reach + 1))  # type: ignore[assignment]
    return pictures


def shrink(pictures: Tensor, factors: Sequence[float]) -> Tensor:
    """Pictures (P, H, W, C) made smaller by area and enlarged again linearly, as OpenCV does; factors < 1 (P)."""
    rows, columns = (
        torch.from_numpy(np.stack([_there_and_back(length, factor) for factor in factors])).to(pictures.device)
        for length in pictures.shape[1:3]
    )
    return torch.einsum("pyh,phwc,pxw->pyxc", rows, pictures, columns)


def _there_and_back(length: int, factor: float) -> np.ndarray:
    """Matrix (length, length) of shrinking a line by `factor` (mean of the covered area) and enlarging it linearly."""
    small = round(length * factor)
    first = np.arange(small)[:, None] / factor
    width = np.minimum(1 / factor, length - first)
    pixel = np.arange(length)
    area = np.clip(np.minimum(first + width, pixel + 1) - np.maximum(first, pixel), 0, None) / width
    place = np.clip((np.arange(length) + 0.5) * small / length - 0.5, 0, small - 1)
    linear = np.clip(1 - np.abs(place[:, None] - np.arange(small)), 0, None)
    return (linear @ area).astype(np.float32)


def ink_lines(canvas: Tensor, depth: Tensor, part: Tensor, widths: Sequence[float], ink: Tensor) -> Tensor:
    """Outlines where depth or part changes, as `appearance.ink_lines`: a new canvas (P, H, W, 3).

    depth (P, H, W) inverse, part (P, H, W) uint8, widths (P) in samples, ink (P, 3) 0..1.
    """

    def spread(values: Tensor) -> Tensor:
        """Largest minus smallest value around each sample."""
        both = F.max_pool2d(torch.stack([values, -values], 1), 3, 1, 1)
        return both[:, 0] + both[:, 1]

    z = (1 / depth.clamp_min(1e-4)).clamp_max(400)
    edge = (spread(z) > 1.2) | (spread(part.float()) > 0)
    edge = (gaussian(edge.float()[..., None], [0.3 + 0.35 * width for width in widths]) * 1.4).clamp(0, 1)
    return canvas * (1 - edge) + edge * ink[:, None, None]


def take(pictures: Tensor, lenses: Sequence[Lens], generator: torch.Generator | None = None) -> Tensor:
    """Pictures (P, H, W, 3) RGB 0..1 → (P, 3, H, W) uint8, as `Lens.take`; `generator` for the sensor's noise.

    The noise is of the same strength, not the same; JPEG is its lossy part, which differs by a level here and there.
    """
    device = pictures.device
    gain = torch.from_numpy(np.stack([lens.gain for lens in lenses]).astype(np.float32)).to(device)
    rows = [(lens.gamma, lens.colour, lens.haze, lens.noise) for lens in lenses]
    gamma, colour, haze, noise = torch.tensor(rows, device=device)[:, :, None, None, None].unbind(1)
    out = (pictures * gain[:, None, None]).clamp(0, 1) ** gamma
    grey = (out @ out.new_tensor([0.3, 0.59, 0.11]))[..., None]
    out = haze + (1 - haze) * (grey + (out - grey) * colour).clamp(0, 1)
    shrunk = [n for n, lens in enumerate(lenses) if lens.shrink < 1]
    if shrunk:
        out[shrunk] = shrink(out[shrunk], [lenses[n].shrink for n in shrunk])
    blurred = [n for n, lens in enumerate(lenses) if lens.blur > 0]
    if blurred:
        out[blurred] = gaussian(out[blurred], [lenses[n].blur for n in blurred])
    if any(lens.noise > 0 for lens in lenses):
        out = out + noise * torch.randn(out.shape, generator=generator, device=device)
    out = (out.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 3, 1, 2).contiguous()
    coded = [n for n, lens in enumerate(lenses) if lens.quality]
    if coded:
        out[coded] = jpeg(out[coded], [lenses[n].quality for n in coded])
    return out


def jpeg(pictures: Tensor, qualities: Sequence[int]) -> Tensor:
    """Pictures (P, 3, H, W) uint8 as JPEG of qualities 1..100 would give them back, chroma halved (ITU-T T.81).

    Channels are taken for blue, green, red, as OpenCV takes those of `Lens`.
    """
    height, width = pictures.shape[2:]
    blue, green, red = F.pad(
        pictures.float(), (0, -width % _MCU, 0, -height % _MCU), "replicate"
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
    """Quantisation steps (P, 1, 1, 1, 8, 8) as libjpeg scales them."""
    scale = np.array([5000 // q if q < 50 else 200 - 2 * q for q in qualities])[:, None, None]
    steps = np.clip((base * scale + 50) // 100, 1, 255).astype(np.float32)
    return torch.from_numpy(steps).to(device)[:, None, None, None]


def _requantise(planes: Tensor, steps: Tensor) -> Tensor:
    """Round the cosine coefficients of each 8×8 block of planes (P, C, H, W) to multiples of steps."""
    count, channels, height, width = planes.shape
    k = np.arange(8)
    basis = np.cos((2 * k + 1) * k[:, None] * np.pi / 16) * np.where(k[:, None] == 0, np.sqrt(1 / 8), 0.5)
    cosine = torch.from_numpy(basis.astype(np.float32)).to(planes.device)
    blocks = planes.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    coefficients = cosine @ blocks @ cosine.mT
    blocks = cosine.mT @ ((coefficients / steps).round() * steps) @ cosine
    return blocks.transpose(3, 4).reshape(planes.shape).round()

"""HLG and PQ video in the colours of SDR (ITU-R BT.2100 and BT.2408).

FFmpeg's own `scale` filter maps the gamut as well and moves skin by 4/255; `zscale` is not in PyAV's FFmpeg.
"""

from __future__ import annotations

from functools import cache

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from streamer.frames import Image

PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273
HDR_TRANSFERS = frozenset({PQ, HLG})
WHITE = 203.0  # cd/m² of white paper in HDR (BT.2408), which SDR shows as its white
HLG_PEAK = 1000.0  # cd/m² of the display for which the system gamma below holds
HLG_SYSTEM_GAMMA = 1.2
SDR_GAMMA = 2.4  # of a display by BT.1886
MAX_SIDE = 1920  # pixels; longer pictures are shrunk first, since each pixel costs 50 ns
ROOT_STEPS = 4095  # entries of the table from the root of light to SDR; the root, because the dark needs finer steps

BT2020_LUMINANCE = np.array([[0.2627, 0.6780, 0.0593]], np.float32)
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def hdr_to_sdr(frame: av.VideoFrame) -> Image:
    """RGB (H, W, 3) of a frame in HLG or PQ: what is darker than white paper keeps its light, brighter is cut.

    A picture longer than `MAX_SIDE` is shrunk by a whole factor.
    """
    factor = -(-max(frame.width, frame.height) // MAX_SIDE)
    signal = np.asarray(
        frame.reformat(
            width=frame.width // factor, height=frame.height // factor, format="rgb48le", src_colorspace=_matrix(frame)
        ).to_ndarray(),
        np.uint16,
    )
    light = np.take(_light_of_signal(int(frame.color_trc)), signal)
    if frame.color_trc == HLG:
        luminance = cv2.transform(light, BT2020_LUMINANCE)
        light *= cv2.pow(luminance, HLG_SYSTEM_GAMMA - 1)[..., None]
        light *= np.float32(HLG_PEAK / WHITE)
    light = cv2.transform(light, BT2020_TO_BT709)
    steps = cv2.sqrt(np.clip(light, 0, 1)) * np.float32(ROOT_STEPS) + np.float32(0.5)
    return np.take(_sdr_of_root(), steps.astype(np.uint16))


def _matrix(frame: av.VideoFrame) -> Colorspace:
    """From YUV to RGB. Files that do not say it mean BT.2020, as all HDR has its primaries."""
    said = int(frame.colorspace)
    return Colorspace.ITU709 if said == Colorspace.ITU709 else Colorspace.BT2020


@cache
def _light_of_signal(transfer: int) -> NDArray[np.float32]:
    """(65536,) of 16-bit signals: light in units of WHITE for PQ, of the scene 0..1 for HLG."""
    signal = np.arange(65536) / 65535
    if transfer == PQ:
        power = signal ** (32 / 2523)
        base = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
        return (base ** (16384 / 2610) * (10_000 / WHITE)).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)


@cache
def _sdr_of_root() -> Image:
    """(ROOT_STEPS + 1,) SDR of the square root of light 0..1."""
    root = np.arange(ROOT_STEPS + 1) / ROOT_STEPS
    return np.round(255 * root ** (2 / SDR_GAMMA)).astype(np.uint8)

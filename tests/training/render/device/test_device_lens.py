"""Blur, outlines and compression in torch against OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from training.render.character import appearance
from training.render.device import device_lens
from training.render.scene.scene import Lens


def smooth_pictures(count: int, side: int = 64) -> np.ndarray:
    noise = np.random.default_rng(4).uniform(0, 1, (count, side, side, 3)).astype(np.float32)
    return np.stack([cv2.GaussianBlur(one, (0, 0), 2.5) for one in noise]) * 3 - 1


def test_gaussian_matches_opencv_for_each_picture():
    pictures = np.clip(smooth_pictures(3), 0, 1)
    sigmas = [0.3, 0.65, 1.35]
    blurred = device_lens.gaussian(torch.from_numpy(pictures), sigmas)
    for n, sigma in enumerate(sigmas):
        np.testing.assert_allclose(blurred[n], cv2.GaussianBlur(pictures[n], (0, 0), sigma), atol=1e-5)


def test_outlines_match_the_cpu():
    pictures = np.clip(smooth_pictures(2), 0, 1)
    rng = np.random.default_rng(1)
    depth = np.kron(rng.uniform(0.005, 0.1, (2, 8, 8)), np.ones((8, 8))).astype(np.float32)
    part = np.kron(rng.integers(0, 3, (2, 4, 4)), np.ones((16, 16))).astype(np.uint8)
    ink = rng.uniform(0, 0.3, (2, 3)).astype(np.float32)
    widths = [1.0, 2.7]
    drawn = device_lens.draw_outlines(*map(torch.from_numpy, (pictures, depth, part)), widths, torch.from_numpy(ink))
    for n, width in enumerate(widths):
        canvas = pictures[n].copy()
        appearance.draw_outlines(canvas, depth[n], part[n], width, ink[n])
        np.testing.assert_allclose(drawn[n], canvas, atol=1e-4)


@pytest.mark.parametrize("quality", [55, 75, 95])
def test_jpeg_matches_opencv(quality: int):
    pictures = (np.clip(smooth_pictures(2), 0, 1) * 255).astype(np.uint8)
    coded = device_lens.jpeg(torch.from_numpy(pictures).permute(0, 3, 1, 2), [quality, quality])
    for n, picture in enumerate(pictures):
        _, code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        true = cv2.imdecode(code, cv2.IMREAD_COLOR).astype(int)
        gap = np.abs(coded[n].permute(1, 2, 0).numpy() - true)
        assert gap.mean() < 1.0 and gap.mean() < 0.45 * np.abs(true - picture).mean()


def test_jpeg_accepts_sides_that_are_no_multiple_of_a_block():
    picture = torch.full((1, 3, 21, 30), 77, dtype=torch.uint8)
    assert (device_lens.jpeg(picture, [90]).int() - 77).abs().max() <= 2


def test_lens_matches_the_cpu():
    pictures = smooth_pictures(3) * 1.2
    gain = np.float32([0.9, 1.1, 1.0])
    lenses = [
        Lens(0.0, 0.0, 0, gain, 1.1, saturation=0.4, haze=0.1),
        Lens(0.7, 0.0, 0, gain, 0.9, downscale=0.61),
        Lens(0.0, 0.02, 0, gain, 1.0),
    ]
    taken = device_lens.apply(torch.from_numpy(pictures), lenses, torch.Generator().manual_seed(1))
    again = device_lens.apply(torch.from_numpy(pictures), lenses, torch.Generator().manual_seed(1))
    assert torch.equal(taken, again) and taken.dtype == torch.uint8 and taken.shape == (3, 3, 64, 64)
    for n in range(2):
        true = lenses[n].apply(pictures[n], np.random.default_rng(0)).transpose(2, 0, 1).astype(int)
        assert np.abs(taken[n].numpy() - true).max() <= 1
    clean = lenses[2].apply(pictures[2], np.random.default_rng(0)).transpose(2, 0, 1).astype(float)
    noise = (taken[2].numpy() - clean)[(clean > 30) & (clean < 225)]
    assert noise.std() == pytest.approx(0.02 * 255 * 2**0.5, rel=0.1)  # two pictures with noise of their own

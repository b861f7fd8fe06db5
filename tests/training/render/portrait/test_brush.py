"""Painting over a picture."""

from __future__ import annotations

import numpy as np

from training.render.portrait.brush import kuwahara, paint_over, stroke_field


def edge_with_noise() -> np.ndarray:
    image = np.full((48, 48, 3), 0.2, np.float32)
    image[:, 24:] = 0.8
    return image + np.random.default_rng(0).normal(0, 0.03, image.shape).astype(np.float32)


def test_kuwahara_calms_surfaces_and_keeps_the_edge() -> None:
    image = edge_with_noise()
    out = kuwahara(image, 3.0)
    assert out[8:40, 4:18].std() < 0.5 * image[8:40, 4:18].std()
    assert out[24, 27, 0] - out[24, 20, 0] > 0.5


def test_strokes_run_along_the_edge() -> None:
    field = stroke_field(edge_with_noise())
    assert np.abs(field[10:38, 22:27, 1]).min() > 0.95


def test_painting_is_the_same_for_the_same_seed_and_stays_in_range() -> None:
    image, detail = edge_with_noise(), np.zeros((48, 48), np.float32)
    first, second = paint_over(image, detail, 3), paint_over(image, detail, 3)
    assert np.array_equal(first, second) and first.min() >= 0 and first.max() <= 1

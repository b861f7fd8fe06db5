"""The vector drawing of the drawn samples."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.drawn.drawing import SCALE, SIZE, Drawing, both, curve, mirrored, rgb


def test_colour_codes_are_read() -> None:
    assert np.allclose(rgb("#ff8000"), [1, 128 / 255, 0])


def test_curve_passes_through_its_points() -> None:
    points = [(10.0, 20.0), (40.0, 10.0), (70.0, 60.0)]
    line = curve(points, steps=200)
    assert all(np.linalg.norm(line - point, axis=1).min() < 0.2 for point in np.float32(points))


def test_mirrored_shape_is_symmetrical() -> None:
    half = np.float32([[SIZE / 2, 100], [500, 200], [SIZE / 2, 300]])
    mask = Drawing().mask(both(half))
    assert mask.sum() > 0 and np.mean(mask != mask[:, ::-1]) < 1e-3
    assert np.allclose(mirrored(mirrored(half)), half)


@pytest.mark.parametrize("radius", [20.0, 90.0])
def test_ellipse_has_its_area(radius: float) -> None:
    area = Drawing().ellipse(300, 300, radius, radius / 2).sum() / SCALE**2
    assert area == pytest.approx(np.pi * radius**2 / 2, rel=0.03)


def test_fill_blends_only_inside() -> None:
    drawing = Drawing()
    mask = drawing.ellipse(300, 300, 50, 50)
    drawing.fill(mask, np.zeros(3, np.float32), 0.5)
    assert np.allclose(drawing.canvas[mask > 0], 0.5) and np.allclose(drawing.canvas[mask == 0], 1)

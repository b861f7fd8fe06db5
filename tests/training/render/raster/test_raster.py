"""The rasteriser on meshes whose picture is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.meshes import sphere
from training.render.raster import raster, supersampling
from training.render.scene.scene import SCALE, Camera

SIZE = 128


def camera() -> Camera:
    return Camera(focal=8.0, distance=10.0, height=0.0, offset=(0.0, 0.0))


def test_half_square_covers_half_of_the_picture_with_barycentric_weights():
    points = np.float32([[0, 0, 1], [64, 0, 1], [0, 64, 1]])
    hits = raster.rasterise(points, np.int32([[0, 1, 2]]), 64)
    assert abs((hits.triangle >= 0).mean() - 0.5) < 0.01
    rows, columns = np.nonzero(hits.triangle == 0)
    weights = hits.weights[rows, columns]
    full = np.concatenate([weights, 1 - weights.sum(1, keepdims=True)], 1)
    np.testing.assert_allclose(full @ points[:, 0], columns + 0.5, atol=1e-3)
    np.testing.assert_allclose(full @ points[:, 1], rows + 0.5, atol=1e-3)


def test_nearer_triangle_hides_the_other_in_any_order():
    square = [[0, 0], [64, 0], [0, 64], [64, 64]]
    near = np.float32([[x, y, 0.2] for x, y in square])
    far = np.float32([[x, y, 0.1] for x, y in square])
    points = np.concatenate([near, far])
    faces = np.int32([[0, 1, 2], [1, 3, 2], [4, 5, 6], [5, 7, 6]])
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        hits = raster.rasterise(points, faces[order], 64)
        assert (np.array(order)[hits.triangle] < 2).all()


def test_triangles_behind_the_camera_or_outside_the_picture_are_skipped():
    points = np.float32([[0, 0, -1], [9, 0, 1], [0, 9, 1], [200, 200, 1], [300, 200, 1], [200, 300, 1]])
    assert (raster.rasterise(points, np.int32([[0, 1, 2], [3, 4, 5]]), 64).triangle < 0).all()


def test_sphere_is_a_disc_of_the_right_size_and_depth():
    points, faces = sphere()
    hits = raster.rasterise(camera().screen(points, SIZE * SCALE), faces, SIZE * SCALE)
    radius = 8.0 * np.tan(np.arcsin(1 / 10)) * SIZE / 2  # of the silhouette, pixels
    matte = supersampling.coverage(hits, SCALE)
    assert matte.sum() == pytest.approx(np.pi * radius**2, rel=0.02)
    assert 1 / hits.inverse_depth[SIZE, SIZE] == pytest.approx(9.0, abs=0.02)
    assert matte[0, 0] == 0 and matte[SIZE // 2, SIZE // 2] == 1


def test_normals_of_a_sphere_point_outwards():
    points, faces = sphere()
    np.testing.assert_allclose((raster.normals(points, faces) * points).sum(1)[60:-60], 1, atol=0.01)

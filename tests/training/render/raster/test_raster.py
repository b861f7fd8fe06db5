"""The rasteriser on meshes whose picture is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.raster import raster, supersampling
from training.render.raster.flow import backward_flow
from training.render.scene.scene import SCALE, Camera

SIZE = 128


def ball(rows: int = 40, columns: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere: vertices (V, 3), faces (F, 3)."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    points = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1).reshape(-1, 3)
    i = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel()
    return points.astype(np.float32), np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.int32)


def camera() -> Camera:
    return Camera(focal=8.0, distance=10.0, height=0.0, offset=(0.0, 0.0))


def turned(points: np.ndarray, angle: float, shift: tuple[float, float, float]) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return (points @ turn.T + shift).astype(np.float32)


def test_a_half_square_covers_half_of_the_picture_and_weights_are_its_corners():
    points = np.float32([[0, 0, 1], [64, 0, 1], [0, 64, 1]])
    hits = raster.rasterise(points, np.int32([[0, 1, 2]]), 64)
    assert abs((hits.triangle >= 0).mean() - 0.5) < 0.01
    rows, columns = np.nonzero(hits.triangle == 0)
    weights = hits.weights[rows, columns]
    full = np.concatenate([weights, 1 - weights.sum(1, keepdims=True)], 1)
    np.testing.assert_allclose(full @ points[:, 0], columns + 0.5, atol=1e-3)
    np.testing.assert_allclose(full @ points[:, 1], rows + 0.5, atol=1e-3)


def test_the_nearer_triangle_hides_the_other_in_any_order():
    square = [[0, 0], [64, 0], [0, 64], [64, 64]]
    near = np.float32([[x, y, 0.2] for x, y in square])
    far = np.float32([[x, y, 0.1] for x, y in square])
    points = np.concatenate([near, far])
    faces = np.int32([[0, 1, 2], [1, 3, 2], [4, 5, 6], [5, 7, 6]])
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        hits = raster.rasterise(points, faces[order], 64)
        assert (np.array(order)[hits.triangle] < 2).all()


def test_triangles_behind_the_camera_and_outside_the_picture_are_left_out():
    points = np.float32([[0, 0, -1], [9, 0, 1], [0, 9, 1], [200, 200, 1], [300, 200, 1], [200, 300, 1]])
    assert (raster.rasterise(points, np.int32([[0, 1, 2], [3, 4, 5]]), 64).triangle < 0).all()


def test_a_sphere_is_a_disc_of_the_right_size_and_depth():
    points, faces = ball()
    hits = raster.rasterise(camera().screen(points, SIZE * SCALE), faces, SIZE * SCALE)
    radius = 8.0 * np.tan(np.arcsin(1 / 10)) * SIZE / 2  # of the silhouette, pixels
    matte = supersampling.coverage(hits, SCALE)
    assert matte.sum() == pytest.approx(np.pi * radius**2, rel=0.02)
    assert 1 / hits.inverse_depth[SIZE, SIZE] == pytest.approx(9.0, abs=0.02)
    assert matte[0, 0] == 0 and matte[SIZE // 2, SIZE // 2] == 1


def test_normals_of_a_sphere_point_outwards():
    points, faces = ball()
    np.testing.assert_allclose((raster.normals(points, faces) * points).sum(1)[60:-60], 1, atol=0.01)


def flow_of_ball(angle: float, shift: tuple[float, float, float]):
    points, faces = ball()
    label = np.ones(len(faces), np.int32)
    places = [camera().screen(turned(points, a, s), SIZE * SCALE) for a, s in ((0.0, (0, 0, 0)), (angle, shift))]
    hits = [raster.rasterise(p, faces, SIZE * SCALE) for p in places]
    first = supersampling.labels(hits[0], label, SCALE)
    return backward_flow(hits[1], faces, label, places[1], places[0], hits[0], first, SCALE, 0.05), first


def test_a_still_ball_does_not_flow_and_is_seen_everywhere():
    (flow, visible, label), first = flow_of_ball(0.0, (0, 0, 0))
    assert np.abs(flow).max() < 1e-4
    assert visible[label > 0].mean() > 0.99 and (visible[label == 0] == 1).all()
    np.testing.assert_array_equal(label, first)


def test_a_moved_ball_flows_by_its_motion():
    (flow, visible, label), _ = flow_of_ball(0.0, (0.4, 0, 0))
    inside = label > 0
    # x = 8 · X / (10 − Z): 0.36 at the front (Z = 1), a little less towards the rim.
    assert flow[0, SIZE // 2, SIZE // 2 + 10] == pytest.approx(-8 * 0.4 / 9, abs=0.01)
    assert np.abs(flow[1][inside]).max() < 0.01
    uncovered = visible[~inside] < 0.5  # background that the ball hid in the reference
    assert 0.15 < uncovered.mean() < 0.35  # a lune of about 2 · 0.8 · 0.32 beside a disc of radius 0.8


def test_warping_the_reference_by_the_flow_gives_the_target_where_visible():
    points, faces = ball(120, 180)
    stripes = 0.5 + 0.5 * np.sin(points * 5)  # a smooth colour in object space
    label = np.ones(len(faces), np.int32)
    places = [camera().screen(turned(points, a, s), SIZE * SCALE) for a, s in ((0, (0, 0, 0)), (0.5, (0.2, 0.1, 0.3)))]
    hits = [raster.rasterise(p, faces, SIZE * SCALE) for p in places]

    def picture(hit: raster.Hits) -> np.ndarray:
        weights = np.concatenate([hit.weights, 1 - hit.weights.sum(-1, keepdims=True)], -1)
        colours = (stripes[faces[hit.triangle]] * weights[..., None]).sum(2) * (hit.triangle >= 0)[..., None]
        return colours.reshape(SIZE, SCALE, SIZE, SCALE, 3).mean((1, 3))

    reference, target = picture(hits[0]), picture(hits[1])
    first = supersampling.labels(hits[0], label, SCALE)
    flow, visible, _ = backward_flow(hits[1], faces, label, places[1], places[0], hits[0], first, SCALE, 0.02)
    grid = (2 * np.arange(SIZE) + 1) / SIZE - 1
    column = np.clip((grid[None, :] + flow[0] + 1) * SIZE / 2 - 0.5, 0, SIZE - 1.001)
    row = np.clip((grid[:, None] + flow[1] + 1) * SIZE / 2 - 0.5, 0, SIZE - 1.001)
    x, y = column.astype(int), row.astype(int)
    fx, fy = (column - x)[..., None], (row - y)[..., None]
    top = reference[y, x] * (1 - fx) + reference[y, x + 1] * fx
    low = reference[y + 1, x] * (1 - fx) + reference[y + 1, x + 1] * fx
    warped = top * (1 - fy) + low * fy
    solid = (visible > 0.99) & (supersampling.coverage(hits[1], SCALE) == 1)
    assert solid.sum() > 3000
    assert np.abs(warped - target)[solid].mean() < 0.01
    hidden = (visible < 0.01) & (supersampling.coverage(hits[1], SCALE) == 1)
    assert hidden.sum() > 200  # the side that turned into view

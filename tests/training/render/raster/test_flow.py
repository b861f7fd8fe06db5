"""Flow and visibility of meshes whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.meshes import sphere
from training.render.raster import raster, supersampling
from training.render.raster.flow import backward_flow
from training.render.scene.scene import SCALE, Camera

SIZE = 128


def camera() -> Camera:
    return Camera(focal=8.0, distance=10.0, height=0.0, offset=(0.0, 0.0))


def moved(points: np.ndarray, angle: float, shift: tuple[float, float, float]) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return (points @ turn.T + shift).astype(np.float32)


def flow_of_sphere(angle: float, shift: tuple[float, float, float]):
    points, faces = sphere()
    label = np.ones(len(faces), np.int32)
    places = [camera().screen(moved(points, a, s), SIZE * SCALE) for a, s in ((0.0, (0, 0, 0)), (angle, shift))]
    hits = [raster.rasterise(p, faces, SIZE * SCALE) for p in places]
    first = supersampling.labels(hits[0], label, SCALE)
    return backward_flow(hits[1], faces, label, places[1], places[0], hits[0], first, SCALE, 0.05), first


def test_flow_of_a_static_ball_is_zero_and_fully_visible():
    (flow, visible, label), first = flow_of_sphere(0.0, (0, 0, 0))
    assert np.abs(flow).max() < 1e-4
    assert visible[label > 0].mean() > 0.99 and (visible[label == 0] == 1).all()
    np.testing.assert_array_equal(label, first)


def test_flow_of_a_moved_ball_is_its_motion():
    (flow, visible, label), _ = flow_of_sphere(0.0, (0.4, 0, 0))
    inside = label > 0
    # x = 8 · X / (10 − Z): 0.36 at the front (Z = 1), a little less towards the rim.
    assert flow[0, SIZE // 2, SIZE // 2 + 10] == pytest.approx(-8 * 0.4 / 9, abs=0.01)
    assert np.abs(flow[1][inside]).max() < 0.01
    uncovered = visible[~inside] < 0.5  # background that the ball hid in the reference
    assert 0.15 < uncovered.mean() < 0.35  # a lune of about 2 · 0.8 · 0.32 beside a disc of radius 0.8


def test_flow_warps_the_reference_to_the_target_where_visible():
    points, faces = sphere(120, 180)
    stripes = 0.5 + 0.5 * np.sin(points * 5)  # a smooth colour in object space
    label = np.ones(len(faces), np.int32)
    places = [camera().screen(moved(points, a, s), SIZE * SCALE) for a, s in ((0, (0, 0, 0)), (0.5, (0.2, 0.1, 0.3)))]
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

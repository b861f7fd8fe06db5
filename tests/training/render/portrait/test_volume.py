"""Light inside hair."""

from __future__ import annotations

import numpy as np

from training.render.portrait.groom import Strands
from training.render.portrait.volume import HairVolume


def block() -> Strands:
    """Upright strands that fill a box of 6 × 6 × 6 cm."""
    rng = np.random.default_rng(0)
    root = rng.uniform(-3, 3, (4000, 1, 3)) * [1, 0, 1]
    path = root + np.linspace(-3, 3, 16)[None, :, None] * np.float32([0, 1, 0])
    return Strands(path.astype(np.float32), np.full((4000, 16), 0.02, np.float32), np.ones(4000, np.float32))


def test_light_fades_with_the_depth_of_the_hair() -> None:
    volume = HairVolume(block())
    points = np.float32([[x, 0, 0] for x in (6, 2.5, 0, -2.5)])
    light = volume.light(points, np.float32([1, 0, 0]))
    assert light[0] > 0.99 and np.all(np.diff(light) < 0) and light[3] < 0.5


def test_ambient_light_is_darkest_in_the_middle() -> None:
    volume = HairVolume(block())
    middle, edge = volume.ambient(np.float32([[0, 0, 0], [3, 0, 0]]))
    assert middle < edge


def test_normals_point_out_of_the_hair() -> None:
    normal = HairVolume(block()).normal(np.float32([[3, 0, 0], [0, 0, -3]]))
    assert normal[0, 0] > 0.9 and normal[1, 2] < -0.9

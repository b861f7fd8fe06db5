"""Quaternions against matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streamer.osc.quaternions import (
    IDENTITY,
    about,
    angle,
    at_most,
    between,
    from_matrix,
    inverse,
    product,
    rotated,
    slerp,
)
from streamer.tracking.head_pose import rotation_matrix

VECTORS = [(0, 0, 0), (0.3, -0.2, 0.1), (math.pi, 0, 0), (0, 3.1, 0), (0, 0, -2.9), (1.5, 1.5, 1.5), (-2, 1, 0.5)]


@pytest.mark.parametrize("vector", VECTORS)
def test_a_quaternion_turns_as_its_matrix(vector: tuple[float, ...]) -> None:
    matrix = rotation_matrix(np.array(vector))
    rotation = from_matrix(matrix)
    assert np.linalg.norm(rotation) == pytest.approx(1)
    assert rotated(rotation, [1, 2, 3]) == pytest.approx(matrix @ [1, 2, 3], abs=1e-6)
    assert rotated(inverse(rotation), rotated(rotation, [1, 2, 3])) == pytest.approx([1, 2, 3])
    assert angle(rotation) == pytest.approx(min(np.linalg.norm(vector), 2 * math.pi - np.linalg.norm(vector)), abs=1e-3)


def test_products_do_the_last_first() -> None:
    first, second = about(np.array([1.0, 0, 0]), 0.5), about(np.array([0, 1.0, 0]), 1.0)
    assert rotated(product(first, second), [1, 2, 3]) == pytest.approx(rotated(first, rotated(second, [1, 2, 3])))


def test_between_is_the_shortest_way_also_to_the_opposite() -> None:
    aside, chance = np.array([0.0, 1, 0]), np.random.default_rng(1)
    for _ in range(50):
        start, end = (vector / np.linalg.norm(vector) for vector in chance.normal(size=(2, 3)))
        rotation = between(start, end, aside)
        assert rotated(rotation, start) == pytest.approx(end)
        assert angle(rotation) == pytest.approx(math.acos(start @ end))
    assert rotated(between(np.array([1.0, 0, 0]), np.array([-1.0, 0, 0]), aside), [1, 0, 0]) == pytest.approx(
        [-1, 0, 0]
    )


def test_slerp_goes_evenly_the_shorter_way_and_has_a_bound() -> None:
    turned = about(np.array([0.0, 0, 1]), 1.0)
    for end in (turned, -turned):
        assert angle(slerp(IDENTITY, end, 0.25)) == pytest.approx(0.25)
    assert slerp(turned, turned, 0.5) == pytest.approx(turned)
    assert angle(at_most(turned, 0.4)) == pytest.approx(0.4) and at_most(turned, 2.0) is turned

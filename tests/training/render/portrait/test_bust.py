"""The mesh of a portrait."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from tests.support.kits import FACEKIT, needs_facekit
from training.render.character.facekit import load_facekit
from training.render.character.studio import Studio
from training.render.portrait.bust import MIRROR, Bust, build_bust, subdivide
from training.render.portrait.garment import FACE
from training.render.portrait.sitters import SITTERS


def triangle() -> Bust:
    vertices = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    normals = np.tile(np.float32([0, 0, 1]), (3, 1))
    return Bust(vertices, normals, np.int32([[0, 1, 2]]), np.zeros(3, np.int32), vertices.copy(), [])


def test_subdivision_of_a_flat_triangle_keeps_its_plane_and_area() -> None:
    fine = subdivide(triangle())
    a, b, c = (fine.vertices[fine.faces[:, i]] for i in range(3))
    area = np.cross(b - a, c - a) / 2
    assert fine.faces.shape == (4, 3) and np.all(area[:, 2] > 0) and np.isclose(area[:, 2].sum(), 0.5)
    assert np.allclose(fine.vertices[:, 2], 0) and np.allclose(np.linalg.norm(fine.normals, axis=1), 1)


@needs_facekit
def test_faces_are_symmetrical() -> None:
    studio = Studio(load_facekit(FACEKIT))
    for sitter in SITTERS.values():
        bust = build_bust(studio, sitter.shape)
        # The vertices before the subdivision come first; the new ones lie on diagonals, which are not mirrored.
        of_model = slice(0, len(studio.used))
        face = bust.vertices[of_model][(bust.kind[of_model] == FACE) & (bust.base[of_model, 2] > 4)]
        assert cKDTree(face).query(face * MIRROR)[0].max() < 0.05  # cm

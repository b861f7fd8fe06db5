"""The face model from the compact file and from the public tree; errors are one sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.kits import FACEKIT, needs_facekit, small_facekit, write_face_tree
from training.render.character.facekit import FacekitError, load_facekit, read_tree


def test_facekit_reports_a_missing_file(tmp_path):
    with pytest.raises(FacekitError, match=r"^There is no face model at .*: give the ict_facekit.npz file with"):
        load_facekit(tmp_path / "nothing.npz")


def test_facekit_reports_a_damaged_file(tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(FacekitError, match=r"is not a readable \.npz archive"):
        load_facekit(path)


def test_facekit_reports_a_single_array(tmp_path):
    path = tmp_path / "one.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(FacekitError, match=r"is not a readable \.npz archive"):
        load_facekit(path)


def test_facekit_reports_another_archive(tmp_path):
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(FacekitError, match="has no array 'base', so it is not the compact ICT-FaceKit file"):
        load_facekit(tmp_path / "other.npz")


def test_facekit_reports_a_wrong_shape(tmp_path):
    np.savez(tmp_path / "small.npz", base=np.zeros((5, 3)))
    with pytest.raises(FacekitError, match=r"array 'base' has shape \(5, 3\), not \(26719, 3\)"):
        load_facekit(tmp_path / "small.npz")


def test_facekit_reads_the_public_tree(tmp_path):
    kit = small_facekit()
    place = write_face_tree(kit, tmp_path)
    for path in (tmp_path, place):
        read = read_tree(path)
        np.testing.assert_allclose(read.base, kit.base, atol=1e-5)
        np.testing.assert_array_equal(read.faces, kit.faces)
        np.testing.assert_array_equal(read.corner_uv, kit.corner_uv)
        np.testing.assert_allclose(read.uv, kit.uv, atol=1e-5)
        assert read.material_names == kit.material_names and read.material.tolist() == kit.material.tolist()
        np.testing.assert_allclose(read.identity, kit.identity, atol=2e-3)
        assert read.expression_names == kit.expression_names
        np.testing.assert_allclose(read.expression, kit.expression, atol=1e-4)


def test_facekit_reports_a_tree_of_another_model(tmp_path):
    write_face_tree(small_facekit(), tmp_path)
    with pytest.raises(FacekitError, match="has 7 vertices, not 26719, so it is not the light ICT face model"):
        load_facekit(tmp_path)


def test_facekit_reports_an_empty_tree(tmp_path):
    with pytest.raises(FacekitError, match=r"holds neither ict_facekit\.npz nor FaceXModel/generic_neutral_mesh\.obj"):
        load_facekit(tmp_path)


def test_facekit_reports_a_tree_without_expressions(tmp_path):
    place = write_face_tree(small_facekit(), tmp_path)
    for name in ("blink_L", "blink_R", "jawOpen"):
        (place / f"{name}.obj").unlink()
    with pytest.raises(FacekitError, match="lacks the identity or the expression OBJ files: fetch the whole"):
        load_facekit(tmp_path)


def test_facekit_reports_a_mode_of_another_mesh(tmp_path):
    place = write_face_tree(small_facekit(), tmp_path)
    (place / "identity001.obj").write_text("v 0 0 0\n")
    with pytest.raises(FacekitError, match=r"identity001\.obj has 1 vertices, not the 7 of the neutral mesh"):
        load_facekit(tmp_path)


@needs_facekit
def test_facekit_tree_of_the_real_model_equals_the_compact_file(tmp_path):
    kit = load_facekit(FACEKIT)
    few = replace(kit, identity=kit.identity[:1], expression=kit.expression[:2], expression_names=["a", "b"])
    write_face_tree(few, tmp_path)
    read = read_tree(tmp_path)
    np.testing.assert_array_equal(read.faces, kit.faces)
    np.testing.assert_array_equal(read.corner_uv, kit.corner_uv)
    np.testing.assert_array_equal(read.material, kit.material)
    np.testing.assert_allclose(read.base, kit.base, atol=1e-4)

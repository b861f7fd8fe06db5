"""The body model from the compact file and from the public tree; errors are one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.kits import small_bodykit, write_body_tree
from training.render.character.bodykit import BodykitError, load_bodykit


def test_bodykit_reads_the_public_tree(tmp_path):
    kit = small_bodykit()
    write_body_tree(kit, tmp_path)
    for path in (tmp_path, tmp_path / "makehuman", tmp_path / "makehuman" / "data"):
        read = load_bodykit(path)
        np.testing.assert_allclose(read.vertices, kit.vertices, atol=1e-4)
        np.testing.assert_array_equal(read.faces, kit.faces)  # the helper group is left out
        np.testing.assert_array_equal(read.corner_uv, kit.corner_uv)
        assert read.bones == kit.bones and read.parent.tolist() == kit.parent.tolist()
        assert read.weight_value.tolist() == kit.weight_value.tolist()
        np.testing.assert_allclose(read.ends(read.vertices, "neck"), kit.ends(kit.vertices, "neck"), atol=1e-4)
        assert read.targets.keys() == kit.targets.keys()
        for name, (vertex, delta) in kit.targets.items():
            np.testing.assert_array_equal(read.targets[name][0], vertex)
            np.testing.assert_allclose(read.targets[name][1], delta, atol=1e-3)


def test_bodykit_reports_a_missing_file(tmp_path):
    with pytest.raises(BodykitError, match=r"^There is no body model at .*: give makehuman_base\.npz or"):
        load_bodykit(tmp_path / "none.npz")
    with pytest.raises(BodykitError, match=r"has no 3dobjs/base\.obj: give MakeHuman's data folder"):
        load_bodykit(tmp_path)


def test_bodykit_reports_a_damaged_file(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(BodykitError, match=r"is not a readable \.npz archive"):
        load_bodykit(tmp_path / "broken.npz")
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(BodykitError, match="has no array 'quad_group', so it is not the compact MakeHuman file"):
        load_bodykit(tmp_path / "other.npz")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("3dobjs/base.obj", "v 0 0 zero\n", r"line 1: 'v 0 0 zero' cannot be read as OBJ"),
        ("3dobjs/base.obj", "g other\nv 0 0 0\n", "has no group 'body'"),
        ("rigs/default.mhskel", "{", "is not the JSON of MakeHuman's default rig"),
        ("rigs/default_weights.mhw", "[]", "is not the JSON of MakeHuman's default rig"),
        ("targets/torso/torso-wide.target", "1 2 3\n", "is not a MakeHuman target"),
        ("targets/torso/torso-wide.target", "99 0 0 0\n", "moves a vertex that base.obj does not have"),
    ],
)
def test_bodykit_names_the_wrong_file_of_a_tree(tmp_path, name, text, said):
    data = write_body_tree(small_bodykit(), tmp_path)
    (data / name).write_text(text)
    with pytest.raises(BodykitError, match=said) as caught:
        load_bodykit(tmp_path)
    assert str(caught.value).startswith(str(data / name)) and "\n" not in str(caught.value)


def test_bodykit_reports_a_tree_without_skin_weights(tmp_path):
    data = write_body_tree(small_bodykit(), tmp_path)
    (data / "rigs" / "default_weights.mhw").unlink()
    with pytest.raises(BodykitError, match=r"default_weights\.mhw cannot be read \(No such file or directory\)"):
        load_bodykit(tmp_path)

"""Samples: shapes, truth, reproducibility, and the files they live in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from training.shards import ShardReader, ShardWriter, missing_shards, read_shard

FACEKIT = os.environ.get("KAGAMI_FACEKIT", "")
needs_facekit = pytest.mark.skipif(
    not FACEKIT or not Path(FACEKIT).exists(),
    reason="the face model is not in the repository: set KAGAMI_FACEKIT to ict_facekit.npz to run this test",
)

BODYKIT = os.environ.get("KAGAMI_BODYKIT", "")
needs_bodykit = pytest.mark.skipif(
    not FACEKIT or not BODYKIT or not Path(BODYKIT).exists(),
    reason="the body model is not in the repository: set KAGAMI_BODYKIT to makehuman_base.npz to run this test",
)


def fake_sample(seed: int, size: int = 32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    smooth = np.full((2, 3, size, size), 40 * seed % 256, np.uint8)
    return {
        "ref_image": smooth[0],
        "ref_matte": rng.integers(0, 256, (1, size, size), dtype=np.uint8),
        "ref_label": rng.integers(0, 6, (1, size, size), dtype=np.uint8),
        "ref_face": rng.normal(0, 1, (478, 3)).astype(np.float32),
        "target_image": smooth,
        "target_matte": rng.integers(0, 256, (2, 1, size, size), dtype=np.uint8),
        "target_label": rng.integers(0, 6, (2, 1, size, size), dtype=np.uint8),
        "flow": rng.uniform(-1, 1, (2, 2, size, size)).astype(np.float32),
        "visible": rng.integers(0, 256, (2, 1, size, size), dtype=np.uint8),
        "kind": np.array(seed % 3, np.uint8),
    }


def test_a_shard_gives_back_what_was_put_in(tmp_path):
    samples = [fake_sample(n) for n in range(3)]
    path = ShardWriter(tmp_path).write(7, samples)
    assert path.name == "shard_00007.npz"
    for before, after in zip(samples, read_shard(path), strict=True):
        assert before.keys() == after.keys()
        for name, value in before.items():
            assert after[name].shape == value.shape, name
            if name == "flow":
                np.testing.assert_allclose(after[name], value, atol=1 / (32 / 2 * 16) / 2 + 1e-6)
            elif name.endswith("image"):
                assert np.abs(after[name].astype(int) - value).max() <= 3
            else:
                np.testing.assert_array_equal(after[name], value)


def test_missing_shards_are_those_without_a_whole_file(tmp_path):
    writer = ShardWriter(tmp_path)
    writer.write(1, [fake_sample(0)])
    (tmp_path / "shard_00002.partial").write_bytes(b"half")
    assert missing_shards(tmp_path, 4) == [0, 2, 3]


def test_the_reader_sees_all_samples_and_new_shards(tmp_path):
    writer = ShardWriter(tmp_path)
    writer.write(0, [fake_sample(0), fake_sample(1)])
    reader = ShardReader(tmp_path)
    assert len(reader) == 2 and int(reader[1]["kind"]) == 1
    writer.write(1, [fake_sample(2), fake_sample(3)])
    assert reader.refresh() == 2 and len(reader) == 4
    kinds = sorted(int(sample["kind"]) for sample, _ in zip(reader.shuffled(0), range(4), strict=False))
    assert kinds == [0, 0, 1, 2]
    with pytest.raises(IndexError):
        reader[4]


@pytest.fixture(scope="module")
def stream():
    from training.samples import SampleStream  # noqa: PLC0415

    return SampleStream(FACEKIT, seed=11)


@needs_facekit
def test_a_sample_has_the_documented_arrays(stream):
    sample = stream.sample(2)
    shapes = {
        "ref_image": (3, 256, 256), "ref_matte": (1, 256, 256), "ref_label": (1, 256, 256), "ref_face": (478, 3),
        "ref_face_true": (478, 3), "ref_body": (33, 4), "target_image": (2, 3, 256, 256),
        "target_matte": (2, 1, 256, 256), "target_label": (2, 1, 256, 256), "target_face": (2, 478, 3),
        "target_face_true": (2, 478, 3), "target_body": (2, 33, 4), "flow": (2, 2, 256, 256),
        "visible": (2, 1, 256, 256), "kind": (),
    }  # fmt: skip
    assert {name: value.shape for name, value in sample.items()} == shapes
    assert set(np.unique(sample["target_label"])) <= set(range(6))
    face = sample["ref_face_true"]
    assert abs(face[:468, 2].mean()) < 1e-4
    assert face[1, 2] < face[234, 2] and face[1, 2] < face[454, 2]  # the nose is nearer than the ears
    centre = ((face[:, :2].mean(0) + 1) * 128).astype(int)
    assert sample["ref_matte"][0, centre[1], centre[0]] == 255


@needs_facekit
def test_the_same_seed_and_number_are_the_same_sample(stream):
    from training.samples import SampleStream  # noqa: PLC0415

    again = SampleStream(stream.studio, seed=11)
    again.sample(9)  # another order of asking must not matter
    for name, value in again.sample(1).items():
        np.testing.assert_array_equal(value, stream.sample(1)[name], err_msg=name)
    other = SampleStream(stream.studio, seed=12).sample(1)
    assert not np.array_equal(other["ref_image"], again.sample(1)["ref_image"])


@needs_facekit
def test_the_tracker_noise_is_of_the_measured_size(stream):
    from training.samples import SampleStream  # noqa: PLC0415

    noisy = SampleStream(stream.studio, seed=11, noisy=1.0).sample(0)
    gap = np.linalg.norm((noisy["target_face"] - noisy["target_face_true"])[..., :2], axis=-1)
    eyes = np.linalg.norm(noisy["ref_face_true"][33, :2] - noisy["ref_face_true"][263, :2])
    assert 0.005 < gap.mean() / eyes < 0.12
    clean = SampleStream(stream.studio, seed=11, noisy=0.0).sample(0)
    np.testing.assert_array_equal(clean["target_face"], clean["target_face_true"])


@needs_facekit
def test_the_whole_truth_on_request(stream):
    from training.samples import SampleStream  # noqa: PLC0415

    full = SampleStream(stream.studio, seed=11, full=True).sample(1)
    plain = stream.sample(1)
    assert set(full) - set(plain) == {
        f"{which}_{name}" for which in ("ref", "target") for name in ("expression", "pose", "place")
    }
    for name, value in plain.items():
        np.testing.assert_array_equal(value, full[name], err_msg=name)
    assert full["target_expression"].shape == (2, 57) and full["ref_pose"].shape == (6,)
    place, shown = full["ref_place"], plain["ref_matte"][0] == 255
    assert place.shape == (3, 256, 256) and (place[:, plain["ref_matte"][0] == 0] == 0).all()
    skin = shown & (plain["ref_label"][0] == 3)
    assert np.abs(place[0, skin]).max() < 12 and place[1, skin].min() > -18  # a face lies where faces do


@needs_bodykit
def test_bodies_have_hands_and_a_head_on_their_neck():
    from training.samples import SampleStream  # noqa: PLC0415

    stream = SampleStream(FACEKIT, seed=3, bodykit=BODYKIT)
    sample = stream.sample(2)
    assert sample["ref_hands"].shape == (2, 21, 4) and sample["target_hands"].shape == (2, 2, 21, 4)
    again = SampleStream(stream.studio, seed=3).sample(2)
    for name, value in sample.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)
    body = sample["ref_body"]
    assert body[11, 0] > body[12, 0] and body[23, 1] > body[11, 1]  # left is at the right of the picture, hips below
    for number in range(3):
        points = stream._character(number).body.points
        assert points[:, 1].max() == pytest.approx(-9, abs=1.5)  # the neck's end, under the chin
        assert points[:, 1].min() < -80

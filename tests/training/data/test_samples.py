"""Samples: shapes, truth, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.kits import BODYKIT, FACEKIT, needs_bodykit, needs_facekit


@pytest.fixture(scope="module")
def stream():
    from training.data.samples import SampleStream  # noqa: PLC0415

    return SampleStream(FACEKIT, seed=11)


@needs_facekit
def test_sample_has_the_documented_arrays(stream):
    sample = stream.sample(2)
    shapes = {
        "ref_image": (3, 256, 256), "ref_matte": (1, 256, 256), "ref_label": (1, 256, 256), "ref_face": (478, 3),
        "ref_face_true": (478, 3), "ref_body": (33, 4), "target_image": (2, 3, 256, 256),
        "target_matte": (2, 1, 256, 256), "target_label": (2, 1, 256, 256), "target_face": (2, 478, 3),
        "target_face_true": (2, 478, 3), "target_body": (2, 33, 4), "flow": (2, 2, 256, 256),
        "visible": (2, 1, 256, 256), "kind": (), "style": (),
    }  # fmt: skip
    assert {name: value.shape for name, value in sample.items()} == shapes
    assert set(np.unique(sample["target_label"])) <= set(range(6))
    face = sample["ref_face_true"]
    assert abs(face[:468, 2].mean()) < 1e-4
    assert face[1, 2] < face[234, 2] and face[1, 2] < face[454, 2]  # the nose is nearer than the ears
    centre = ((face[:, :2].mean(0) + 1) * 128).astype(int)
    assert sample["ref_matte"][0, centre[1], centre[0]] == 255


@needs_facekit
def test_sample_is_determined_by_seed_and_index(stream):
    from training.data.samples import SampleStream  # noqa: PLC0415

    again = SampleStream(stream.studio, seed=11)
    again.sample(9)  # the order of the calls must not matter
    for name, value in again.sample(1).items():
        np.testing.assert_array_equal(value, stream.sample(1)[name], err_msg=name)
    other = SampleStream(stream.studio, seed=12).sample(1)
    assert not np.array_equal(other["ref_image"], again.sample(1)["ref_image"])


@needs_facekit
def test_sample_tracking_error_has_the_measured_size(stream):
    from training.data.samples import SampleStream  # noqa: PLC0415

    noisy = SampleStream(stream.studio, seed=11, noise_share=1.0).sample(0)
    gap = np.linalg.norm((noisy["target_face"] - noisy["target_face_true"])[..., :2], axis=-1)
    eyes = np.linalg.norm(noisy["ref_face_true"][33, :2] - noisy["ref_face_true"][263, :2])
    assert 0.005 < gap.mean() / eyes < 0.12
    clean = SampleStream(stream.studio, seed=11, noise_share=0.0).sample(0)
    np.testing.assert_array_equal(clean["target_face"], clean["target_face_true"])


@needs_facekit
def test_full_sample_adds_expression_pose_and_positions(stream):
    from training.data.samples import SampleStream  # noqa: PLC0415

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
    assert np.abs(place[0, skin]).max() < 12 and place[1, skin].min() > -18  # plausible positions of a face


@needs_facekit
@needs_bodykit
def test_body_samples_have_hands_and_a_joined_neck():
    from training.data.samples import SampleStream  # noqa: PLC0415

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


@needs_facekit
@needs_bodykit
def test_targets_of_a_body_show_what_is_behind_the_limbs_of_its_reference():
    from training.data.samples import SampleStream  # noqa: PLC0415

    sample = SampleStream(FACEKIT, seed=77, size=128, bodykit=BODYKIT).sample(0)
    assert sample["ref_limb_shown"].tolist() == [1, 1, 0, 0] and sample["ref_limb_radii"].shape == (4, 38, 2)

    def covered(matte, body):
        x, y = ((body[[13, 14], :2] + 1) * 64).astype(int).T  # elbows, beside the torso
        return matte[0, y, x] > 0

    assert covered(sample["ref_matte"], sample["ref_body"]).all()
    for matte, body in zip(sample["target_matte"], sample["target_body"], strict=True):
        assert not covered(matte, body).any()

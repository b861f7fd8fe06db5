"""Drivers of other proportions, and that the drawn motion hardly depends on them."""

import numpy as np
import pytest
import torch

from models.geometry.body import LEFT_ELBOW, LEFT_SHOULDER, SHOULDERS
from models.geometry.retarget import rest_pose, retarget
from models.geometry.topology import head_pose, topology
from models.motion import Driver
from tests.support.faces import drawn_face
from training.data.impostor import BONE_SCALE_RANGE, Impostor

OTHER = Impostor.from_array(np.array([[1.14, 0.88, 1.1, 0.86, 1.15, 1.2]]))


def faces() -> tuple[torch.Tensor, torch.Tensor]:
    """A neutral face, and the same one with an opening mouth, larger and further right."""
    neutral = topology().canonical[None] * 0.28
    now = neutral.clone()
    now[:, [14, 87, 317, 17, 84, 314], 1] += 0.05
    return neutral, now * 1.1 + torch.tensor([0.1, 0, 0])


def test_unchanged_impostor_is_the_identity() -> None:
    neutral, _ = faces()
    body = torch.rand(1, 33, 4)
    assert torch.allclose(Impostor.unchanged().face(neutral), neutral, atol=1e-5)
    assert torch.allclose(Impostor.unchanged().body(body), body, atol=1e-6)


def test_impostor_changes_the_face_and_keeps_its_position() -> None:
    neutral, _ = faces()
    other = OTHER.face(neutral)
    own = (other - neutral).norm(dim=-1).mean() / 0.28
    assert 0.03 < float(own) < 0.2
    assert torch.allclose(head_pose(other).shift, head_pose(neutral).shift, atol=0.02)
    wide = (other[:, 61] - other[:, 291]).norm() / (neutral[:, 61] - neutral[:, 291]).norm()
    assert abs(float(wide) - 1.14 * 0.86) < 0.05


def test_impostor_leaves_the_retargeted_motion_nearly_unchanged() -> None:
    rig = drawn_face(128)
    neutral, now = faces()
    rest = rest_pose(rig).face
    poses = [
        retarget(rig, Driver.of_face(who.face(now)), Driver.of_face(who.face(neutral))).face
        for who in (Impostor.unchanged(), OTHER)
    ]
    moved, apart = ((a - b).norm(dim=-1).mean() for a, b in ((poses[0], rest), (poses[0], poses[1])))
    assert float(apart) < 0.15 * float(moved)


def test_impostor_scales_bones_about_the_shoulders() -> None:
    body = torch.rand(2, 33, 4)
    other = OTHER.body(body)
    assert torch.allclose(other[:, SHOULDERS].mean(1), body[:, SHOULDERS].mean(1), atol=1e-6)
    before, after = ((b[:, LEFT_ELBOW, :3] - b[:, LEFT_SHOULDER, :3]).norm(dim=-1) for b in (body, other))
    assert torch.allclose(after, 1.2 * before, atol=1e-5)


def test_impostor_changes_half_of_the_samples() -> None:
    cast = Impostor.random(np.random.default_rng(1), 200)
    others = cast.is_changed
    assert 70 < int(others.sum()) < 130
    sides = torch.cat([cast.stretch, cast.mouth[:, None], cast.eyes[:, None]], 1)
    assert float(sides.min()) >= 0.85 and float(sides.max()) <= 1.15
    assert float(cast.bones.min()) >= BONE_SCALE_RANGE[0] and float(cast.bones.max()) <= BONE_SCALE_RANGE[1]
    assert bool((sides[others] != 1).all()) and bool((sides[~others] == 1).all())


def test_impostor_applies_to_each_sample_of_a_batch() -> None:
    neutral, now = faces()
    both, body = torch.cat([neutral, now]), torch.rand(2, 33, 4)
    table = np.array([[1] * 6, [1.14, 0.88, 1.1, 0.86, 1.15, 1.2]])
    cast = Impostor.from_array(table)
    assert cast.is_changed.tolist() == [False, True]
    assert torch.allclose(cast.face(both)[1:], OTHER.face(now), atol=1e-6)
    assert torch.allclose(cast.body(body)[:1], body[:1], atol=1e-6)
    assert cast.repeat(2).bones.tolist() == pytest.approx([1, 1, 1.2, 1.2])

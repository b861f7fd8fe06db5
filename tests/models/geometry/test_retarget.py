"""The transfer of a driver's motion to the picture's character."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.geometry.body import SHOULDERS
from models.geometry.guidance import make_guidance
from models.geometry.openings import (
    EYES,
    LOWER_LIP_EDGE,
    lid_opening,
    lid_transfer,
    lips_gap,
    mouth_share,
    mouth_width,
)
from models.geometry.retarget import Strength, rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import LEFT_MOUTH_CORNER, MESH, RIGHT_IRIS, RIGHT_MOUTH_CORNER, topology
from models.motion import Driver
from tests.support.drivers import driver, lids_at, rotation_of
from tests.support.joints import standing


def test_retarget_of_a_still_driver_gives_the_pictures_own_pose(rig: Rig) -> None:
    tracked = driver(rotation=rotation_of(0.3, 0.1), shift=(0.1, 0.2, 0.0))
    pose = retarget(rig, tracked, tracked)
    assert torch.allclose(pose.face, rig.face, atol=1e-4)
    assert torch.allclose(pose.rotation, torch.eye(3).expand(1, 3, 3), atol=1e-5)
    assert torch.allclose(pose.body, rig.body[..., :3], atol=1e-4)


def test_retarget_with_strength_zero_gives_the_pictures_own_pose(rig: Rig) -> None:
    pose = retarget(rig, driver(rotation=rotation_of(0.4), local=lids_at(0.1)), driver(), Strength(0.0, 0.0, 0.0))
    assert torch.allclose(pose.face, rig.face, atol=1e-4)
    assert torch.allclose(pose.body, rig.body[..., :3], atol=1e-5)


def test_retarget_moves_landmarks_by_a_rigid_motion(rig: Rig) -> None:
    rotation = rotation_of(0.35, 0.2)
    pose = retarget(rig, driver(0.3, rotation, (0.06, -0.03, 0.0)), driver(0.3))
    moved = rig.face @ rotation.mT + torch.tensor([0.06, -0.03, 0.0]) * (0.28 / 0.3)
    assert torch.allclose(pose.face, moved, atol=2e-3)
    assert torch.allclose(pose.rotation, rotation, atol=1e-3)


def test_somebody_seen_to_the_hips_walks_in_sizes_of_their_body_with_head_and_shoulders(rig: Rig) -> None:
    """Their face is measured larger than the picture's, though their body is as large."""
    whole, walked = replace(rig, body=standing()), standing()
    walked[..., 0] += 0.2
    before = replace(driver(0.35), body=standing())
    now = replace(driver(0.35, shift=(0.2, 0.0, 0.0)), body=walked)
    pose = retarget(whole, now, before)
    assert float((pose.face - whole.face)[..., 0].mean()) == pytest.approx(0.2, abs=0.005)
    shoulders = float((pose.body - whole.body[..., :3])[0, SHOULDERS, 0].mean())
    assert 0.18 < shoulders < 0.21  # .16 in sizes of the faces


def test_tongue_and_blush_have_the_strength_of_mouth_and_face(rig: Rig) -> None:
    still = Driver.of_face(rig.face)
    shown = replace(still, extras=torch.tensor([[0.8, 0.6]]).expand(len(rig), -1))

    def extras(strength: Strength) -> list[float]:
        pose = retarget(rig, shown, still, strength)
        return [float(pose.tongue[0]), float(pose.blush[0])]

    assert extras(Strength()) == pytest.approx([0.8, 0.6])
    assert extras(Strength(mouth=0.5)) == pytest.approx([0.4, 0.6]) and extras(Strength(face=0.0)) == [0, 0]
    assert extras(Strength(face=2.0)) == [1, 1]


def test_head_strength_scales_the_rotation(rig: Rig) -> None:
    pose = retarget(rig, driver(rotation=rotation_of(0.4)), driver(), Strength(head=0.5))
    assert torch.allclose(pose.rotation, rotation_of(0.2), atol=1e-3)


def test_lids_close_when_the_drivers_nearly_do(rig: Rig) -> None:
    pose = retarget(rig, driver(local=lids_at(0.18)), driver())
    for ring, _ in EYES:
        assert lid_opening(pose.local, ring) < 0.05 * lid_opening(rig.head.inverse(rig.face), ring)
    assert make_guidance(rig, pose).openings[:, 1].max() < 0.35
    assert make_guidance(rig, rest_pose(rig)).openings[:, 1].max() > 0.9


def test_large_eyes_begin_to_close_by_a_smaller_share_than_the_drivers(rig: Rig) -> None:
    """Lids that follow a glance downwards go equally far before any eye, and lids that meet do so before any."""
    rest_opening, neutral_opening = 0.4, 0.3  # over the eyes' widths
    share = torch.linspace(0, 1.2, 50)
    transferred = lid_transfer(share, torch.full_like(share, neutral_opening / rest_opening))
    slope = (transferred[share > 0.95][1] - transferred[share > 0.95][0]) / share.diff()[0]
    assert float(slope) * rest_opening == pytest.approx(neutral_opening, rel=0.05)
    assert transferred[0] == 0 and transferred[share < 0.28].max() == 0
    large = replace(rig, face=rig.head.apply(lids_at(1.6)))
    shares = []
    for one in (rig, large):
        pose = retarget(one, driver(local=lids_at(0.8)), driver())
        shares.append(float(lid_opening(pose.local, EYES[0][0]) / lid_opening(one.head.inverse(one.face), EYES[0][0])))
    assert shares[0] == pytest.approx(0.8, abs=0.02) and 0.82 < shares[1] < 0.95


def test_large_eyes_do_not_open_much_further(rig: Rig) -> None:
    narrow, wide = lids_at(0.6), lids_at(1.6)
    surprised = driver(local=lids_at(1.8))

    def share(local: Tensor) -> float:
        one = replace(rig, face=rig.head.apply(local))
        local = retarget(one, surprised, driver()).local
        return float(lid_opening(local, EYES[0][0]) / lid_opening(one.head.inverse(one.face), EYES[0][0]))

    assert share(wide) == pytest.approx(1.2, abs=0.02)
    assert share(narrow) > 1.6


def test_a_mouth_that_smiles_at_rest_smiles_little_more(rig: Rig) -> None:
    canonical = topology().canonical[None]

    def smiling(times: float) -> Tensor:
        corners = canonical[:, [RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER], 0].mean()
        wider = 1 + mouth_share(canonical.device) * (times - 1)
        return torch.cat([corners + (canonical[..., :1] - corners) * wider[:, None], canonical[..., 1:]], -1)

    def ratio(rest: Tensor) -> float:
        one = replace(rig, face=rig.head.apply(rest))
        return float(mouth_width(retarget(one, driver(local=smiling(1.3)), driver()).local) / mouth_width(rest))

    assert ratio(canonical) == pytest.approx(1.3, abs=0.03)
    wide = smiling(0.8 / float(mouth_width(canonical)))
    assert 1.05 < ratio(wide) < 1.11


def test_gaze_moves_the_eyeball_and_not_the_lids(rig: Rig) -> None:
    local = topology().canonical[None].clone()
    local[:, MESH:, 0] += 0.04
    pose = retarget(rig, driver(local=local), driver())
    change = pose.local - rig.head.inverse(rig.face)
    assert (change[:, RIGHT_IRIS, 0] - 0.04).abs() < 0.005
    assert change[:, :MESH].norm(dim=-1).max() < 0.004


def with_lids(one: Driver, right: float, left: float) -> Driver:
    """A driver whose eyes were measured in their own range."""
    return replace(one, lids=torch.tensor([[[right, 1.0], [left, 1.0]]]))


def shares_of(rig: Rig, local: Tensor) -> list[float]:
    """Openings of both eyes over those of the picture."""
    rest = rig.head.inverse(rig.face)
    return [float(lid_opening(local, ring) / lid_opening(rest, ring)) for ring, _ in EYES]


def test_lids_follow_the_openness_in_the_drivers_own_range(rig: Rig) -> None:
    """Landmarks that fall to a quarter say shut; a driver whose lids are known to meet lower only looks down."""
    low, neutral = driver(local=lids_at(0.25)), with_lids(driver(), 1, 1)
    assert max(shares_of(rig, retarget(rig, low, driver()).local)) < 0.01
    assert min(shares_of(rig, retarget(rig, with_lids(low, 0.2, 0.2), neutral).local)) > 0.1
    assert max(shares_of(rig, retarget(rig, with_lids(low, 0.0, 0.0), neutral).local)) < 0.01
    wink = shares_of(rig, retarget(rig, with_lids(driver(), 1, 0), neutral).local)
    assert wink[0] > 0.95 and wink[1] < 0.01


def test_a_neutral_that_squints_opens_the_eyes_as_usual(rig: Rig) -> None:
    squinting, usual = driver(local=lids_at(0.45)), with_lids(driver(), 1, 1)
    stares = shares_of(rig, retarget(rig, driver(), squinting).local)
    opened = shares_of(rig, retarget(rig, usual, with_lids(squinting, 0.4, 0.4)).local)
    assert min(stares) > 1.2 and opened == pytest.approx([1, 1], abs=0.02)
    half = replace(rig, face=rig.head.apply(lids_at(0.35)))  # a picture that squints too is driven by the change
    assert shares_of(half, retarget(half, with_lids(squinting, 0.4, 0.4), with_lids(squinting, 0.4, 0.4)).local) == (
        pytest.approx([1, 1], abs=0.02)
    )


def test_a_talking_neutral_is_corrected_for_pictures_with_shut_lips(rig: Rig) -> None:
    """The mouth opens though the first frame was as open, and stays as it is in a picture that shows the same."""

    def opened(gap: float) -> Tensor:
        local = topology().canonical[None].clone()
        local[:, list(LOWER_LIP_EDGE), 1] += gap
        return local

    def gap(one: Rig, now: Tensor, corrected: bool) -> float:
        neutral = driver(local=opened(0.2))
        if corrected:
            neutral = replace(neutral, correction=opened(0.0) - opened(0.2))
        return float(lips_gap(retarget(one, driver(local=now), neutral).local))

    shut, talks = rig, replace(rig, face=rig.head.apply(opened(0.2)))
    assert gap(shut, opened(0.2), False) < 0.02
    assert gap(shut, opened(0.2), True) > 0.12
    assert gap(shut, opened(0.0), True) < 0.02
    assert gap(talks, opened(0.2), True) == pytest.approx(gap(talks, opened(0.2), False), abs=0.02)
    assert gap(talks, opened(0.0), True) < 0.06

"""Eyes, brows, mouth and hands have strengths of their own."""

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from models.geometry.face_regions import region_shares
from models.geometry.retarget import Pose, Strength, retarget
from models.geometry.rig import Rig
from models.geometry.topology import (
    INNER_LIPS,
    LEFT_BROW,
    LEFT_LID,
    MESH,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LID,
    topology,
)
from models.motion import Driver
from tests.support.drivers import all_strengths, driver, lids_at, rotation_of

FEATURES = {
    "eyes": (*RIGHT_LID, *LEFT_LID, *range(RIGHT_IRIS, RIGHT_IRIS + 10)),
    "brows": (*RIGHT_BROW, *LEFT_BROW),
    "mouth": (*OUTER_LIPS, *INNER_LIPS),
}


def moving() -> Driver:
    """A driver who turns, squints, looks aside, raises the brows, and opens the mouth; inside it something is seen."""
    local = lids_at(0.6)
    local[:, MESH:, 0] += 0.03
    local[:, list(FEATURES["brows"]), 1] -= 0.06
    below = topology().canonical[:MESH, 1] > 0.76
    local[:, :MESH][:, below, 1] += 0.1
    tracked = driver(rotation=rotation_of(0.2, 0.1), local=local)
    return replace(tracked, mouth=torch.full_like(tracked.mouth, 0.5))


def rows(pose: Pose, part: str) -> Tensor:
    return pose.local[:, list(FEATURES[part])]


def test_each_feature_is_of_one_region_alone() -> None:
    shares = region_shares(torch.device("cpu"))
    for k, part in enumerate(FEATURES):
        expected = torch.zeros(3, len(FEATURES[part]))
        expected[k] = 1
        assert torch.equal(shares[:, list(FEATURES[part])], expected)
    assert float(shares.min()) >= 0 and float(shares.sum(0).max()) <= 1 + 1e-6


@pytest.mark.parametrize("part", list(FEATURES))
def test_a_part_with_strength_zero_is_at_rest_and_the_others_move_as_before(rig: Rig, part: str) -> None:
    rest = rig.head.inverse(rig.face)
    as_before, without = retarget(rig, moving(), driver()), retarget(rig, moving(), driver(), Strength(**{part: 0.0}))
    for each, numbers in FEATURES.items():
        moved = (rows(as_before, each) - rest[:, list(numbers)]).norm(dim=-1).amax()
        assert moved > 0.02, f"the test's driver does not move the {each}"
        if each == part:
            assert torch.allclose(rows(without, each), rest[:, list(numbers)], atol=1e-6)
        else:
            assert torch.equal(rows(without, each), rows(as_before, each))
    assert torch.equal(without.rotation, as_before.rotation)


def test_a_mouth_at_rest_shows_nothing_of_the_drivers(rig: Rig) -> None:
    assert torch.equal(retarget(rig, moving(), driver()).mouth, moving().mouth.permute(0, 3, 1, 2))
    assert float(retarget(rig, moving(), driver(), Strength(mouth=0.0)).mouth.abs().max()) == 0


def test_strengths_of_one_are_byte_identical_to_none(rig: Rig) -> None:
    plain, explicit = (retarget(rig, moving(), driver(), strength) for strength in (None, all_strengths(1)))
    for field in fields(Pose):
        one, other = getattr(plain, field.name), getattr(explicit, field.name)
        pairs = zip(one, other, strict=True) if field.name == "head" else [(one, other)]
        assert all(torch.equal(a, b) for a, b in pairs), field.name


def test_strength_of_a_part_is_a_factor_of_the_faces(rig: Rig) -> None:
    half, both = Strength(face=0.5), Strength(face=0.25, eyes=2.0, brows=2.0, mouth=2.0)
    one, other = (retarget(rig, moving(), driver(), strength) for strength in (half, both))
    for part in FEATURES:
        assert torch.allclose(rows(one, part), rows(other, part), atol=1e-6)

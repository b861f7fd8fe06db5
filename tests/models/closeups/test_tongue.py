"""A tongue: nothing while it is in, below the upper lip while it is out, and turned with the head."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.closeups.inputs import MovingPicture, make_reference
from models.closeups.patches import Patch
from models.closeups.tongue import PATCH_SIDE, any_tongue, below_upper_lip, tongue_patch
from models.closeups.window import MOUTH_VIEW
from models.compositor import compose
from models.geometry.guidance import make_guidance
from models.geometry.retarget import rest_pose
from models.geometry.rig import Rig
from models.geometry.topology import LOWER_LIP_INNER, UPPER_LIP_INNER, HeadTransform, rotation_about
from tests.support.closeups import at_rest
from tests.support.faces import drawn_face


@pytest.fixture(scope="module")
def rig() -> Rig:
    return drawn_face(128)


def drawn(rig: Rig, out: float, yaw: float = 0.0) -> tuple[MovingPicture, Patch]:
    """The tongue of a head that is turned."""
    moving = at_rest(rig)
    turn = rotation_about(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([yaw]))
    head = HeadTransform(moving.head.scale, turn @ moving.head.rotation, moving.head.shift)
    moving = replace(moving, tongue=torch.tensor([out]), head=head, face=head.apply(moving.head.inverse(moving.face)))
    return moving, tongue_patch(moving, make_reference(MOUTH_VIEW, rig.image, rig.face, rig.head, 32))


def cover(patch: Patch) -> Tensor:
    """(n, n) 0..1."""
    return (1 - patch.edit.keep)[0, 0]


@torch.inference_mode()
def test_a_tongue_that_is_in_changes_no_bit(rig: Rig) -> None:
    """On a device it is always drawn."""
    moving, patch = drawn(rig, 0.0)
    assert not any_tongue(moving.tongue) and bool((patch.edit.keep == 1).all()) and not patch.edit.influence.any()
    guidance = make_guidance(rig, rest_pose(rig))
    assert torch.equal(compose(rig, guidance), compose(rig, guidance, patches=[patch]))


@torch.inference_mode()
def test_a_tongue_beside_a_turned_chin_is_seen_before_the_background(rig: Rig) -> None:
    _, patch = drawn(rig, 1.0, yaw=0.5)
    window = replace(patch.window, centre=patch.window.centre * 0 - 0.75)  # a corner, where nobody is
    beside = replace(patch, window=window)
    guidance = make_guidance(rig, rest_pose(rig))
    bare, picture = compose(rig, guidance), compose(rig, guidance, patches=[beside])
    place = window.grid(PATCH_SIDE)[0][patch.edit.influence[0, 0] > 0.99].mean(0)
    column, row = ((place + 1) / 2 * rig.size).long().tolist()
    assert float(bare[0, 3, row, column]) < 0.01 and float(picture[0, 3, row, column]) > 0.99
    assert float((picture - bare)[0, :3, row, column].abs().max()) > 0.1
    assert torch.equal(picture[:, :, -rig.size // 4 :], bare[:, :, -rig.size // 4 :])


@torch.inference_mode()
def test_a_tongue_comes_out_below_the_upper_lip_and_farther_the_more_it_is_out(rig: Rig) -> None:
    lowest = []
    for out in (0.3, 0.6, 1.0):
        moving, patch = drawn(rig, out)
        grid = patch.window.grid(PATCH_SIDE)[0]
        covered = grid[cover(patch) > 0.5]
        assert float(covered[:, 1].min()) > float(moving.face[0, UPPER_LIP_INNER, 1]) - 0.01
        assert abs(float(covered[:, 0].mean())) < 0.01
        lowest.append(float(covered[:, 1].max() - moving.face[0, LOWER_LIP_INNER, 1]) / float(rig.head.scale[0]))
    assert lowest == sorted(lowest) and lowest[0] > 0.02 and 0.25 < lowest[-1] < 0.5


@torch.inference_mode()
def test_a_tongue_goes_along_with_a_turned_head(rig: Rig) -> None:
    for yaw in (-0.5, 0.5):
        moving, patch = drawn(rig, 1.0, yaw)
        covered = patch.window.grid(PATCH_SIDE)[0][cover(patch) > 0.5]
        lip = float(moving.face[0, LOWER_LIP_INNER, 0])
        assert abs(float(covered[:, 0].mean()) - lip) < 0.1 * float(rig.head.scale[0])


def test_below_upper_lip_goes_on_beside_the_mouth() -> None:
    ring = torch.tensor([[[-0.5, 0.0], [0.0, -0.2], [0.5, 0.0], [0.0, 0.3]]])
    below = below_upper_lip(ring)[0]
    rows = (torch.arange(PATCH_SIDE) * 2 + 1) / PATCH_SIDE - 1
    assert torch.allclose(below[:, 0], rows, atol=1e-2) and torch.allclose(below[:, -1], rows, atol=1e-2)
    assert torch.allclose(below[:, PATCH_SIDE // 2], rows + 0.2, atol=1e-2)

"""The neck behind a turned head: it is round and stays as wide as in the picture."""

import math

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.guidance import make_guidance
from models.geometry.neck import USUAL, lateral, neck_edges, neck_profile, neck_spread
from models.geometry.retarget import rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform, head_pose
from models.geometry.turn_limit import about_axis
from tests.support.drivers import driver, rotation_of
from tests.support.solid_heads import EAR, PICTURE_SIDE, SCALE, bare_sides, picture_of

HALF_WIDTH = 0.5  # canonical units, of the neck in `picture_of`
CHIN_ROW = 1.25  # canonical units: a row of the picture just below the chin


def bare_neck() -> tuple[Tensor, Tensor, HeadTransform]:
    """Matte, landmarks and transform of a head with short hair."""
    view = picture_of(colours=bare_sides, ears=EAR)
    return view.matte, view.face, head_pose(view.face)


def turned(head: HeadTransform, yaw: float) -> HeadTransform:
    return head._replace(rotation=rotation_of(math.radians(yaw)) @ head.rotation)


def in_a_row(head: HeadTransform, x: list[float], y: float = CHIN_ROW) -> tuple[Tensor, Tensor]:
    """Canvas points (1, N, 2) at these canonical x, and their depth (1, N), that of the middle of the skull."""
    place = torch.stack([torch.tensor(x), torch.full((len(x),), y), torch.full((len(x),), 0.75)], -1)
    points = head.apply(place[None])
    return points[..., :2], points[..., 2]


def test_a_necks_edges_are_where_the_matte_ends_and_a_collar_is_none() -> None:
    matte, face, head = bare_neck()
    assert torch.allclose(neck_edges(matte, face, head), torch.full((1, 2), HALF_WIDTH), atol=0.06)
    assert torch.allclose(neck_edges(torch.ones_like(matte), face, head), torch.full((1, 2), USUAL))


@pytest.mark.parametrize("yaw", [30.0, -30.0])
def test_a_neck_keeps_its_width_on_the_side_that_comes_into_view(yaw: float) -> None:
    matte, face, head = bare_neck()
    x = [-1.5, -0.5, -0.3, 0.3, 0.5, 1.5]
    points, depth = in_a_row(head, x)
    profile = neck_profile(matte, face, head, points, depth)
    assert neck_spread(profile, head, head).abs().max() < 1e-6
    moved = neck_spread(profile, head, turned(head, yaw))[0] / head.scale
    side = float(turned(head, yaw).rotation[0, 0, 2])
    wanted = [(1 - math.cos(math.radians(30))) * v if abs(v) < 0.45 and v * side > 0 else 0.0 for v in x]
    kept = torch.tensor([abs(v) < 0.45 or abs(v) > 1 for v in x])
    assert torch.allclose(moved[kept, 0], torch.tensor(wanted)[kept], atol=0.01)
    assert moved[:, 1].abs().max() < 0.01


def test_nothing_moves_above_the_neck_nor_where_hair_hangs() -> None:
    matte, face, head = bare_neck()
    assert neck_profile(matte, face, head, *in_a_row(head, [-0.4, 0.4], y=0.3)).abs().max() == 0
    hanging = torch.ones_like(matte)
    assert neck_profile(hanging, face, head, *in_a_row(head, [-0.4, 0.4])).abs().max() == 0


@pytest.mark.parametrize("yaw", [40.0, -40.0])
def test_a_turned_head_has_a_neck_behind_its_jaw(yaw: float) -> None:
    view = picture_of(colours=bare_sides, ears=EAR)
    rig = Rig.build(view.image, view.matte, view.face)
    pose = retarget(rig, driver(SCALE, rotation_of(math.radians(yaw))), driver(SCALE))
    row = round((CHIN_ROW * SCALE + 1) / 2 * PICTURE_SIDE)
    widths = [
        float((compose(rig, make_guidance(rig, each))[0, 3, row] > 0.5).sum()) / (SCALE * PICTURE_SIDE / 2)
        for each in (rest_pose(rig), pose)
    ]
    assert widths[1] > 0.81 * widths[0]  # the other side is a sheet's: .77 for both


@pytest.mark.parametrize(("yaw", "pitch"), [(45.0, 15.0), (-60.0, 20.0), (0.0, 0.0)])
def test_sideways_is_across_the_heads_own_vertical_however_it_is_turned(yaw: float, pitch: float) -> None:
    _, _, head = bare_neck()
    tilt = about_axis(torch.tensor([math.radians(pitch)]), 0)
    posed = head._replace(rotation=tilt @ rotation_of(math.radians(yaw)) @ head.rotation)
    across, down = lateral(posed), posed.rotation[:, :2, 1]
    assert float((across * down).sum().abs()) < 1e-5
    assert float(across[0, 0]) > 0 and float(across.norm()) == pytest.approx(1)

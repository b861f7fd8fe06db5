"""A torso that turns shows what a cylinder would: its middle moves, and its far half mirrors the near one."""

import math

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import HIPS, LEFT_HIP, LEFT_SHOULDER, RIGHT_HIP, RIGHT_SHOULDER, SHOULDERS
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.proportions import HEAD_SIZE
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from models.geometry.torso_turn import DEPTH, TorsoTurn, neck_motion, on_cylinder, turn_torso, turned_places
from tests.support.bodies import drawn_figure, figure_joints

TORSO = [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP]
LEFTS, RIGHTS = [LEFT_SHOULDER, LEFT_HIP], [RIGHT_SHOULDER, RIGHT_HIP]
ONE = torch.ones(1)
HEAD = ONE * 0.1  # canvas units of a canonical one


def seen_at(yaw: float, joints: Tensor | None = None) -> Tensor:
    """Joints (1, 33, 4) of the figure whose torso is turned by so many degrees, its left side coming nearer."""
    body = (figure_joints() if joints is None else joints).clone()
    depth = body[0, TORSO, 0] * -math.sin(math.radians(yaw)) * 3  # about as deep as MediaPipe takes it
    body[0, TORSO, 0] *= math.cos(math.radians(yaw))
    body[0, TORSO, 2] += depth
    return body


def turn(before: float, now: float) -> TorsoTurn:
    return turn_torso(seen_at(before), seen_at(now)[..., :3], HEAD, ONE)


def width(joints: Tensor) -> float:
    return float((joints[0, LEFT_SHOULDER, :2] - joints[0, RIGHT_SHOULDER, :2]).norm())


def posed(rig: Rig, yaw: float) -> Pose:
    pose = rest_pose(rig)
    return Pose(**{**vars(pose), "body": seen_at(yaw)[..., :3]})


@pytest.mark.parametrize("yaw", [0.0, 30.0, -60.0, 75.0])
def test_torso_at_rest_is_as_in_the_picture(yaw: float) -> None:
    same = turn(yaw, yaw)
    assert (same.joints - seen_at(yaw)[..., :3]).abs().max() < 1e-5
    figure = drawn_figure()
    places = unit_grid(64, torch.device("cpu"))[0].permute(2, 0, 1)[None]
    assert (turned_places(places, figure.torso, figure.body, same) - places).abs().max() < 1e-4


@pytest.mark.parametrize(("before", "now"), [(0.0, 60.0), (0.0, -60.0), (65.0, 0.0), (-65.0, 0.0)])
def test_yaw_is_told_by_the_width_and_by_the_nearer_side(before: float, now: float) -> None:
    turned = turn(before, now)
    for told, true in ((turned.before, before), (turned.now, now)):
        assert torch.rad2deg(told).flatten().tolist() == pytest.approx([-true] * 2, abs=9)


def test_torso_in_profile_is_as_wide_as_a_body_is_deep_and_not_as_its_joints() -> None:
    flat, front = seen_at(88.0), seen_at(0.0)
    profile = turn_torso(front, flat[..., :3], HEAD, ONE).joints
    assert width(flat) < 0.05 * width(front)
    assert width(profile) / width(front) == pytest.approx(DEPTH, abs=0.02)
    assert 1.4 < width(turn(70.0, 0.0).joints) / width(seen_at(70.0)) < 2.1


def test_a_neck_seen_from_the_side_keeps_its_width_and_comes_to_the_middle_of_the_shoulders() -> None:
    rest, same, turned = seen_at(70.0), turn(70.0, 70.0), turn(70.0, 0.0)
    top = rest[:, SHOULDERS, :2].mean(1)
    neck = top + torch.tensor([[0.03, -0.05]])  # bent forwards, to the side to which they look
    points = (neck + torch.tensor([[-0.05, 0.0], [0.0, 0.0], [0.05, 0.0], [0.4, 0.0]]))[None, :]
    assert neck_motion(points, rest, same, neck, HEAD, ONE).abs().max() < 1e-5
    widened = width(turned.joints) / width(rest)
    further = neck_motion(points, rest, turned, neck, HEAD, ONE)[0, :, 0]
    moved = ((points[0, :, 0] - top[0, 0]) * widened + further).tolist()
    assert moved[2] - moved[0] == pytest.approx(0.1, abs=0.005)
    assert abs(moved[1]) < 0.01
    assert abs(further[3]) < 1e-5  # the shoulders widen


def test_hips_that_are_not_seen_leave_the_torso_a_sheet() -> None:
    rest = seen_at(0.0)
    rest[0, HIPS, 3] = 0
    turned = turn_torso(rest, seen_at(50.0)[..., :3], HEAD, ONE)
    assert torch.equal(turned.before, turned.now)
    assert (turned.joints[0, SHOULDERS] - seen_at(50.0)[0, SHOULDERS, :3]).abs().max() < 1e-6


def test_shoulders_that_are_hardly_visible_are_as_wide_as_the_head_tells() -> None:
    rest = seen_at(0.0)
    rest[0, TORSO, 3] = 0.7
    yaw = turn_torso(rest, seen_at(50.0)[..., :3], torch.tensor([0.4 / HEAD_SIZE]), ONE).now
    assert torch.rad2deg(yaw).abs().max() < 60


@pytest.mark.parametrize("around", [90.0, 180.0, -180.0])
@pytest.mark.parametrize("visibility", [1.0, 0.65])
@pytest.mark.parametrize("raised", [0.0, 0.2])
def test_a_torso_that_turns_slowly_turns_without_a_jump(around: float, visibility: float, raised: float) -> None:
    rest = seen_at(0.0)
    rest[0, HIPS, 3] = visibility
    steps = []
    for degrees in torch.arange(around - 12, around + 12.5, 1.0).tolist():
        body = seen_at(degrees)
        body[0, LEFT_SHOULDER, 1] -= raised * width(rest)
        steps.append(turn_torso(rest, body[..., :3], HEAD, ONE).now)
    yaw = torch.cat(steps)
    change = torch.atan2(yaw.diff(dim=0).sin(), yaw.diff(dim=0).cos())
    assert torch.rad2deg(change).abs().max() < 12
    assert yaw.diff(dim=1).abs().max() < math.pi  # the waist is between shoulders and hips


def test_hips_turn_no_further_from_the_shoulders_than_a_spine_does() -> None:
    body = seen_at(0.0)
    body[0, HIPS] = seen_at(80.0)[0, HIPS]
    assert turn_torso(seen_at(0.0), body[..., :3], HEAD, ONE).now.diff(dim=1).abs().max() < 0.51


def test_what_profile_hides_is_the_mirror_image_of_what_it_shows() -> None:
    v = torch.linspace(-0.9, 0.9, 37)
    before, front = torch.tensor(math.radians(-70)).expand(37), torch.zeros(37)
    shown = on_cylinder(v, before, front)
    assert (shown - shown.flip(0)).abs()[v.abs() < 0.85].max() < 1e-5
    middle = float(shown[18])  # of the chest
    assert middle == pytest.approx(math.sin(math.radians(-70)), abs=0.03)
    assert (shown[19:33].diff() > 0).all()  # from the chest over the side that is seen


def test_what_the_front_hides_is_the_back_and_nothing_jumps() -> None:
    v = torch.linspace(-1.2, 1.2, 241)
    before, side = torch.zeros(241), torch.tensor(math.radians(50)).expand(241)
    shown = on_cylinder(v, before, side)
    assert shown[v.abs() < 0.97].diff().abs().max() < 0.1
    assert torch.equal(shown[v.abs() > 1], v[v.abs() > 1])
    assert shown[v.abs() < 0.85].abs().max() < 0.94


def test_outline_of_a_turned_torso_stays_closed_and_inside_its_bounds() -> None:
    """Of a figure that turns to the side and back nothing but the torso changes, and its middle is opaque."""
    figure = drawn_figure()
    with torch.inference_mode():
        picture = compose(figure, make_guidance(figure, posed(figure, 55.0)))[0]
    x, y = unit_grid(figure.size, torch.device("cpu"))[0].unbind(-1)
    assert picture[3][(x.abs() < 0.08) & (y > -0.3) & (y < 0.05)].min() > 0.95
    beside = (x.abs() > 0.6) | (y < -0.9)
    assert (picture[:3] - figure.image[0])[:, beside].abs().max() < 0.02


def test_rows_of_a_torso_reach_over_the_legs_below_it() -> None:
    rows = drawn_figure().torso
    at_hips = int(rows.half.shape[1] / 1.6)
    assert rows.known[0, at_hips + 2] == 1
    assert float(rows.half[0, at_hips + 10]) == pytest.approx(0.18, abs=0.03)
    assert rows.centre[0, : at_hips + 10].abs().max() < 0.03

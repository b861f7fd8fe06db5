"""Clothes that hang over the legs stay with the torso when the legs move, and so does the seat between the thighs."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import LEFT_ANKLE, LEFT_FOOT, LEFT_HEEL, LEFT_HIP, LEFT_KNEE
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.limb_curve import LEG_PIECES
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from tests.support.bodies import LEG, RADIUS, TORSO, drawn_figure, outlines

SIZE = 256
LEG_JOINTS = (LEFT_HIP, LEFT_KNEE, LEFT_ANKLE, LEFT_HEEL, LEFT_FOOT)
FIGURE = drawn_figure(SIZE)
X, Y = unit_grid(SIZE, torch.device("cpu"))[0].unbind(-1)
COAT = (X.abs() < 0.2) & (Y > 0.1) & (Y < 0.25)
SEAT = (X.abs() < 0.12 + RADIUS) & (Y > 0.14) & (Y < 0.2)


def dressed(mask: Tensor, colour: tuple[float, float, float]) -> Rig:
    """The figure with a mask (S, S) in this colour before its legs."""
    image = torch.where(mask, torch.tensor(colour)[:, None, None], FIGURE.image[0])[None]
    matte = torch.maximum(FIGURE.matte, mask[None, None].float())
    return Rig.build(image, matte, FIGURE.face, FIGURE.body, FIGURE.plate, image, outlines=outlines())


def parted(rig: Rig, degrees: float) -> Pose:
    """The pose with both legs turned outwards."""
    pose = rest_pose(rig)
    body = pose.body.clone()
    for side, sign in ((0, -1.0), (1, 1.0)):
        angle, joints = sign * math.radians(degrees), [joint + side for joint in LEG_JOINTS]
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        centre = pose.body[:, joints[:1], :2]
        body[:, joints, :2] = (body[:, joints, :2] - centre) @ turn.T + centre
    return replace(pose, body=body)


def drawn(rig: Rig, pose: Pose) -> Tensor:
    """(3, S, S) the picture in a pose."""
    with torch.inference_mode():
        return compose(rig, make_guidance(rig, pose))[0, :3]


def share_of(picture: Tensor, colour: tuple[float, float, float], mask: Tensor) -> float:
    """Share of a mask (S, S) that has a colour."""
    return float(((picture - torch.tensor(colour)[:, None, None]).abs().amax(0) < 0.15)[mask].float().mean())


@pytest.mark.parametrize("degrees", [0, 25])
def test_hem_of_a_coat_stays_whole_when_legs_part(degrees: float) -> None:
    rig = dressed(COAT, TORSO)
    picture = drawn(rig, parted(rig, degrees))
    inner = (X.abs() < 0.18) & (Y > 0.1) & (Y < 0.23)
    assert share_of(picture, TORSO, inner) > 0.97
    assert share_of(picture, TORSO, Y > 0.29) == 0  # nothing of it goes with the legs


def test_legs_go_on_in_their_own_colour_behind_a_coat() -> None:
    *colours, alpha = dressed(COAT, TORSO).limbs.tiles[0, LEG_PIECES[0]]
    thigh = alpha > 0.9
    assert thigh.sum() > 1000
    for channel, value in zip(colours, LEG, strict=True):
        assert (channel - value).abs()[thigh].max() < 0.1


def test_no_wall_shows_between_thighs_that_part() -> None:
    rig = dressed(SEAT, LEG)
    at_rest, picture = (drawn(rig, parted(rig, degrees)) for degrees in (0, 30))
    wedge = (X.abs() < 0.04) & (Y > 0.165) & (Y < 0.18)
    assert share_of(at_rest, LEG, wedge) > 0.95
    assert share_of(picture, LEG, wedge) > 0.95

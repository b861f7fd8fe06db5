"""Clothes that hang over the legs stay with the torso when the legs move, and so does the seat between the thighs."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import LEFT_ANKLE, LEFT_FOOT, LEFT_HEEL, LEFT_HIP, LEFT_KNEE
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.hem import Hem, find_hem
from models.geometry.limb_curve import LEG_PIECES, limb_polylines
from models.geometry.retarget import Pose, rest_pose
from models.geometry.ribbons import draw_ribbons, place_vertices, ribbon_across
from models.geometry.rig import Rig
from tests.support.bodies import LEG, RADIUS, TORSO, drawn_figure, figure_joints, near_bone, outlines
from tests.support.joints import turned_about_first

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
    body = turned_about_first(pose.body, LEG_JOINTS, -degrees)
    return replace(pose, body=turned_about_first(body, [joint + 1 for joint in LEG_JOINTS], degrees))


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


def kicking(degrees: float) -> Rig:
    """The figure in a picture that shows its left leg raised sideways by so much, in one line."""
    return drawn_figure(SIZE, joints=turned_about_first(figure_joints(), LEG_JOINTS, -degrees))


@pytest.mark.parametrize("degrees", [30, 50])
def test_a_raised_leg_is_a_layer_and_leaves_nothing_behind(degrees: float) -> None:
    rig = kicking(degrees)
    hip, knee, ankle = (rig.body[0, joint, :2] for joint in (LEFT_HIP, LEFT_KNEE, LEFT_ANKLE))
    leg = near_bone(unit_grid(SIZE, torch.device("cpu"))[0], torch.lerp(hip, knee, 0.5), ankle)
    assert share_of(rig.image[0], LEG, leg) > 0.99
    pose = rest_pose(rig)
    assert share_of(drawn(rig, pose), LEG, leg) > 0.97
    standing = replace(pose, body=rest_pose(FIGURE).body)
    assert share_of(drawn(rig, standing), LEG, leg) < 0.02


def find(colours: Tensor, has_legs: Sequence[bool]) -> Hem:
    """The hem of figures (B, 4, S, S), some of which show legs."""
    count, every = len(has_legs), outlines()
    body = FIGURE.body.expand(count, -1, -1)
    radii = every.radii.expand(count, -1, -1, -1)
    rest = place_vertices(limb_polylines(body), ribbon_across(radii))
    shown = every.shown.repeat(count, 1)
    shown[:, LEG_PIECES] *= torch.tensor(has_legs).float()[:, None]
    return find_hem(
        colours, draw_ribbons(rest, radii, SIZE), rest, body, shown, torch.zeros(count, SIZE, SIZE, dtype=torch.bool)
    )


def test_who_shows_no_legs_has_no_hem_beside_one_who_does() -> None:
    coat = dressed(COAT, TORSO)
    colours = torch.cat([coat.image * coat.matte, coat.matte], 1)
    both, alone = find(colours.repeat(2, 1, 1, 1), [True, False]), find(colours, [True])
    assert alone.clothes.any() and alone.seat.any()
    for part, own in zip(both, alone, strict=True):
        assert torch.equal(part[0], own[0])
        assert not part[1].any()

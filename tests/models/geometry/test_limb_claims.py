"""What of a person goes with a limb: beside its own outline, thin strips and the bare skin of hands."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import (
    LEFT_ELBOW,
    LEFT_INDEX,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_WRIST,
)
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.limb_claims import goes_on, is_skin, thin_parts
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from tests.support.bodies import ARM, RADIUS, SKIN, drawn_figure, near_bone, outlines
from tests.support.joints import turned_about_first

SIZE = 256
ARM_JOINTS = (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_PINKY, LEFT_INDEX)
FIGURE = drawn_figure(SIZE)
GRID = unit_grid(SIZE, torch.device("cpu"))[0]


def painted(mask: Tensor, colour: tuple[float, float, float]) -> Rig:
    """The figure with more of a person, (S, S) bool, in this colour; its outlines do not know of it."""
    mask = mask & (FIGURE.matte[0, 0] < 0.5)
    image = torch.where(mask, torch.tensor(colour)[:, None, None], FIGURE.image[0])[None]
    matte = torch.maximum(FIGURE.matte, mask[None, None].float())
    return Rig.build(image, matte, FIGURE.face, FIGURE.body, FIGURE.plate, image, outlines=outlines())


def raised(rig: Rig) -> Pose:
    """The pose with the left arm straight up."""
    pose = rest_pose(rig)
    return replace(pose, body=turned_about_first(pose.body, ARM_JOINTS, -150))


def left_behind(rig: Rig, mask: Tensor, colour: tuple[float, float, float]) -> float:
    """Share of a mask (S, S) bool that still has the colour where the arm was raised from."""
    with torch.inference_mode():
        picture = compose(rig, make_guidance(rig, raised(rig)))[0, :3]
    return float(((picture - torch.tensor(colour)[:, None, None]).abs().amax(0) < 0.15)[mask].float().mean())


def beside(start: int, end: int, width: float) -> Tensor:
    """(S, S) bool, a band of this width beside the arm's own pixels around one of its bones."""
    first, last = (FIGURE.body[0, joint, :2] for joint in (start, end))
    band = near_bone(GRID, first, last, RADIUS + width) & ~near_bone(GRID, first, last, RADIUS + 0.004)
    return band & (FIGURE.matte[0, 0] < 0.5) & (GRID[..., 0] > 0.24)


@pytest.mark.parametrize(("joints", "colour"), [((LEFT_ELBOW, LEFT_WRIST), ARM), ((LEFT_WRIST, LEFT_PINKY), SKIN)])
def test_what_hangs_on_an_arm_in_thin_strips_leaves_with_it(
    joints: tuple[int, int], colour: tuple[float, float, float]
) -> None:
    strip = beside(*joints, 0.022)
    rig = painted(strip, colour)
    assert strip.sum() > 50
    with torch.inference_mode():
        at_rest = compose(rig, make_guidance(rig, rest_pose(rig)))[0, :3]
    assert (at_rest - rig.image[0]).abs().mean() < 0.01
    assert left_behind(rig, strip, colour) < 0.05


def test_an_arm_that_is_no_layer_stays_in_the_picture() -> None:
    every = outlines()
    every.shown[0, 2:4] = 0  # the right arm
    rig = Rig.build(FIGURE.image, FIGURE.matte, FIGURE.face, FIGURE.body, FIGURE.plate, FIGURE.image, outlines=every)
    with torch.inference_mode():
        at_rest = compose(rig, make_guidance(rig, rest_pose(rig)))[0, :3]
    elbow, wrist = (FIGURE.body[0, joint, :2] for joint in (RIGHT_ELBOW, RIGHT_WRIST))
    forearm = near_bone(GRID, elbow, wrist) & (FIGURE.matte[0, 0] > 0.5)
    assert forearm.sum() > 300
    assert (at_rest - FIGURE.image[0]).abs().amax(0)[forearm].mean() < 0.03


def test_bare_skin_beside_a_hand_that_goes_on_beyond_it_stays() -> None:
    thigh = (GRID[..., 0] > 0.2) & (GRID[..., 0] < 0.4) & (GRID[..., 1] > 0.12) & (GRID[..., 1] < 0.6)
    rig = painted(thigh, SKIN)
    near = beside(LEFT_WRIST, LEFT_PINKY, 0.03) & thigh & (GRID[..., 0] < 0.32)
    assert near.sum() > 30
    assert left_behind(rig, near, SKIN) > 0.8


def test_large_hand_near_the_camera_that_is_wider_than_its_outline_goes_with_the_arm() -> None:
    """Its rim lies beyond the reach of arms, but is thinner than a finger; a thigh beside it goes on."""
    skin, reach = torch.zeros(1, SIZE, SIZE, dtype=torch.bool), torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    skin[0, 60:140, 60:140] = True  # a third of the figure's height
    reach[0, 40:150, 63:150] = True
    assert not goes_on(skin, ~reach, SIZE).any()
    thigh = skin.clone()
    thigh[0, 100:220, 30:100] = True
    stays = goes_on(thigh, ~reach, SIZE)[0]
    assert stays[110:130, 65:90].all()  # within the arms' reach, joined to what goes on beyond it
    assert not stays[:, 135:].any() and not stays[~thigh[0]].any()


def test_what_is_thin_is_gone_when_a_mask_is_opened() -> None:
    torso, rest = torch.zeros(1, SIZE, SIZE, dtype=torch.bool), torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    torso[0, 50:200, 50:150] = True
    rest[0, 50:200, 50:170] = True  # 20 pixels wider than the torso
    rest[0, 60:180, 200:205] = True
    thin = thin_parts(rest, torso, SIZE)[0]
    assert thin[60:180, 200:205].all()
    assert not thin[:, :170].any()


def test_skin_is_told_in_light_and_shadow_but_not_where_clothes_have_its_colour() -> None:
    skin = torch.tensor([SKIN])
    person = torch.ones(1, 4, SIZE, SIZE) * torch.tensor([0.1, 0.2, 0.8, 1.0])[None, :, None, None]
    person[0, :3, :50] = skin[0, :, None, None] * 0.7
    head, hull = torch.zeros(1, SIZE, SIZE), torch.zeros(1, SIZE, SIZE)
    hull[0, 40:200] = 1
    found = is_skin(person, skin, head, hull)[0]
    assert found[:50].all() and not found[50:].any()
    person[0, :3, 40:100] = skin[0, :, None, None]  # a coat of that colour
    assert not is_skin(person, skin, head, hull).any()

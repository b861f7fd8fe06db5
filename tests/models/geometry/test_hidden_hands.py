"""Hands that a picture hides beyond its border are drawn in its skin when they come up, and change nothing at rest."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import LEFT_ELBOW, LEFT_INDEX, LEFT_PINKY, LEFT_SHOULDER, LEFT_THUMB, LEFT_WRIST
from models.geometry.guidance import make_guidance
from models.geometry.limb_curve import PIECES
from models.geometry.limbs import Outlines
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from streamer.rigging.hidden_hands import complete_hands
from streamer.rigging.limb_outline import LimbOutlines
from tests.support.bodies import SKIN, drawn_figure
from tests.support.bodies import outlines as figure_outlines

BORDER = 0.12  # lower border of the picture, canvas units; the wrists are at .1
ARM_JOINTS = (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_PINKY, LEFT_INDEX, LEFT_THUMB)


def cut_figure(hidden: bool) -> Rig:
    """The drawn figure in a picture that ends at its wrists, with painted hands or without."""
    whole = drawn_figure(512)
    radii, shown, *_ = figure_outlines()
    inside = torch.tensor([[-1.0, -1.0, 1.0, BORDER]])
    limbs = LimbOutlines(radii[0].numpy(), shown[0].unflatten(0, (4, 2)).numpy(), inside[0].numpy())
    rgb, alpha = whole.image[0].permute(1, 2, 0).numpy(), whole.matte[0, 0].numpy()
    added = complete_hands(rgb, alpha, whole.body[0].numpy(), None, limbs, None)
    assert added is not None
    parts = [torch.from_numpy(part)[None] for part in (added.body, added.hands, added.hidden)]
    body, hands, which = parts
    every = Outlines(
        torch.from_numpy(added.limbs.radii)[None],
        torch.cat([shown, torch.from_numpy(added.fingers.shown)[None]], 1),
        inside,
        which,
    )
    every = every._replace(radii=torch.cat([every.radii, torch.from_numpy(added.fingers.radii)[None]], 1))
    outlines = every if hidden else Outlines(radii, shown, inside)
    return Rig.build(
        whole.image, whole.matte, whole.face, body if hidden else whole.body, whole.plate, whole.image,
        hands=hands if hidden else None, outlines=outlines,
    )  # fmt: skip


@pytest.fixture(scope="module")
def figure() -> Rig:
    return cut_figure(hidden=True)


def raised(rig: Rig, degrees: float) -> Pose:
    """The pose with the left arm turned about its shoulder in the picture's plane, and its hand with it."""
    pose, angle = rest_pose(rig), math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    body, hands, centre = pose.body.clone(), pose.hands.clone(), pose.body[:, ARM_JOINTS[:1], :2]
    body[:, list(ARM_JOINTS), :2] = (body[:, list(ARM_JOINTS), :2] - centre) @ turn.T + centre
    hands[:, 0, :, :2] = (hands[:, 0, :, :2] - centre) @ turn.T + centre
    return replace(pose, body=body, hands=hands)


def drawn(rig: Rig, pose: Pose) -> Tensor:
    with torch.inference_mode():
        return compose(rig, make_guidance(rig, pose))[0]


def skin_around(picture: Tensor, point: Tensor) -> int:
    """How many pixels of a picture (4, S, S) within .2 of a canvas point (2,) have the colour of the face."""
    x, y = ((point + 1) * picture.shape[-1] / 2).round().long().tolist()
    near = picture[:3, max(y - 51, 0) : y + 51, max(x - 51, 0) : x + 51]
    return int(((near - torch.tensor(SKIN)[:, None, None]).abs().amax(0) < 0.2).sum())


def test_at_rest_the_picture_within_its_border_stays(figure: Rig) -> None:
    rows, without = int((BORDER + 1) * figure.size / 2), cut_figure(hidden=False)
    assert figure.pieces == PIECES
    painted, plain = (drawn(rig, rest_pose(rig))[:3, :rows] for rig in (figure, without))
    error = (painted - figure.image[0, :, :rows]).square().mean()
    assert -10 * math.log10(error) > 40
    assert (painted - plain).abs().amax() < 0.1  # nothing of the hands themselves, not even at the wrists


def test_a_hand_that_comes_up_is_drawn_in_skin_with_its_fingers(figure: Rig) -> None:
    pose = raised(figure, -120)
    picture, palm = drawn(figure, pose), pose.hands[0, 0, 9, :2]
    without = cut_figure(hidden=False)
    assert skin_around(picture, palm) > 500
    assert skin_around(drawn(without, raised(without, -120)), palm) < 50
    tips = pose.hands[0, 0, [8, 12, 16, 20], :2]
    x, y = ((tips + 1) * figure.size / 2).round().long().unbind(1)
    assert ((picture[:3, y, x] - torch.tensor(SKIN)[:, None]).abs().amax(0) < 0.3).all()

"""Fingers as layers: at rest the picture, bent where the driver's are, mirrored with a hand that is turned over."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.compositor import compose
from models.geometry.body import LEFT_INDEX, LEFT_PINKY, LEFT_WRIST
from models.geometry.drive_hands import drive_hands
from models.geometry.guidance import make_guidance
from models.geometry.hand import INDEX_ROOT, MIDDLE_ROOT, PINKY_ROOT
from models.geometry.limb_curve import FOREARM_PIECES, LIMB_PIECES, PIECES
from models.geometry.limb_motion import NOT_DRAWN, move_limbs
from models.geometry.retarget import Pose, rest_pose
from models.geometry.rig import Rig
from tests.support.bodies import FINGER, WALL, drawn_figure, figure_hands

SHOWN = torch.tensor([[1.0, 0.0]])
SIZE = 512


@pytest.fixture(scope="module")
def figure() -> Rig:
    return drawn_figure(SIZE, figure_hands())


def driven(rig: Rig, driver: Tensor, strength: float = 1.0) -> Pose:
    """The pose for hands (1, 2, 21, 4) of a driver whose body is at rest."""
    pose = rest_pose(rig)
    body, hands = drive_hands(rig.body, rig.hands, SHOWN, driver, pose.body, torch.ones(1), torch.tensor([strength]))
    return replace(pose, body=body, hands=hands)


def drawn(rig: Rig, pose: Pose) -> Tensor:
    with torch.inference_mode():
        return compose(rig, make_guidance(rig, pose))[0]


def like(picture: Tensor, colour: tuple[float, float, float]) -> Tensor:
    """(S, S) bool, where the picture (4, S, S) has the colour."""
    return (picture[:3] - torch.tensor(colour)[:, None, None]).abs().amax(0) < 0.2


def at(picture: Tensor, point: Tensor) -> Tensor:
    """The value of a map (S, S) at a canvas point (2,)."""
    x, y = ((point + 1) * SIZE / 2).long().tolist()
    return picture[y, x]


def turned(points: Tensor, degrees: float) -> Tensor:
    """Points (N, 4) turned about the first of them in the picture's plane."""
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return torch.cat([(points[:, :2] - points[:1, :2]) @ turn.T + points[:1, :2], points[:, 2:]], 1)


def test_at_rest_fingers_return_the_picture(figure: Rig) -> None:
    picture = drawn(figure, rest_pose(figure))
    assert figure.pieces == PIECES
    assert -10 * math.log10((picture[:3] - figure.image[0]).square().mean()) > 30
    before, after = like(figure.image[0], FINGER), like(picture, FINGER)
    assert (before & after).sum() > 0.85 * before.sum()


def test_fingers_bend_further_than_the_drivers_and_grow_no_longer(figure: Rig) -> None:
    """A finger that points aside by some angle points aside by more, and at its own length."""
    aside = figure.hands.clone()
    aside[0, 0, INDEX_ROOT : INDEX_ROOT + 4] = turned(aside[0, 0, INDEX_ROOT : INDEX_ROOT + 4], 30)
    angles, lengths = [], []
    for excess in (0.0, 0.5, 1.0):
        _, hands = drive_hands(
            figure.body, figure.hands, SHOWN, aside, rest_pose(figure).body, torch.ones(1), torch.ones(1),
            torch.tensor([excess]),
        )  # fmt: skip
        bone, rest = ((each[0, 0, INDEX_ROOT + 1] - each[0, 0, INDEX_ROOT])[:2] for each in (hands, figure.hands))
        cosine = float((bone @ rest) / (bone.norm() * rest.norm()))
        angles.append(math.degrees(math.acos(cosine)))
        lengths.append(float(bone.norm() / rest.norm()))
    assert angles[0] == pytest.approx(30, abs=1) and angles[0] + 5 < angles[1] < angles[2] - 5
    assert lengths == pytest.approx([1, 1, 1], abs=0.05)


def test_a_driver_with_the_hands_of_the_picture_gives_the_rest_pose(figure: Rig) -> None:
    pose = driven(figure, figure.hands)
    torch.testing.assert_close(pose.hands, figure.hands[..., :3], atol=1e-5, rtol=0)
    torch.testing.assert_close(pose.body, figure.body[..., :3], atol=1e-5, rtol=0)


def test_a_bent_finger_takes_its_pixels_along_and_leaves_none(figure: Rig) -> None:
    driver = figure.hands.clone()
    driver[0, 0, PINKY_ROOT:] = turned(driver[0, 0, PINKY_ROOT:], -60)
    pose = driven(figure, driver)
    torch.testing.assert_close(pose.hands[0, 0, :, :2], driver[0, 0, :, :2], atol=1e-4, rtol=0)
    picture = drawn(figure, pose)
    middle, tip = PINKY_ROOT + 1, PINKY_ROOT + 3
    assert at(like(picture, FINGER), driver[0, 0, middle, :2])
    assert at(like(picture, WALL), figure.hands[0, 0, tip, :2])
    others = like(figure.image[0], FINGER).sum() - like(picture, FINGER).sum()
    assert others.abs() < 0.12 * like(figure.image[0], FINGER).sum()


def test_bones_that_point_at_the_camera_are_short(figure: Rig) -> None:
    driver = figure.hands.clone()
    length = (driver[0, 0, INDEX_ROOT + 1, :2] - driver[0, 0, INDEX_ROOT, :2]).norm()
    steps = torch.arange(4)
    driver[0, 0, INDEX_ROOT : INDEX_ROOT + 4, :2] = driver[0, 0, INDEX_ROOT, :2]
    driver[0, 0, INDEX_ROOT : INDEX_ROOT + 4, 1] += 0.5 * length * steps
    driver[0, 0, INDEX_ROOT : INDEX_ROOT + 4, 2] = -math.sqrt(0.75) * length * steps
    bones = driven(figure, driver).hands[0, 0, INDEX_ROOT : INDEX_ROOT + 4, :2].diff(dim=0).norm(dim=-1)
    torch.testing.assert_close(bones, (0.5 * length).expand(3), atol=1e-4, rtol=1e-2)


def test_a_hand_turned_over_has_its_thumb_on_the_other_side(figure: Rig) -> None:
    driver = figure.hands.clone()
    wrist = driver[0, 0, 0, 0].clone()
    driver[0, 0, :, 0] = 2 * wrist - driver[0, 0, :, 0]
    pose = driven(figure, driver)
    axis = pose.body[0, LEFT_INDEX, :2] - pose.body[0, LEFT_WRIST, :2]
    thumb, little = (pose.hands[0, 0, point, :2] - pose.body[0, LEFT_WRIST, :2] for point in (4, PINKY_ROOT + 3))
    before, after = ((axis[0] * point[1] - axis[1] * point[0]).sign() for point in (thumb, little))
    assert before == -after
    assert thumb[0] > little[0]  # the picture's thumb is on the left of its fingers
    moved = move_limbs(figure.limbs, figure.body, pose.body, torch.ones(1), (figure.hands, pose.hands))
    assert (moved.maps[0, FOREARM_PIECES[0], 2] > 0).float().mean() > 0.05
    picture = drawn(figure, pose)
    for point in (3, MIDDLE_ROOT + 2, PINKY_ROOT + 2):
        assert at(like(picture, FINGER), pose.hands[0, 0, point, :2])


def test_a_turned_palm_turns_the_joints_of_its_hand(figure: Rig) -> None:
    driver = figure.hands.clone()
    driver[0, 0] = turned(driver[0, 0], -40)
    pose = driven(figure, driver)
    rest, now = (body[0, LEFT_PINKY, :2] - body[0, LEFT_WRIST, :2] for body in (figure.body, pose.body))
    angle = torch.rad2deg(torch.atan2(rest[0] * now[1] - rest[1] * now[0], (rest * now).sum()))
    assert abs(float(angle) + 40) < 1


def test_hands_whose_fingers_are_not_shown_stay_rigid(figure: Rig) -> None:
    slot = move_limbs(
        figure.limbs, figure.body, figure.body[..., :3], torch.ones(1), (figure.hands, figure.hands)
    ).slot[0]
    assert (slot[LIMB_PIECES + 5 :] == NOT_DRAWN).all() and (slot[LIMB_PIECES : LIMB_PIECES + 5] != NOT_DRAWN).all()
    driver = figure.hands.clone()
    driver[0, 1] = torch.rand(21, 4, generator=torch.Generator().manual_seed(0))
    driver[0, 1, :, 3] = 1
    torch.testing.assert_close(driven(figure, driver).body, figure.body[..., :3], atol=1e-5, rtol=0)


@pytest.mark.parametrize("confidence", [0.0, 0.3])
def test_a_hand_of_the_driver_that_is_not_seen_leaves_the_rest_pose(figure: Rig, confidence: float) -> None:
    driver = torch.rand(1, 2, 21, 4, generator=torch.Generator().manual_seed(1))
    driver[..., 3] = confidence
    torch.testing.assert_close(driven(figure, driver).hands[0, 0], figure.hands[0, 0, :, :3], atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, 1e6, -3.0])
def test_absurd_hands_stay_finite_and_of_their_lengths(figure: Rig, value: float) -> None:
    driver = figure.hands.clone()
    driver[0, 0, INDEX_ROOT:, :3] = value
    driver[0, 0, :, 3] = 1
    pose = driven(figure, driver)
    assert torch.isfinite(pose.hands).all() and torch.isfinite(pose.body).all()
    assert (pose.hands[0, 0, :, :2] - figure.hands[0, 0, :, :2]).abs().max() < 0.6
    assert torch.isfinite(drawn(figure, pose)).all()


def test_a_picture_without_fingers_draws_eight_pieces() -> None:
    figure = drawn_figure(128)
    assert figure.pieces == LIMB_PIECES
    assert not figure.limbs.shown[:, LIMB_PIECES:].any()
    both = Rig.stack([drawn_figure(128, figure_hands()), figure])
    assert both.pieces == PIECES
    with torch.inference_mode():
        alone, together = (compose(rig, make_guidance(rig, rest_pose(rig))) for rig in (figure, both))
    torch.testing.assert_close(together[1:], alone, atol=1e-4, rtol=0)

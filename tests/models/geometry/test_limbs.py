"""Limbs as layers: at rest the picture, in motion moved whole, behind them what they covered."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.compositor import compose
from models.geometry.body import (
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_INDEX,
    LEFT_KNEE,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_WRIST,
)
from models.geometry.grid import unit_grid
from models.geometry.guidance import make_guidance
from models.geometry.inpaint import dilate
from models.geometry.limb_curve import LIMB_PIECES, PIECES
from models.geometry.limb_motion import BEFORE_ALL, BEHIND_BODY, THIGHS, close_crotch, inwards, move_limbs
from models.geometry.limbs import first_pieces, hand_colours
from models.geometry.resized_rig import resized_rig
from models.geometry.retarget import Pose, rest_pose
from models.geometry.ribbons import COLUMNS, LOOSE, ROWS, ribbon_rows
from models.geometry.rig import Rig
from tests.support.bodies import ARM, LEG, RADIUS, TORSO, WALL, drawn_figure, figure_joints, outlines
from tests.support.faces import drawn_face
from tests.support.joints import turned_about_first

LEFT_ARM = (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_PINKY, LEFT_INDEX)
LEFT_FOREARM_PIECE, RIGHT_FOREARM_PIECE = 1, 3


@pytest.fixture(scope="module")
def figure() -> Rig:
    return drawn_figure()


def raised(rig: Rig, degrees: float, joints: tuple[int, ...] = LEFT_ARM) -> Pose:
    """The pose with the joints turned about the first of them in the picture's plane."""
    pose = rest_pose(rig)
    return replace(pose, body=turned_about_first(pose.body, joints, degrees))


def drawn(rig: Rig, pose: Pose) -> Tensor:
    with torch.inference_mode():
        return compose(rig, make_guidance(rig, pose))[0]


def like(picture: Tensor, colour: tuple[float, float, float]) -> Tensor:
    """(S, S) bool, where the picture (4, S, S) has the colour."""
    return (picture[:3] - torch.tensor(colour)[:, None, None]).abs().amax(0) < 0.15


def test_a_picture_without_limbs_holds_no_memory_for_them() -> None:
    limbs = drawn_face(64).limbs
    assert all(part.untyped_storage().nbytes() <= 12 for part in limbs)
    assert not limbs.shown.any()


def test_the_colour_of_a_hand_is_that_of_pixels_which_are_seen_through() -> None:
    side, skin = 32, torch.tensor([[0.9, 0.7, 0.6]])
    own = 0.8 * skin[0]
    alpha = torch.ones(1, 1, side, side)
    alpha[..., : side // 2] = 0.6
    person = torch.cat([own[:, None, None] * alpha, alpha], 1)
    drawn_pieces = torch.zeros(1, LIMB_PIECES, 4, side, side)
    drawn_pieces[:, :, 0] = 2.5  # s, in the middle of the hand
    colours = hand_colours(person, torch.ones(1, LIMB_PIECES, side, side), drawn_pieces, skin)
    torch.testing.assert_close(colours, own.expand(1, 2, 3))


def test_at_rest_limbs_return_the_picture(figure: Rig) -> None:
    error = (drawn(figure, rest_pose(figure))[:3] - figure.image[0]).square().mean()
    assert -10 * math.log10(error) > 30


def test_no_wall_shows_through_where_limbs_and_body_meet(figure: Rig) -> None:
    inner = -dilate(-figure.matte, 2)[0, 0] > 0.99
    assert drawn(figure, rest_pose(figure))[3, inner].min() > 0.95


def test_stacked_limbs_are_drawn_without_a_copy(figure: Rig) -> None:
    limbs = first_pieces(Rig.stack([figure, drawn_face(figure.size)]).limbs, LIMB_PIECES)
    assert all(tiles.permute(0, 2, 3, 1).is_contiguous() for tiles in limbs.tiles)


def test_a_figure_whose_joints_are_guessed_has_no_limbs_and_rests_as_the_picture() -> None:
    joints = figure_joints()
    joints[0, LEFT_SHOULDER, 3] = 0.2
    rig = drawn_figure(joints=joints)
    assert rig.pieces == 0 and not rig.limbs.shown.any()
    assert (drawn(rig, rest_pose(rig))[:3] - rig.image[0]).abs().max() < 0.01


def test_a_raised_arm_on_a_smaller_canvas_is_the_same_one(figure: Rig) -> None:
    side = round(0.75 * figure.size)
    with torch.inference_mode():
        guidance = make_guidance(figure, raised(figure, -90))
        smaller = compose(resized_rig(figure, side), guidance)[:, :3]
        whole = F.interpolate(compose(figure, guidance)[:, :3], (side, side), mode="bilinear", antialias=True)
    assert (smaller - whole).abs().mean() < 0.01


def test_a_raised_arm_is_where_its_bones_are(figure: Rig) -> None:
    pose = raised(figure, -90)
    picture = drawn(figure, pose)
    for joint in (LEFT_ELBOW, LEFT_WRIST):
        x, y = ((pose.body[0, joint, :2] + 1) * figure.size / 2).long().tolist()
        assert like(picture, ARM)[y, x]


def test_no_pixel_of_a_raised_arm_is_left_behind(figure: Rig) -> None:
    before, after = like(figure.image[0], ARM), like(drawn(figure, raised(figure, -90)), ARM)
    columns = torch.arange(figure.size) * 2 / figure.size - 1 > 0.25
    rows = torch.arange(figure.size) * 2 / figure.size - 1 > -0.25
    region = rows[:, None] & columns
    assert (before & region).sum() > 200
    assert not (after & region).any()


def test_the_torso_goes_on_behind_a_raised_arm_and_the_wall_beside_it(figure: Rig) -> None:
    picture = drawn(figure, raised(figure, -90))
    before = like(figure.image[0], ARM)
    uncovered = before & (torch.arange(figure.size) * 2 / figure.size - 1 > -0.2)[:, None]
    uncovered &= torch.arange(figure.size) > figure.size / 2
    plausible = like(picture, TORSO) | like(picture, WALL)
    assert (plausible & uncovered).sum() > 0.9 * uncovered.sum()


def test_bones_keep_their_lengths_and_limbs_their_area(figure: Rig) -> None:
    before, after = like(figure.image[0], ARM).sum(), like(drawn(figure, raised(figure, -60)), ARM).sum()
    assert abs(int(after) - int(before)) < 0.12 * int(before)


def test_the_nearer_of_two_crossing_arms_is_drawn_over_the_other(figure: Rig) -> None:
    for near, first in ((LEFT_WRIST, RIGHT_FOREARM_PIECE), (RIGHT_WRIST, LEFT_FOREARM_PIECE)):
        body = rest_pose(figure).body.clone()
        body[:, near, 2] = -0.3
        moved = move_limbs(first_pieces(figure.limbs, LIMB_PIECES), figure.body, body, torch.ones(1))
        order = moved.order[0].tolist()
        other = LEFT_FOREARM_PIECE if first == RIGHT_FOREARM_PIECE else RIGHT_FOREARM_PIECE
        assert order.index(first) < order.index(other)


def test_an_arm_behind_the_back_is_drawn_behind_the_torso(figure: Rig) -> None:
    body = rest_pose(figure).body.clone()
    assert (
        move_limbs(first_pieces(figure.limbs, LIMB_PIECES), figure.body, body, torch.ones(1)).slot[
            0, LEFT_FOREARM_PIECE
        ]
        == BEFORE_ALL
    )
    body[:, LEFT_WRIST, 2] = 0.5
    assert (
        move_limbs(first_pieces(figure.limbs, LIMB_PIECES), figure.body, body, torch.ones(1)).slot[
            0, LEFT_FOREARM_PIECE
        ]
        == BEHIND_BODY
    )


@pytest.mark.parametrize("apart", [1.0, 2.5])
def test_thighs_grow_inwards_as_hips_move_apart(figure: Rig, apart: float) -> None:
    turned = figure.body.clone()
    turned[:, [LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE], 0] *= apart
    across = close_crotch(figure.limbs.across, inwards(figure.body), inwards(turned))
    changed = (across != figure.limbs.across).view(PIECES, ROWS, COLUMNS)
    assert changed.any((1, 2)).nonzero().flatten().tolist() == ([] if apart == 1 else list(THIGHS))
    rows = ribbon_rows(PIECES, torch.device("cpu"))[THIGHS[0]]
    assert not changed[:, -1].any()  # at the knee they are as wide as before
    for thigh, inner in zip(THIGHS, inwards(turned)[0].sign(), strict=True):
        d = across[0, thigh].view(ROWS, COLUMNS)[rows.abs().argmin()] * inner
        assert (d.amax() / LOOSE).item() == pytest.approx(apart * RADIUS, rel=0.02)
        assert (-d.amin() / LOOSE).item() == pytest.approx(RADIUS, rel=0.02)


def test_legs_go_on_behind_the_torso(figure: Rig) -> None:
    picture = drawn(figure, rest_pose(figure))
    assert like(picture, LEG).sum() > 0.9 * like(figure.image[0], LEG).sum()


def test_an_arm_behind_the_torso_is_unseen_at_rest_and_comes_out_with_the_others_colour() -> None:
    """Its texels are those of the other arm, and the torso keeps its own."""
    joints, right = figure_joints(), [joint + 1 for joint in LEFT_ARM]
    joints[0, right[1:], 0], joints[0, right[1:], 2], joints[0, right[1:], 3] = -0.05, 1.0, 0.0
    whole, radii = drawn_figure(joints=joints), outlines()
    behind = joints.clone()
    across, down = unit_grid(whole.size, torch.device("cpu"))[0].unbind(-1)
    on_torso = (across > -0.2) & (across < 0.14) & (down > -0.42) & (down < 0.16)
    off_torso = (across < -0.2) & (down > -0.46) & (down < 0.3)
    image, matte = whole.image.clone(), whole.matte.clone()
    image[0, :, on_torso] = torch.tensor(TORSO)[:, None]
    image[0, :, off_torso], matte[0, :, off_torso] = torch.tensor(WALL)[:, None], 0
    shown = radii._replace(unseen=torch.tensor([[0.0, 1.0]]))
    rig = Rig.build(image, matte, whole.face, behind, whole.plate, image, outlines=shown)
    at_rest = drawn(rig, rest_pose(rig))
    assert like(at_rest, TORSO)[on_torso].float().mean() > 0.97
    assert not like(at_rest, ARM)[off_torso].any()
    pose = raised(rig, 100, tuple(right))  # to the left
    out = drawn(rig, pose)
    x, y = ((pose.body[0, right[2], :2] + 1) * rig.size / 2).long().tolist()
    assert pose.body[0, right[2], 0] < -0.4 and like(out, ARM)[y, x]
    assert like(out, TORSO)[on_torso].float().mean() > 0.97

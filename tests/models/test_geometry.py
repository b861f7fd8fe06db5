"""The laws of rig, retarget, guidance and compositor."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from models.compositor import compose
from models.config import GUIDE_SIDE, MOTION_TOKEN_WIDTH, MOTION_TOKENS
from models.geometry.body import PIN_BAND, PIN_REACH, drive_body, pin_to_border
from models.geometry.guidance import face_blend, make_guidance
from models.geometry.openings import (
    EYES,
    LIP_PAIRS,
    lid_opening,
    lid_transfer,
    mouth_share,
    mouth_width,
    narrow_mouth,
    soft_limit,
)
from models.geometry.retarget import Strength, rest_pose, retarget
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform, head_pose, nearest_rotation, topology
from models.motion import Driver
from streamer.generation.tensor_tree import iter_tensors
from tests.support.faces import drawn_face


@pytest.fixture(scope="module")
def rig() -> Rig:
    return drawn_face()


@pytest.fixture(scope="module")
def small() -> Rig:
    """A face so small that the focus box is a part of the canvas."""
    return drawn_face(scale=0.12)


def turn(yaw: float = 0.0, roll: float = 0.0) -> Tensor:
    """(1, 3, 3) a rotation in the camera's frame."""
    y, r = torch.tensor(yaw), torch.tensor(roll)
    about_y = torch.tensor([[y.cos(), 0, y.sin()], [0, 1, 0], [-y.sin(), 0, y.cos()]])
    about_z = torch.tensor([[r.cos(), -r.sin(), 0], [r.sin(), r.cos(), 0], [0, 0, 1]])
    return (about_z @ about_y)[None]


def driver(scale=0.3, rotation=None, shift=(0.0, 0.0, 0.0), local=None) -> Driver:
    """A driver with the canonical face, or another shape, in a given place."""
    head = HeadTransform(torch.tensor([scale]), turn() if rotation is None else rotation, torch.tensor([shift]))
    return Driver.of_face(head.apply(topology().canonical[None] if local is None else local))


def closed_eyes(share: float) -> Tensor:
    """The canonical face with its lids at a share of their opening."""
    local = topology().canonical[None].clone()
    for ring, _ in EYES:
        for upper, lower in zip(ring[1:8], ring[:8:-1], strict=True):
            middle = (local[:, upper] + local[:, lower]) / 2
            local[:, upper] = middle + share * (local[:, upper] - middle)
            local[:, lower] = middle + share * (local[:, lower] - middle)
    return local


def test_identity_returns_the_picture(rig: Rig, small: Rig) -> None:
    for one in (rig, small):
        picture = compose(one, make_guidance(one, rest_pose(one)))
        assert (picture[:, :3] - one.image).abs().max() < 2e-3
        assert (picture[:, 3:] - one.matte).abs().max() < 2e-3


def test_a_still_driver_gives_the_pictures_own_pose(rig: Rig) -> None:
    him = driver(rotation=turn(0.3, 0.1), shift=(0.1, 0.2, 0.0))
    pose = retarget(rig, him, him)
    assert torch.allclose(pose.face, rig.face, atol=1e-4)
    assert torch.allclose(pose.rotation, torch.eye(3).expand(1, 3, 3), atol=1e-5)
    assert torch.allclose(pose.body, rig.body[..., :3], atol=1e-4)


def test_strength_zero_stands_still(rig: Rig) -> None:
    pose = retarget(rig, driver(rotation=turn(0.4), local=closed_eyes(0.1)), driver(), Strength(0.0, 0.0, 0.0))
    assert torch.allclose(pose.face, rig.face, atol=1e-4)
    assert torch.allclose(pose.body, rig.body[..., :3], atol=1e-5)


def test_rigid_motion_moves_landmarks_by_it(rig: Rig) -> None:
    rotation = turn(0.35, 0.2)
    pose = retarget(rig, driver(0.3, rotation, (0.06, -0.03, 0.0)), driver(0.3))
    moved = rig.face @ rotation.mT + torch.tensor([0.06, -0.03, 0.0]) * (0.28 / 0.3)
    assert torch.allclose(pose.face, moved, atol=2e-3)
    assert torch.allclose(pose.rotation, rotation, atol=1e-3)


def test_head_strength_scales_the_turn(rig: Rig) -> None:
    pose = retarget(rig, driver(rotation=turn(0.4)), driver(), Strength(head=0.5))
    assert torch.allclose(pose.rotation, turn(0.2), atol=1e-3)


def test_a_shift_moves_pixels_by_it(rig: Rig) -> None:
    pixels = 16
    unit = 2 * pixels / rig.size
    pose = retarget(rig, driver(0.28, shift=(unit, 0.0, 0.0)), driver(0.28))
    picture = compose(rig, make_guidance(rig, pose))
    middle = slice(rig.size // 2 - 28, rig.size // 2 + 28)
    shifted = picture[:, :3, middle, middle.start + pixels : middle.stop + pixels]
    assert (shifted - rig.image[:, :, middle, middle]).abs().max() < 0.02


def test_the_background_stays(rig: Rig) -> None:
    pose = retarget(rig, driver(0.28, shift=(0.1, 0.0, 0.0)), driver(0.28))
    picture = compose(rig, make_guidance(rig, pose))
    corner = (slice(None), slice(0, 3), slice(0, 40), slice(0, 40))
    assert torch.allclose(picture[corner], rig.image[corner], atol=1e-3)


def test_background_of_choice_and_alpha(rig: Rig) -> None:
    green = torch.tensor([0.0, 0.7, 0.25]).view(1, 3, 1, 1).expand_as(rig.image)
    picture = compose(rig, make_guidance(rig, rest_pose(rig)), None, green)
    assert torch.allclose(picture[:, :3, :30, :30], green[:, :, :30, :30], atol=1e-4)
    assert picture[0, 3, 0, 0] == 0
    assert picture[0, 3, rig.size // 2, rig.size // 2] == 1


def test_lids_close_when_the_drivers_nearly_do(rig: Rig) -> None:
    pose = retarget(rig, driver(local=closed_eyes(0.18)), driver())
    for ring, _ in EYES:
        assert lid_opening(pose.local, ring) < 0.05 * lid_opening(rig.head.inverse(rig.face), ring)
    assert make_guidance(rig, pose).openings[:, 1].max() < 0.35
    assert make_guidance(rig, rest_pose(rig)).openings[:, 1].max() > 0.9


def test_lid_law_is_honest_when_open_and_monotone() -> None:
    ratio = torch.linspace(0, 1.5, 100)
    law = lid_transfer(ratio, torch.ones_like(ratio))
    assert torch.equal(law[ratio > 0.7], ratio[ratio > 0.7])
    assert (law.diff() >= 0).all()
    assert law[0] == 0
    assert law.diff().max() < 0.05  # no jump


def test_large_eyes_begin_to_close_by_a_smaller_share_than_the_drivers(rig: Rig) -> None:
    """Lids that follow a glance downwards go as far before any eye; lids that meet do before any, too."""
    mine, his = 0.4, 0.3  # neutral openings
    ratio = torch.linspace(0, 1.2, 50)
    law = lid_transfer(ratio, torch.full_like(ratio, his / mine))
    slope = (law[ratio > 0.95][1] - law[ratio > 0.95][0]) / ratio.diff()[0]
    assert float(slope) * mine == pytest.approx(his, rel=0.05)  # the same way, of eyes' widths
    assert law[0] == 0 and law[ratio < 0.28].max() == 0
    large = replace(rig, face=rig.head.apply(closed_eyes(1.6)))
    shares = []
    for one in (rig, large):
        pose = retarget(one, driver(local=closed_eyes(0.8)), driver())
        shares.append(float(lid_opening(pose.local, EYES[0][0]) / lid_opening(one.head.inverse(one.face), EYES[0][0])))
    assert shares[0] == pytest.approx(0.8, abs=0.02) and 0.82 < shares[1] < 0.95


def test_large_eyes_do_not_open_much_further(rig: Rig) -> None:
    small, large = closed_eyes(0.6), closed_eyes(1.6)
    surprised = driver(local=closed_eyes(1.8))

    def share(local: Tensor) -> float:
        one = replace(rig, face=rig.head.apply(local))
        local = retarget(one, surprised, driver()).local
        return float(lid_opening(local, EYES[0][0]) / lid_opening(one.head.inverse(one.face), EYES[0][0]))

    assert share(large) == pytest.approx(1.2, abs=0.02)
    assert share(small) > 1.6
    ratio = torch.tensor([-0.5, 0.0, 0.6, 1.0, 1.05, 1.5, 9.0])
    held = soft_limit(ratio, torch.full_like(ratio, 1.5))
    assert held[:4].tolist() == pytest.approx([0, 0, 0.6, 1])
    assert bool((held[3:].diff() > 0).all()) and held[4] == pytest.approx(1.05, abs=1e-3) and held[-1] < 1.5 + 1e-6


def test_a_mouth_that_smiles_already_smiles_little_more(rig: Rig) -> None:
    canonical = topology().canonical[None]

    def smiling(times: float) -> Tensor:
        corners = canonical[:, [61, 291], 0].mean()
        wider = 1 + mouth_share(canonical.device) * (times - 1)
        return torch.cat([corners + (canonical[..., :1] - corners) * wider[:, None], canonical[..., 1:]], -1)

    def ratio(rest: Tensor) -> float:
        one = replace(rig, face=rig.head.apply(rest))
        return float(mouth_width(retarget(one, driver(local=smiling(1.3)), driver()).local) / mouth_width(rest))

    assert ratio(canonical) == pytest.approx(1.3, abs=0.03)
    wide = smiling(0.8 / float(mouth_width(canonical)))
    assert 1.05 < ratio(wide) < 1.11
    assert torch.equal(narrow_mouth(canonical, canonical), canonical)


def test_gaze_moves_the_eyeball_and_not_the_lids(rig: Rig) -> None:
    local = topology().canonical[None].clone()
    local[:, 468:, 0] += 0.04
    pose = retarget(rig, driver(local=local), driver())
    change = pose.local - rig.head.inverse(rig.face)
    assert (change[:, 468, 0] - 0.04).abs() < 0.005
    assert change[:, :468].norm(dim=-1).max() < 0.004


def test_opening_a_closed_mouth_is_unsure_and_dark(rig: Rig) -> None:
    local = topology().canonical[None].clone()
    jaw = local[0, :, 1] > 0.76
    for upper, lower in LIP_PAIRS:
        jaw[upper], jaw[lower] = False, True
    local[:, jaw, 1] += 0.3
    pose = retarget(rig, driver(local=local), driver())
    guidance = make_guidance(rig, pose)
    inside = guidance.openings[:, :1] > 0.9
    assert inside.sum() > 5
    assert guidance.confidence[inside].max() < 0.2
    assert make_guidance(rig, rest_pose(rig)).confidence[0, 0, GUIDE_SIDE // 2, GUIDE_SIDE // 2] > 0.99


def test_batch_equals_singles(rig: Rig) -> None:
    other = drawn_face(scale=0.3)
    drivers = [driver(rotation=turn(0.2)), driver(rotation=turn(-0.1, 0.2), local=closed_eyes(0.4))]
    rigs = [rig, other]
    pair = Rig.stack(rigs)
    pose = retarget(pair, Driver.stack(drivers), Driver.stack([driver(), driver()]), Strength(torch.tensor([1.0, 0.5])))
    together = make_guidance(pair, pose)
    picture = compose(pair, together)
    for k, (one, him, head) in enumerate(zip(rigs, drivers, (1.0, 0.5), strict=True)):
        alone = make_guidance(one, retarget(one, him, driver(), Strength(head)))
        assert torch.allclose(together.pick(k).tokens, alone.tokens, atol=1e-5)
        assert (together.pick(k).focus_flow - alone.focus_flow).abs().mean() < 1e-5
        assert (picture[k] - compose(one, alone)[0]).abs().mean() < 1e-4
        assert torch.equal(pair.pick(k).image, one.image)


def test_a_rig_is_repeated_in_a_row(rig: Rig, small: Rig) -> None:
    repeated, stacked = Rig.stack([rig, small]).repeat(2), Rig.stack([rig, rig, small, small])
    assert len(repeated) == 4
    for one, many in zip(iter_tensors(repeated), iter_tensors(stacked), strict=True):
        assert torch.equal(one, many)


def test_stack_of_tight_and_wide(rig: Rig, small: Rig) -> None:
    pair = Rig.stack([rig, small])
    assert not pair.full_canvas
    picture = compose(pair, make_guidance(pair, rest_pose(pair)))
    assert (picture[:, :3] - pair.image).abs().max() < 2e-3


def test_shapes_and_ranges(small: Rig) -> None:
    guidance = make_guidance(small, retarget(small, driver(rotation=turn(0.3)), driver()))
    assert guidance.flow.shape == guidance.focus_flow.shape == (1, 2, GUIDE_SIDE, GUIDE_SIDE)
    assert guidance.canonical.shape == (1, 3, GUIDE_SIDE, GUIDE_SIDE)
    assert guidance.openings.shape == (1, 2, GUIDE_SIDE, GUIDE_SIDE)
    assert guidance.tokens.shape == (1, MOTION_TOKENS, MOTION_TOKEN_WIDTH)
    for share in (guidance.alpha, guidance.focus_alpha, guidance.face_coverage, guidance.confidence, guidance.openings):
        assert share.min() >= 0 and share.max() <= 1


def test_a_turned_face_and_what_is_behind_it_are_told_apart(small: Rig) -> None:
    guidance = make_guidance(small, retarget(small, driver(rotation=turn(0.6)), driver()))
    flow, behind, front, area = guidance.focus_flow, guidance.outer_flow, guidance.face_flow, guidance.face_coverage
    assert torch.where(area == 1, flow - front, 0).abs().max() == 0
    assert torch.where(area == 0, flow - behind, 0).abs().max() == 0
    edge = (area > 0) & (area < 1)
    apart = torch.where(edge, (front - behind).norm(dim=1, keepdim=True), 0) * GUIDE_SIDE / 2
    assert apart.max() > 1  # cells: one map of both would be torn there, …
    most = max_pool2d(torch.where(area >= 0.5, front, -9), 9, 1, 4)
    least = -max_pool2d(torch.where(area >= 0.5, -front, -9), 9, 1, 4)
    beyond = torch.where(edge, torch.maximum(front - most, least - front), 0) * GUIDE_SIDE / 2
    assert beyond.max() < 0.5  # … where the face's own goes on as it is inside


@pytest.mark.parametrize(("angle", "near", "far"), [(0.5, 447, 227), (-0.5, 227, 447)])
def test_skin_that_turns_towards_us_fades_into_what_surrounds_it(small: Rig, angle: float, near: int, far: int) -> None:
    """Landmarks 227, 447: one ring inside of the face's border, at the ears."""
    still, turned = (face_blend(small, pose)[0, :, 0] for pose in (
        rest_pose(small), retarget(small, driver(rotation=turn(angle)), driver()),
    ))  # fmt: skip
    border = topology().rings == 0
    assert (still == torch.where(border, 0, 2)).all()
    assert turned[near] < 0.5 and turned[far] == 2
    assert (turned[border] == 0).all() and turned[1] >= 1


def test_tokens_are_zero_at_rest_but_for_state(rig: Rig) -> None:
    tokens = make_guidance(rig, rest_pose(rig)).tokens
    moved = make_guidance(rig, retarget(rig, driver(local=closed_eyes(0.3)), driver())).tokens
    assert tokens[:, 2].abs().max() < 1e-4
    assert (moved[:, 1] - tokens[:, 1]).abs().max() > 0.05
    assert (moved[:, 3] - tokens[:, 3]).abs().max() < 0.02  # lids turn no head


def test_canonical_of_the_reference_is_the_template(rig: Rig) -> None:
    canonical = make_guidance(rig, rest_pose(rig)).canonical
    for landmark in (1, 10, 152, 50, 280):
        x, y = ((rig.face[0, landmark, :2] + 1) * GUIDE_SIDE / 2 - 0.5).round().long().tolist()
        here = canonical[0, :, y, x]
        assert (here - topology().canonical[landmark]).norm() < 0.12


@dataclass
class Say:
    flow: Tensor
    keep: Tensor
    paint: Tensor
    alpha: Tensor


def edit(keep: float, alpha: float = 0.0) -> Say:
    side = 2 * GUIDE_SIDE
    grey = torch.full((1, 3, side, side), 0.5)
    return Say(
        torch.zeros(1, 2, GUIDE_SIDE, GUIDE_SIDE),
        torch.full((1, 1, side, side), keep),
        grey,
        torch.full((1, 1, GUIDE_SIDE, GUIDE_SIDE), alpha),
    )


def test_an_edit_that_keeps_all_changes_nothing(rig: Rig, small: Rig) -> None:
    for one in (rig, small):
        picture = compose(one, make_guidance(one, rest_pose(one)), edit(1.0))
        assert (picture[:, :3] - one.image).abs().max() < 2e-3


def test_an_edit_paints_the_person_inside_the_focus_box_only(small: Rig) -> None:
    picture = compose(small, make_guidance(small, rest_pose(small)), edit(0.0))
    x, y = ((small.face[0, 1, :2] + 1) * small.size / 2).long().tolist()
    assert torch.allclose(picture[0, :3, y, x], torch.full((3,), 0.5), atol=1e-3)
    assert torch.allclose(picture[0, :3, -3:], small.image[0, :, -3:], atol=2e-3)


def test_growing_alpha_alone_changes_no_colour(rig: Rig) -> None:
    guidance = make_guidance(rig, rest_pose(rig))
    picture = compose(rig, guidance, edit(1.0, alpha=2.0))
    assert (picture[:, :3] - rig.image).abs().max() < 5e-3
    assert picture[:, 3].mean() > rig.matte.mean()


def test_a_gone_person_shows_the_plate(rig: Rig) -> None:
    picture = compose(rig, make_guidance(rig, rest_pose(rig)), edit(1.0, alpha=-20.0))
    assert (picture[:, :3] - rig.plate)[..., 100:150, 100:150].abs().max() < 0.02


def test_degenerate_inputs_stay_finite(rig: Rig) -> None:
    nothing = Driver.of_face(torch.zeros(1, 478, 3))
    far = Driver.of_face(driver().face * 50)
    for him, neutral in ((nothing, driver()), (driver(), nothing), (far, driver()), (driver(), far)):
        picture = compose(rig, make_guidance(rig, retarget(rig, him, neutral)))
        assert torch.isfinite(picture).all()
        assert picture.min() >= 0 and picture.max() <= 1


def test_unseen_shoulders_follow_the_head_a_part_of_the_way(rig: Rig) -> None:
    pose = retarget(rig, driver(0.28, shift=(0.1, 0.0, 0.0)), driver(0.28))
    way = (pose.body[:, 11:13, 0] - rig.body[:, 11:13, 0]).mean()
    assert 0.03 < way < 0.08


def test_raising_an_arm_that_both_show() -> None:
    one = drawn_face(scale=0.15)
    joints = torch.zeros(1, 33, 4)
    for index, place in {11: (0.3, 0.4), 12: (-0.3, 0.4), 13: (0.45, 0.7), 15: (0.5, 0.9)}.items():
        joints[0, index] = torch.tensor([*place, 0.0, 1.0])
    seen = Rig.build(one.image, one.matte, one.face, joints)
    lifted = joints.clone()
    lifted[0, 13, :2] = torch.tensor([0.6, 0.3])
    lifted[0, 15, :2] = torch.tensor([0.6, 0.1])
    him, neutral = (replace(driver(0.15), body=body) for body in (lifted, joints))
    pose = retarget(seen, him, neutral)
    assert torch.allclose(pose.body[0, [11, 12], :2], joints[0, [11, 12], :2], atol=0.01)
    assert pose.body[0, 15, 1] < 0.25
    unseen = retarget(seen, replace(him, body=lifted * torch.tensor([1, 1, 1, 0.0])), neutral)
    assert torch.allclose(unseen.body[0, 15, :2], joints[0, 15, :2], atol=0.01)


def test_canvas_border_never_opens() -> None:
    rig = drawn_face(scale=0.28)  # its body is cut by the lower border
    pose = retarget(rig, driver(0.28, shift=(0.0, -0.2, 0.0)), driver(0.28))
    guidance = make_guidance(rig, pose)
    bottom = guidance.flow[0, 1, -1] + (1 - 1 / GUIDE_SIDE)
    assert bottom[guidance.alpha[0, 0, -1] > 0.5].max() < 1.0 + 1e-3


def test_head_pose_finds_a_known_transform() -> None:
    head = HeadTransform(torch.tensor([0.4]), turn(0.5, -0.3), torch.tensor([[0.1, -0.2, 0.3]]))
    found = head_pose(head.apply(topology().canonical[None]))
    assert torch.allclose(found.rotation, head.rotation, atol=1e-4)
    assert torch.allclose(found.scale, head.scale, atol=1e-4)
    assert torch.allclose(found.shift, head.shift, atol=1e-4)


def test_nearest_rotation_equals_the_svd() -> None:
    torch.manual_seed(0)
    matrix = turn(0.4, 0.2) + 0.1 * torch.randn(5, 3, 3)
    u, _, vt = torch.linalg.svd(matrix)
    assert torch.allclose(nearest_rotation(matrix), u @ vt, atol=1e-3)
    assert torch.allclose(nearest_rotation(torch.zeros(1, 3, 3)), torch.eye(3)[None], atol=1e-3)


def torso(x: float = 0.0, y: float = 0.0, wide: float = 0.4, key: float = 1.0, sure: float = 1.0) -> Tensor:
    """(1, 2, 4) two points of the clothes."""
    return torch.tensor([[[x + wide, y, key, sure], [x - wide, y, key, sure]]])


def driven(rig: Rig, now: Tensor, then: Tensor) -> Tensor:
    """(1, 2, 2) the way of the shoulders for a driver whose head and joints stand still."""
    joints = rig.body.clone()
    one = torch.ones(1)
    out = drive_body(rig.body, (rig.head, rig.head), joints, joints, one, one, (now, then))
    return (out - rig.body[..., :3])[:, 11:13, :2]


def test_shoulders_go_with_the_clothes_even_a_little(rig: Rig) -> None:
    small = driven(rig, torso(0.02, -0.01), torso())
    assert (small - torch.tensor([0.02, -0.01])).abs().max() < 1e-3
    wider = driven(rig, torso(wide=0.44), torso())
    assert (wider[:, 0] - wider[:, 1]).abs().max() > 0.09 * (rig.body[:, 11] - rig.body[:, 12])[:, :2].abs().max()


@pytest.mark.parametrize("now", [torso(0.2, key=2.0), torso(0.2, sure=0.0), torch.zeros(1, 2, 4)])
def test_clothes_that_cannot_be_compared_say_nothing(rig: Rig, now: Tensor) -> None:
    assert driven(rig, now, torso()).abs().max() < 1e-5


def test_the_border_holds_a_short_way_in_a_narrow_band_and_folds_nothing() -> None:
    near = torch.linspace(1, 0, 301)[None, :, None] * torch.tensor(
        [1.0, 0, 0, 0]
    )  # from the left border on, 0.001 apart
    for way in (0.01, 0.05, 0.2, -0.05):
        step = pin_to_border(near, torch.full((1, 301, 2), way))[0, :, 0]
        if way < 0:
            assert (step == way).all()  # towards the border nothing is held
            continue
        assert step[0].abs() < 1e-6 and (step.diff() >= -1e-7).all()
        assert step[min(300, round(PIN_BAND * way * 1000) + 10)] > 0.99 * way
        assert step.diff().max() <= 0.001 * 1.01 * max(1.5 / PIN_BAND, 1.5 * way / PIN_REACH)

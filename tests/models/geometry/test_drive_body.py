"""How a driver's body moves the picture's."""

import itertools
from dataclasses import replace
from itertools import pairwise
from math import atan2, degrees

import pytest
import torch
from torch import Tensor

from models.geometry.body import (
    HAND_JOINTS,
    HEAD_JOINTS,
    JOINTS,
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ANKLE,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    SHOULDERS,
)
from models.geometry.drive_body import EASED_ASIDE, NECK_ASIDE, drive_body
from models.geometry.retarget import retarget
from models.geometry.rig import Rig
from models.geometry.topology import HeadTransform
from tests.support.drivers import driver
from tests.support.faces import drawn_face
from tests.support.joints import bent, standing

BODY = slice(LEFT_SHOULDER, JOINTS)


def head(scale: float = 0.08, x: float = 0.0) -> HeadTransform:
    return HeadTransform(torch.tensor([scale]), torch.eye(3)[None], torch.tensor([[x, -0.7, 0.0]]))


def driven(
    rest: Tensor, now: Tensor, neutral: Tensor, strength: float = 1.0, head_x: float = 0.0, **options: object
) -> Tensor:
    """Target joints (1, 33, 3) while the head moves to the side and clothes are still; the driver is as large as the
    picture.
    """
    one = torch.ones(1)
    heads = head(), head(x=head_x)
    return drive_body(rest, heads, now, neutral, one, strength * one, **options)  # type: ignore[arg-type]


def length(joints: Tensor, first: int, last: int) -> float:
    return float((joints[0, last, :2] - joints[0, first, :2]).norm())


def direction(joints: Tensor, first: int, last: int) -> float:
    """Degrees, clockwise from straight to the right."""
    x, y = (joints[0, last, :2] - joints[0, first, :2]).tolist()
    return degrees(atan2(y, x))


def without(joints: Tensor, *numbers: int) -> Tensor:
    """The same with these joints unseen."""
    hidden = joints.clone()
    hidden[:, list(numbers), 3] = 0
    return hidden


def test_unseen_shoulders_follow_the_head_a_part_of_the_way(rig: Rig) -> None:
    pose = retarget(rig, driver(0.28, shift=(0.1, 0.0, 0.0)), driver(0.28))
    shift = (pose.body[:, SHOULDERS, 0] - rig.body[:, SHOULDERS, 0]).mean()
    assert 0.03 < shift < 0.08


def test_an_arm_is_raised_where_driver_and_picture_show_it() -> None:
    one = drawn_face(scale=0.15)
    joints = torch.zeros(1, JOINTS, 4)
    for joint, place in (
        (LEFT_SHOULDER, (0.3, 0.4)),
        (RIGHT_SHOULDER, (-0.3, 0.4)),
        (LEFT_ELBOW, (0.45, 0.7)),
        (LEFT_WRIST, (0.5, 0.9)),
    ):
        joints[0, joint] = torch.tensor([*place, 0.0, 1.0])
    seen = Rig.build(one.image, one.matte, one.face, joints)
    lifted = joints.clone()
    lifted[0, LEFT_ELBOW, :2] = torch.tensor([0.6, 0.3])
    lifted[0, LEFT_WRIST, :2] = torch.tensor([0.6, 0.1])
    tracked, neutral = (replace(driver(0.15), body=body) for body in (lifted, joints))
    pose = retarget(seen, tracked, neutral)
    assert torch.allclose(pose.body[0, SHOULDERS, :2], joints[0, SHOULDERS, :2], atol=0.01)
    assert pose.body[0, LEFT_WRIST, 1] < 0.25
    unseen = retarget(seen, replace(tracked, body=lifted * torch.tensor([1, 1, 1, 0.0])), neutral)
    assert torch.allclose(unseen.body[0, LEFT_WRIST, :2], joints[0, LEFT_WRIST, :2], atol=0.01)


def torso(x: float = 0.0, y: float = 0.0, wide: float = 0.4, key: float = 1.0, confidence: float = 1.0) -> Tensor:
    """(1, 2, 4) `Driver.torso`: two points of the clothes."""
    return torch.tensor([[[x + wide, y, key, confidence], [x - wide, y, key, confidence]]])


def shoulder_shift(rig: Rig, now: Tensor, neutral: Tensor) -> Tensor:
    """(1, 2, 2) displacements of the shoulders by a driver's torso, while head and joints are still."""
    joints = rig.body.clone()
    one = torch.ones(1)
    moved = drive_body(rig.body, (rig.head, rig.head), joints, joints, one, one, (now, neutral))
    return (moved - rig.body[..., :3])[:, SHOULDERS, :2]


def test_shoulders_follow_small_motions_of_the_clothes(rig: Rig) -> None:
    shift = shoulder_shift(rig, torso(0.02, -0.01), torso())
    assert (shift - torch.tensor([0.02, -0.01])).abs().max() < 1e-3
    wider = shoulder_shift(rig, torso(wide=0.44), torso())
    width = (rig.body[:, LEFT_SHOULDER] - rig.body[:, RIGHT_SHOULDER])[:, :2].abs().max()
    assert (wider[:, 0] - wider[:, 1]).abs().max() > 0.09 * width


@pytest.mark.parametrize("now", [torso(0.2, key=2.0), torso(0.2, confidence=0.0), torch.zeros(1, 2, 4)])
def test_clothes_that_cannot_be_compared_move_no_shoulder(rig: Rig, now: Tensor) -> None:
    assert shoulder_shift(rig, now, torso()).abs().max() < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_a_driver_with_the_pictures_joints_gives_them_back_at_any_visibility(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    joints = standing().repeat(8, 1, 1)
    joints[..., :3] += 0.1 * torch.randn(8, JOINTS, 3, generator=random)
    joints[..., 3] = torch.rand(8, JOINTS, generator=random)
    many = HeadTransform(*(part.expand(8, *part.shape[1:]) for part in (head().scale, head().rotation, head().shift)))
    now = drive_body(joints, (many, many), joints, joints, torch.ones(8), torch.ones(8))
    assert (now - joints[..., :3])[:, BODY].abs().max() < 1e-5
    assert (now - joints[..., :3])[:, HEAD_JOINTS].abs().max() < 1e-5


def test_the_pictures_pose_returns_though_the_neutral_is_another() -> None:
    rest = bent(bent(standing(), LEFT_SHOULDER, -30.0), RIGHT_ELBOW, -90.0)
    neutral = bent(standing(), LEFT_KNEE, 60.0)
    assert (driven(rest, rest, neutral) - rest[..., :3])[:, BODY].abs().max() < 1e-4


def test_bones_take_the_drivers_directions_and_keep_the_pictures_lengths() -> None:
    """Also one that the picture foreshortens: z tells, and proportions its full length."""
    rest = bent(bent(standing(), LEFT_SHOULDER, 40.0, 1.3), LEFT_HIP, 80.0)
    now = bent(bent(bent(standing(), LEFT_SHOULDER, -60.0), LEFT_ELBOW, -100.0), RIGHT_HIP, 150.0)
    moved = driven(rest, now, standing())
    for first, last in ((LEFT_SHOULDER, LEFT_ELBOW), (LEFT_ELBOW, LEFT_WRIST), (RIGHT_SHOULDER, RIGHT_ELBOW)):
        assert direction(moved, first, last) == pytest.approx(direction(now, first, last), abs=0.5)
        assert length(moved, first, last) == pytest.approx(length(rest, first, last), rel=0.01)
    assert direction(moved, RIGHT_HIP, RIGHT_KNEE) == pytest.approx(150, abs=0.5)
    short = bent(standing(), RIGHT_SHOULDER, 90.0, 0.4)
    short[0, RIGHT_ELBOW, 2] = -0.5
    assert length(driven(short, standing(), standing()), RIGHT_SHOULDER, RIGHT_ELBOW) == pytest.approx(
        length(standing(), RIGHT_SHOULDER, RIGHT_ELBOW), rel=0.05
    )


def test_a_bone_is_foreshortened_as_the_drivers_is() -> None:
    long = bent(standing(), LEFT_SHOULDER, 70.0, 1.3)
    moved = driven(long, bent(standing(), LEFT_SHOULDER, 70.0, 0.5), standing())
    share = length(moved, LEFT_SHOULDER, LEFT_ELBOW) / length(long, LEFT_SHOULDER, LEFT_ELBOW)
    assert share == pytest.approx(0.5, abs=0.02)


def test_lengths_stay_within_their_limits() -> None:
    for factor in (0.0, 5.0):
        moved = driven(standing(), bent(standing(), LEFT_SHOULDER, 20.0, factor), standing())
        share = length(moved, LEFT_SHOULDER, LEFT_ELBOW) / length(standing(), LEFT_SHOULDER, LEFT_ELBOW)
        assert 0.14 < share < 1.25


def test_an_unseen_bone_turns_with_its_parent() -> None:
    now = without(bent(bent(standing(), LEFT_SHOULDER, 0.0), LEFT_ELBOW, -90.0), LEFT_WRIST)
    moved = driven(standing(), now, standing())
    rest = standing()
    relative = direction(rest, LEFT_ELBOW, LEFT_WRIST) - direction(rest, LEFT_SHOULDER, LEFT_ELBOW)
    assert direction(moved, LEFT_ELBOW, LEFT_WRIST) == pytest.approx(relative, abs=1)


def test_an_arm_that_swings_up_and_over_does_not_jump() -> None:
    """At half strength it takes half of the way around, and never the other way around."""
    places = []
    for angle in range(90, -150, -5):
        now = bent(standing(), LEFT_SHOULDER, float(angle))
        places.append(driven(standing(), now, standing(), 0.5)[0, LEFT_ELBOW, :2])
    steps = torch.stack(places).diff(dim=0).norm(dim=-1)
    assert steps.max() < 1.2 * steps.median()


def test_feet_stand_while_the_hips_move() -> None:
    """Knees bend between them; feet that move take the legs along."""
    now = standing()
    now[0, :LEFT_KNEE, :2] += torch.tensor([0.06, 0.08])
    now[0, LEFT_KNEE:LEFT_ANKLE, :2] += torch.tensor([0.05, 0.03])
    moved = driven(standing(), now, standing())
    assert (moved - standing()[..., :3])[:, [LEFT_ANKLE, RIGHT_ANKLE]].abs().max() < 1e-3
    assert moved[0, LEFT_HIP, 1] > 0.06
    step = standing()
    step[0, [LEFT_KNEE, LEFT_ANKLE, LEFT_FOOT], 0] += 0.1
    moved = driven(standing(), step, standing())
    assert float(moved[0, LEFT_ANKLE, 0] - standing()[0, LEFT_ANKLE, 0]) == pytest.approx(0.1, abs=0.01)
    assert (moved - standing()[..., :3])[:, RIGHT_ANKLE].abs().max() < 1e-3


def test_feet_stand_in_a_picture_with_shorter_legs() -> None:
    rest = standing()
    rest[0, LEFT_KNEE:, 1] *= 0.5
    now = standing()
    now[0, :LEFT_KNEE, 1] += 0.1
    now[0, LEFT_KNEE:LEFT_ANKLE, 1] += 0.05
    moved = driven(rest, now, standing())
    assert (moved - rest[..., :3])[:, [LEFT_ANKLE, RIGHT_ANKLE]].abs().max() < 0.01


def test_a_driver_seen_from_the_chest_up_leaves_the_feet_and_shifts_the_hips_a_little() -> None:
    below = range(LEFT_HIP, JOINTS)
    neutral = without(standing(), *below)
    now = neutral.clone()
    now[0, :, 0] += 0.2
    moved = driven(standing(), now, neutral, head_x=0.2)
    shift = (moved - standing()[..., :3])[0, :, 0]
    assert shift[LEFT_SHOULDER] > 0.17 and 0.03 < shift[LEFT_HIP] < 0.14
    assert shift[[LEFT_ANKLE, RIGHT_ANKLE]].abs().max() < 1e-4
    assert direction(moved, LEFT_HIP, LEFT_KNEE) == pytest.approx(90, abs=15)


def test_hips_follow_the_drivers_where_they_are_seen() -> None:
    now = standing()
    now[0, [LEFT_HIP, RIGHT_HIP], 0] += 0.08
    moved = driven(standing(), now, standing())
    assert (moved[0, [LEFT_HIP, RIGHT_HIP], 0] - now[0, [LEFT_HIP, RIGHT_HIP], 0]).abs().max() < 1e-3


def test_a_torso_grows_little_longer_where_hips_are_guessed_lower_and_shortens_in_a_bow() -> None:
    """MediaPipe guesses hips by a tenth lower as arms go up; prints on clothes moved with them."""
    neutral = standing()

    def spine_of(factor: float) -> float:
        now = neutral.clone()
        shoulders = neutral[0, SHOULDERS, 1].mean()
        now[0, [LEFT_HIP, RIGHT_HIP], 1] = shoulders + factor * (now[0, [LEFT_HIP, RIGHT_HIP], 1] - shoulders)
        moved = driven(neutral, now, neutral)
        spines = [j[0, [LEFT_HIP, RIGHT_HIP], 1].mean() - j[0, SHOULDERS, 1].mean() for j in (moved, neutral)]
        return float(spines[0] / spines[1])

    assert 1 <= spine_of(1.08) < 1.03
    assert 0.5 < spine_of(0.55) < 0.65


def test_bone_factors_make_limbs_and_torso_longer() -> None:
    rest = standing()
    wider = driven(rest, rest, rest, bones=torch.tensor([[1.2, 1.1, 0.9, 1.3]]))
    for factor, first, last in (
        (1.2, LEFT_SHOULDER, RIGHT_SHOULDER), (0.9, LEFT_SHOULDER, LEFT_ELBOW), (0.9, RIGHT_ELBOW, RIGHT_WRIST),
        (1.3, LEFT_HIP, LEFT_KNEE), (1.3, RIGHT_KNEE, RIGHT_ANKLE), (1.0, LEFT_HIP, RIGHT_HIP),
    ):  # fmt: skip
        assert length(wider, first, last) == pytest.approx(factor * length(rest, first, last), rel=0.01)
    assert float(wider[0, LEFT_HIP, 1]) == pytest.approx(0.05, abs=0.01)


def test_strength_scales_the_change_from_rest() -> None:
    now = bent(bent(standing(), LEFT_SHOULDER, 0.0), RIGHT_HIP, 130.0)
    still = driven(standing(), now, standing(), 0.0)
    assert (still - standing()[..., :3]).abs().max() < 1e-5
    rest = direction(standing(), LEFT_SHOULDER, LEFT_ELBOW)
    half = direction(driven(standing(), now, standing(), 0.5), LEFT_SHOULDER, LEFT_ELBOW)
    assert half == pytest.approx(rest / 2, abs=1)


def test_depth_is_the_drivers_relative_to_the_torso() -> None:
    now = standing()
    now[..., 2] += 3.0  # of the whole body: means nothing
    now[0, LEFT_WRIST, 2] -= 0.4
    moved = driven(standing(), now, standing())
    assert float(moved[0, LEFT_WRIST, 2]) == pytest.approx(0.02 - 0.4, abs=1e-3)
    assert float(moved[0, RIGHT_WRIST, 2]) == pytest.approx(0.02, abs=1e-3)
    hidden = driven(standing(), without(now, LEFT_WRIST), standing())
    assert float(hidden[0, LEFT_WRIST, 2]) == pytest.approx(0.02, abs=1e-3)


def test_an_arm_that_the_torso_hides_stays_behind_it_unless_the_drivers_is_far_before_theirs() -> None:
    rest = without(standing(), LEFT_ELBOW, LEFT_WRIST)
    rest[0, [LEFT_ELBOW, LEFT_WRIST, RIGHT_ELBOW, RIGHT_WRIST], 2] = 0.3
    beside, before = standing(), standing()
    before[0, [LEFT_WRIST, RIGHT_WRIST], 2] = -0.5
    at_side, raised = (driven(rest, now, standing())[0, :, 2] for now in (beside, before))
    assert at_side[LEFT_WRIST] - at_side[RIGHT_WRIST] == pytest.approx(0.3, abs=0.02)  # the right arm is seen
    assert at_side[LEFT_ELBOW] - at_side[RIGHT_ELBOW] == pytest.approx(0.3, abs=0.02)
    assert raised[LEFT_WRIST] == pytest.approx(-0.2, abs=0.03)


def test_an_arm_that_a_torso_from_the_side_hides_is_beside_it_when_it_has_turned_to_the_front() -> None:
    from_side = standing()
    from_side[..., 0] *= 0.4
    rest = without(from_side, LEFT_ELBOW, LEFT_WRIST)
    rest[0, [LEFT_ELBOW, LEFT_WRIST], 2] = 0.3
    still, turned = (driven(rest, now, from_side)[0, :, 2] for now in (from_side, standing()))
    for width, shoulders in itertools.product((1.0, 1.75, 2.0), (1.0, 1.5)):  # of the picture, and by its proportions
        same = from_side * torch.tensor([width, 1, 1, 1])
        hides = torch.cat([same[..., :2], rest[..., 2:]], -1)
        bones = torch.tensor([[shoulders, 1, 1, 1]])
        at_rest = driven(hides, same, same, bones=bones)[0, LEFT_WRIST, 2]
        assert at_rest == pytest.approx(float(still[LEFT_WRIST]), abs=0.02), "nobody has turned"
    assert still[LEFT_WRIST] == pytest.approx(0.3, abs=0.02)
    assert turned[LEFT_WRIST] == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("joint", [LEFT_ELBOW, LEFT_WRIST])
def test_depth_of_an_arm_changes_by_little_while_its_joints_come_into_view(joint: int) -> None:
    """An arm counts as hidden as far as neither its elbow nor its wrist is seen."""
    before, depths = standing(), []
    before[0, LEFT_WRIST, 2] = -0.5
    for visibility in torch.linspace(0, 1, 21):
        rest = without(standing(), LEFT_ELBOW, LEFT_WRIST)
        rest[0, [LEFT_ELBOW, LEFT_WRIST], 2] = 0.3
        rest[0, joint, 3] = visibility
        depths.append(float(driven(rest, before, standing())[0, LEFT_WRIST, 2]))
    assert depths[0] == pytest.approx(-0.2, abs=0.03) and depths[-1] == pytest.approx(-0.5, abs=0.03)
    assert max(abs(a - b) for a, b in pairwise(depths)) < 0.08


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e9])
def test_joints_that_are_no_numbers_move_nothing_far(value: float) -> None:
    broken = standing()
    broken[0, [LEFT_ELBOW, RIGHT_SHOULDER, LEFT_ANKLE], :3] = value
    for now, neutral in ((broken, standing()), (standing(), broken), (broken, broken)):
        moved = driven(standing(), now, neutral)
        assert torch.isfinite(moved).all() and moved.abs().max() < 2


def test_a_frame_that_holds_the_head_back_holds_the_body_back() -> None:
    now = standing()
    now[..., 0] += 0.3
    kept = torch.tensor([0.5]), torch.tensor([1.0])
    free = driven(standing(), now, standing(), head_x=0.3)
    held = driven(standing(), now, standing(), head_x=0.15, kept=kept)
    shift = (held - standing()[..., :3])[0, [LEFT_SHOULDER, LEFT_ANKLE], 0]
    assert (shift - (free - standing()[..., :3])[0, [LEFT_SHOULDER, LEFT_ANKLE], 0] / 2).abs().max() < 0.03


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("side", [-1, 1])
def test_shoulders_stay_below_the_neck_unless_the_picture_shows_them_beside_it(side: int, strength: float) -> None:
    def middle(now: Tensor, head_x: float = 0.0) -> float:
        return side * float(driven(standing(), now, standing(), strength, head_x)[0, SHOULDERS, 0].mean())

    far, near = standing(), standing()
    far[..., 0] += 0.3 * side  # as of somebody whose neutral leans, and who stands upright now
    near[..., 0] += 0.05 * side / strength
    assert 0.08 * NECK_ASIDE < middle(far) <= 0.08 * (NECK_ASIDE + EASED_ASIDE) + 0.001
    assert 0.01 < middle(near) < 0.05, "nothing holds it back"
    assert middle(far, 0.3 * strength * side) == pytest.approx(0.3 * strength, rel=0.1), "the head goes along"
    leaning = standing()
    leaning[..., 0] += 0.2 * side
    assert torch.allclose(driven(leaning, leaning, leaning, strength), leaning[..., :3], atol=1e-3), "as in the picture"


def test_a_driver_who_turns_around_neither_tilts_nor_turns_the_torso() -> None:
    """Their shoulders become narrow, exchange their places, and are measured at any angle in between."""
    for share in (0.5, 0.15, -0.15, -0.9):
        now = standing()
        now[0, [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP], 0] *= share
        now[0, LEFT_SHOULDER, 1] += 0.02
        moved = driven(standing(), now, standing())
        line = (moved[0, LEFT_SHOULDER] - moved[0, RIGHT_SHOULDER])[:2]
        assert line[0] > 0 and abs(float(line[1] / line[0])) < 0.2
        assert length(moved, LEFT_SHOULDER, RIGHT_SHOULDER) < 1.1 * abs(share) * 0.3 + 0.08
        spine = (moved[0, [LEFT_HIP, RIGHT_HIP], 1].mean() - moved[0, SHOULDERS, 1].mean()) / 0.5
        assert float(spine) == pytest.approx(1, abs=0.05)


def test_a_torso_seen_from_the_side_widens_within_bounds() -> None:
    rest = standing()
    rest[0, [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP], 0] *= 0.3
    moved = driven(rest, standing(), rest)
    assert 2.3 < length(moved, LEFT_SHOULDER, RIGHT_SHOULDER) / length(rest, LEFT_SHOULDER, RIGHT_SHOULDER) < 2.9
    assert direction(moved, LEFT_SHOULDER, LEFT_ELBOW) == pytest.approx(direction(standing(), 11, 13), abs=3)


def test_a_torso_seen_from_the_front_is_not_blown_up_by_a_driver_who_was_seen_from_the_side() -> None:
    neutral = standing()
    neutral[0, [LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP], 0] *= 0.3
    moved = driven(standing(), standing(), neutral)
    for joints in ((LEFT_SHOULDER, RIGHT_SHOULDER), (LEFT_HIP, RIGHT_HIP)):
        assert length(moved, *joints) < 1.25 * length(standing(), *joints)


def test_hands_without_strength_turn_with_the_forearm_and_nothing_else_changes() -> None:
    rest, now = standing(), standing()
    hands = list(HAND_JOINTS)
    now[:, hands, 0] += 0.05
    follows, rigid = driven(rest, now, rest), driven(rest, now, rest, hands=torch.zeros(1))
    unseen = driven(rest, without(now, *hands), rest)
    assert torch.allclose(rigid[:, hands, :2], unseen[:, hands, :2], atol=1e-6)
    assert (follows[:, hands, 0] - rigid[:, hands, 0]).min() > 0.02
    others = [joint for joint in range(JOINTS) if joint not in hands]
    assert torch.equal(follows[:, others], rigid[:, others])

"""Arms and hands: bones follow the poses, tracks are smooth and reproducible."""

from __future__ import annotations

import numpy as np
import pytest

from training.render.character.gestures import POSES, REST_POSES, random_gestures
from training.render.character.skeleton import BONES, BONES_PER_SIDE, SIDES, Skeleton, skin


def skeleton() -> Skeleton:
    """A made-up pair of arms and legs with straight fingers, left arm towards +x."""
    heads, tails = np.zeros((len(BONES), 3)), np.zeros((len(BONES), 3))
    arm = [
        (3, 50, 0),
        (12, 52, 0),
        (17, 52, 0),
        (24, 43.5, 0.5),
        (31, 35, 1),
        (36.5, 29.5, 7.5),
        (42, 24, 14),
        (43, 22, 19),
    ]
    for s, (_, sign) in enumerate(SIDES):
        first = 1 + s * BONES_PER_SIDE
        for k in range(7):
            heads[first + k], tails[first + k] = np.array(arm[k]) * [sign, 1, 1], np.array(arm[k + 1]) * [sign, 1, 1]
        step = np.array([0, -2, 2.0])
        for finger in range(5):
            for k in range(3):
                bone = first + 7 + 3 * finger + k
                base = np.array([41 + finger * 1.5, 22 - finger, 22 - finger * 0.8]) + step * k
                heads[bone], tails[bone] = base * [sign, 1, 1], (base + step) * [sign, 1, 1]
        for k in range(3):
            heads[first + 22 + k], tails[first + 22 + k] = (8 * sign, -10 - 40 * k, 0), (8 * sign, -50 - 40 * k, 0)
    return Skeleton(heads, tails)


def posed(name: str) -> tuple[Skeleton, np.ndarray]:
    bones = skeleton()
    arms, fingers = (np.float32([POSES[name][i]] * 2) for i in range(2))
    return bones, bones.bone_transforms(arms, fingers, np.zeros(2, np.float32))


@pytest.mark.parametrize("name", sorted(POSES))
def test_arm_bones_have_the_directions_of_the_pose_and_their_lengths(name):
    bones, moves = posed(name)
    for s, (_, sign) in enumerate(SIDES):
        first = 1 + s * BONES_PER_SIDE
        chain = np.float32([first + 2, first + 4, first + 6])
        points = skin(bones.heads[chain.astype(int)].astype(np.float32), chain.astype(np.int32)[:, None],
                      np.ones((3, 1), np.float32), moves)  # fmt: skip
        rest = bones.heads[chain.astype(int)]
        for k, wanted in enumerate(np.float32(POSES[name][0]).reshape(4, 3)[:2]):
            bone = points[k + 1] - points[k]
            assert np.linalg.norm(bone) == pytest.approx(np.linalg.norm(rest[k + 1] - rest[k]), rel=1e-3)
            way = wanted / np.linalg.norm(wanted) * [sign, 1, 1]
            np.testing.assert_allclose(bone / np.linalg.norm(bone), way, atol=2e-3)


def test_arms_of_a_symmetric_pose_are_mirrored():
    _, moves = posed("chin")
    mirror = np.diag([-1.0, 1, 1])
    left, right = moves[1 : 1 + BONES_PER_SIDE], moves[1 + BONES_PER_SIDE :]
    np.testing.assert_allclose(mirror @ left[:, :, :3] @ mirror, right[:, :, :3], atol=1e-4)
    np.testing.assert_allclose(left[:, :, 3] * [-1, 1, 1], right[:, :, 3], atol=1e-3)


def test_bone_transforms_are_rigid():
    for name in POSES:
        turn = posed(name)[1][:, :, :3]
        np.testing.assert_allclose(turn @ turn.transpose(0, 2, 1), np.tile(np.eye(3), (len(BONES), 1, 1)), atol=1e-4)
        assert (np.linalg.det(turn) > 0.99).all()


def test_fist_moves_fingertips_to_the_palm():
    bones = skeleton()
    tip = 1 + 7 + 3 * 2 + 2  # the middle finger of the left hand
    gaps = []
    for name in ("wave", "fist"):
        moves = posed(name)[1]
        ends = np.stack([bones.tails[tip], bones.heads[1 + 6]]).astype(np.float32)
        tip_now, wrist = skin(ends, np.int32([[tip], [1 + 6]]), np.ones((2, 1), np.float32), moves)
        gaps.append(np.linalg.norm(tip_now - wrist))
    assert gaps[1] < 0.75 * gaps[0]


def test_gestures_are_smooth_and_grow_with_liveliness():
    moved = {0.0: [], 1.0: []}
    for seed in range(12):
        for lively, steps in moved.items():
            arms, fingers = random_gestures(np.random.default_rng(seed), 150, lively)
            assert arms.shape == (150, 2, 12) and fingers.shape == (150, 2, 6)
            step = np.abs(np.diff(arms, axis=0)).max()
            assert step < 0.7  # of a direction's unit, in 40 ms
            steps.append(np.abs(arms - arms[:1]).max())
    assert np.mean(moved[0.0]) < np.mean(moved[1.0])
    assert set(REST_POSES) <= set(POSES)


def test_gestures_are_reproducible_by_seed():
    one, two = (random_gestures(np.random.default_rng(4), 60, 1.0) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])

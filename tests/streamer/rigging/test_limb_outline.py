"""The outlines of limbs: drawn limbs of known width are found, and what is not shown is left alone."""

import pickle
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from models.geometry.body import (
    JOINTS,
    LEFT_ANKLE,
    LEFT_ELBOW,
    LEFT_FOOT,
    LEFT_HIP,
    LEFT_INDEX,
    LEFT_KNEE,
    LEFT_PINKY,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ANKLE,
    RIGHT_ELBOW,
    RIGHT_FOOT,
    RIGHT_HIP,
    RIGHT_INDEX,
    RIGHT_KNEE,
    RIGHT_PINKY,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from models.geometry.limb_curve import LIMB_SAMPLES, LIMBS, SEGMENTS_OF_LIMB, limb_polylines, limb_samples
from streamer.rigging.limb_outline import LimbOutlines, find_limbs, past_arms
from streamer.tracking.limb_gate import body_size

SIDE = 512
SUBPIXEL_BITS = 4
WALL, SHIRT, SKIN, TROUSERS = (0.6, 0.65, 0.7), (0.15, 0.3, 0.55), (0.8, 0.6, 0.5), (0.3, 0.25, 0.2)
HANGING = ((0.32, -0.12), (0.36, 0.12), (0.365, 0.17))  # elbow, wrist and knuckles of a left arm
BENT = ((0.36, -0.12), (0.60, -0.24), (0.65, -0.265))
BEFORE_THE_TORSO = ((0.27, -0.12), (0.1, 0.06), (0.07, 0.1))
ARM, LEG = 0.055, 0.08  # half widths, canvas units


def joints(left_arm: tuple[tuple[float, float], ...] = HANGING) -> np.ndarray:
    """(33, 4) joints of somebody who stands before the camera; the right arm hangs."""
    places = {
        LEFT_SHOULDER: (0.2, -0.4), LEFT_ELBOW: left_arm[0], LEFT_WRIST: left_arm[1],
        LEFT_INDEX: left_arm[2], LEFT_PINKY: left_arm[2],
        LEFT_HIP: (0.12, 0.1), LEFT_KNEE: (0.14, 0.45), LEFT_ANKLE: (0.15, 0.8), LEFT_FOOT: (0.19, 0.88),
        RIGHT_SHOULDER: (-0.2, -0.4), RIGHT_ELBOW: (-0.32, -0.12), RIGHT_WRIST: (-0.36, 0.12),
        RIGHT_INDEX: (-0.365, 0.17), RIGHT_PINKY: (-0.365, 0.17),
        RIGHT_HIP: (-0.12, 0.1), RIGHT_KNEE: (-0.14, 0.45), RIGHT_ANKLE: (-0.15, 0.8), RIGHT_FOOT: (-0.19, 0.88),
    }  # fmt: skip
    body = np.zeros((JOINTS, 4), np.float32)
    for joint, place in places.items():
        body[joint] = (*place, 0, 1)
    return body


class Drawing:
    """A person on a plain wall. rgb (SIDE, SIDE, 3), alpha (SIDE, SIDE)."""

    def __init__(self, body: np.ndarray, sleeves: tuple[float, float, float], arm: float = ARM) -> None:
        self.rgb, self.alpha = (
            np.ones((SIDE, SIDE, 3), np.float32) * np.float32(WALL),
            np.zeros((SIDE, SIDE), np.float32),
        )
        torso = np.array([(-0.22, -0.42), (0.22, -0.42), (0.18, 0.15), (-0.18, 0.15)], np.float32)
        self.paint(
            cv2.fillConvexPoly(np.zeros((SIDE, SIDE), np.float32), self.fixed(torso), 1.0, 16, SUBPIXEL_BITS), SHIRT
        )
        for hip, knee, ankle in ((LEFT_HIP, LEFT_KNEE, LEFT_ANKLE), (RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE)):
            self.limb(body[[hip, knee, ankle], :2], LEG, TROUSERS)
        for shoulder, elbow, wrist in (
            (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST),
            (RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST),
        ):
            self.limb(body[[shoulder, elbow, wrist], :2], arm, sleeves)

    def limb(self, line: np.ndarray, radius: float, colour: tuple[float, float, float]) -> None:
        """Everything within `radius` of a polyline (N, 2), canvas units."""
        y, x = np.mgrid[:SIDE, :SIDE]
        pixel = np.stack([x, y], -1).astype(np.float32)
        ends = (line + 1) * SIDE / 2 - 0.5
        distance = np.full((SIDE, SIDE), np.inf, np.float32)
        for start, end in pairwise(ends):
            bone = end - start
            along = np.clip((pixel - start) @ bone / (bone @ bone), 0, 1)
            distance = np.minimum(distance, np.linalg.norm(pixel - start - along[..., None] * bone, axis=-1))
        self.paint((radius * SIDE / 2 - distance + 0.5).clip(0, 1), colour)

    def paint(self, cover: np.ndarray, colour: tuple[float, float, float]) -> None:
        """Draw what covers (SIDE, SIDE) 0..1."""
        self.rgb = self.rgb + cover[..., None] * (np.float32(colour) - self.rgb)
        self.alpha = np.maximum(self.alpha, cover)

    @staticmethod
    def fixed(points: np.ndarray) -> np.ndarray:
        """Canvas points as OpenCV's fixed-point pixels."""
        return np.round(((points + 1) * SIDE / 2 - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)

    def outlines(self, body: np.ndarray) -> LimbOutlines:
        """What is found in the drawing."""
        found = find_limbs(self.rgb.astype(np.float32), self.alpha.astype(np.float32), body)
        assert found is not None
        return found


def along(first: float, last: float) -> np.ndarray:
    """Which samples lie on these parts of a limb."""
    s = limb_samples(torch.device("cpu")).numpy()
    return (s > first) & (s < last)


def assert_width(radii: np.ndarray, truth: float) -> None:
    assert np.abs(radii / truth - 1).max() < 0.1


def test_all_limbs_of_somebody_who_stands_are_shown() -> None:
    body = joints()
    found = Drawing(body, SKIN).outlines(body)
    assert found.radii.shape == (LIMBS, LIMB_SAMPLES, 2)
    assert found.radii.dtype == found.shown.dtype == np.float32
    assert (found.shown == np.ones((LIMBS, SEGMENTS_OF_LIMB))).all()
    assert (found.radii > 0).all()


@pytest.mark.parametrize("arm", [0.04, ARM, 0.07])
def test_a_straight_arm_ends_where_it_is_drawn(arm: float) -> None:
    body = joints()
    found = Drawing(body, SKIN, arm).outlines(body)
    assert_width(found.radii[:2, along(1.0, 1.8)], arm)
    # Left and right arm are mirrored, and so are their sides.
    np.testing.assert_allclose(found.radii[0], found.radii[1][:, ::-1], atol=2e-3)


def test_a_bent_arm_ends_where_it_is_drawn() -> None:
    body = joints(BENT)
    left = Drawing(body, SKIN).outlines(body).radii[0]
    assert_width(left[along(0.4, 0.7)], ARM)
    assert_width(left[along(1.3, 1.8)], ARM)
    # The outer side of the elbow is round; beside the joint the normal is oblique to the bone.
    assert_width(left[along(0.94, 1.06), 1], ARM)


def test_an_arm_before_the_torso_ends_where_its_colour_does() -> None:
    body = joints(BEFORE_THE_TORSO)
    left = Drawing(body, SKIN).outlines(body).radii[0]
    assert_width(left[along(1.3, 1.8)], ARM)


def test_legs_end_where_they_are_drawn() -> None:
    body = joints()
    found = Drawing(body, SKIN).outlines(body)
    assert_width(found.radii[2:, along(0.6, 1.8)], LEG)


def test_legs_that_touch_end_between_their_bones() -> None:
    body = joints()
    for pair in ((LEFT_HIP, RIGHT_HIP), (LEFT_KNEE, RIGHT_KNEE), (LEFT_ANKLE, RIGHT_ANKLE)):
        body[pair, 0] = 0.06, -0.06
    radii = Drawing(body, SKIN).outlines(body).radii[:, along(0.6, 1.8)]
    inner, outer = np.stack([radii[2, :, 1], radii[3, :, 0]]), np.stack([radii[2, :, 0], radii[3, :, 1]])
    # The person's left leg is on the right, and its bones run downwards: positive d is to the left, between the legs.
    assert (inner < 0.08).all()
    assert (inner > 0.045).all()
    assert_width(outer, LEG)


def test_a_thigh_does_not_take_the_arm_that_hangs_beside_it() -> None:
    body = joints(((0.27, -0.12), (0.27, 0.12), (0.27, 0.17)))
    outer = Drawing(body, SKIN).outlines(body).radii[2, along(-0.6, 0.3), 0]
    assert (body[LEFT_HIP, 0] + outer < body[LEFT_WRIST, 0]).all()


def test_sleeves_of_the_torsos_colour_are_as_wide_inside_as_outside() -> None:
    body = joints(((0.24, -0.12), (0.25, 0.12), (0.25, 0.17)))
    left = Drawing(body, SHIRT).outlines(body).radii[0, along(0.3, 0.9)]
    assert (np.abs(left.sum(-1) / (2 * ARM) - 1) < 0.35).all()


@pytest.mark.parametrize("joint", [LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST])
def test_an_arm_with_an_unseen_joint_is_not_shown(joint: int) -> None:
    body = joints()
    drawing = Drawing(body, SKIN)
    body[joint, 3] = 0.2
    np.testing.assert_array_equal(drawing.outlines(body).shown, [[0, 0], [1, 1], [1, 1], [1, 1]])


def test_a_leg_that_leaves_the_picture_is_not_shown() -> None:
    body = joints()
    drawing = Drawing(body, SKIN)
    inside = (slice(0, 400), slice(0, SIDE))  # the ankles lie in row 460
    found = find_limbs(drawing.rgb, drawing.alpha, body, inside)
    assert found is not None
    np.testing.assert_array_equal(found.shown, [[1, 1], [1, 1], [0, 0], [0, 0]])


def test_an_arm_beside_the_person_is_not_shown() -> None:
    body = joints()
    drawing = Drawing(body, SKIN)
    body[[LEFT_ELBOW, LEFT_WRIST], 0] += 0.3
    assert not drawing.outlines(body).shown[0].any()


def test_an_arm_that_points_at_the_camera_is_not_shown() -> None:
    body = joints(((0.22, -0.36), (0.23, -0.33), (0.23, -0.32)))
    assert not Drawing(body, SKIN).outlines(body).shown[0].any()


def test_a_forearm_that_is_raised_towards_the_camera_is_shown() -> None:
    """As a sheet it would tear; a quarter of the body's size long, it still has a direction."""
    body = joints(((0.3, -0.1), (0.36, -0.18), (0.39, -0.22)))
    size = body_size(body)
    body[LEFT_WRIST, :2] = body[LEFT_ELBOW, :2] + 0.25 * size * np.array([0.6, -0.8], np.float32)
    assert Drawing(body, SKIN).outlines(body).shown[0].all()


def test_a_bust_has_no_limbs() -> None:
    body = joints()
    drawing = Drawing(body, SKIN)
    body[LEFT_ELBOW:, 3] = 0.1
    assert find_limbs(drawing.rgb, drawing.alpha, body) is None
    body[:] = np.nan
    assert find_limbs(drawing.rgb, drawing.alpha, body) is None


def test_outlines_are_reproducible_and_picklable() -> None:
    body = joints(BENT)
    drawing = Drawing(body, SKIN)
    first, again = drawing.outlines(body), pickle.loads(pickle.dumps(drawing.outlines(body)))
    np.testing.assert_array_equal(first.radii, again.radii)


def test_the_outline_of_a_leg_goes_on_behind_an_arm() -> None:
    body, s = joints(), limb_samples(torch.device("cpu")).numpy()
    body[LEFT_WRIST, :2], body[[LEFT_INDEX, LEFT_PINKY], :2] = (0.24, 0.25), (0.23, 0.3)
    expected = np.full((LIMBS, LIMB_SAMPLES), LEG, np.float32)
    expected[:2] = ARM
    ratios = np.ones((LIMBS, LIMB_SAMPLES, 2), np.float32)
    beside_hand = (s > 0.3) & (s < 0.6)
    ratios[2, beside_hand, 0] = 1.6  # the hand's outline, not the leg's
    found = past_arms(ratios, expected, limb_polylines(torch.from_numpy(body)[None])[0], np.ones((4, 2), np.float32))
    assert np.abs(found[2, beside_hand, 0] - 1).max() < 0.05
    assert np.array_equal(found[[0, 1, 3]], ratios[[0, 1, 3]]) and np.array_equal(found[2, :, 1], ratios[2, :, 1])

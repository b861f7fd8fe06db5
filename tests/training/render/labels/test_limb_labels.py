"""Outlines of rendered limbs, and which of them become layers."""

from __future__ import annotations

import torch

from models.geometry.limb_curve import limb_samples
from training.render.joints import Joint
from training.render.labels.limb_labels import MIN_RADIUS, NO_LIMB, LimbLabels, limb_radii, shown_limbs

LEFT_ARM = 0


def body() -> torch.Tensor:
    """Joints (1, 33, 2): arms hang beside the torso, the legs leave the picture below the knees."""
    joints = torch.zeros(1, 33, 2)
    for left, (x, y) in {
        Joint.LEFT_SHOULDER: (0.3, -0.5), Joint.LEFT_ELBOW: (0.3, -0.1), Joint.LEFT_WRIST: (0.3, 0.3),
        Joint.LEFT_PINKY: (0.32, 0.4), Joint.LEFT_INDEX: (0.28, 0.4), Joint.LEFT_HIP: (0.2, 0.4),
        Joint.LEFT_KNEE: (0.2, 0.8), Joint.LEFT_ANKLE: (0.2, 1.4), Joint.LEFT_FOOT_INDEX: (0.2, 1.5),
    }.items():  # fmt: skip
        joints[0, left], joints[0, left + 1] = torch.tensor([x, y]), torch.tensor([-x, y])
    return joints


def test_a_limb_that_is_cut_or_points_at_the_camera_is_no_layer() -> None:
    joints = body()
    assert shown_limbs(joints).tolist() == [[1, 1, 0, 0]]
    joints[0, Joint.RIGHT_WRIST] = joints[0, Joint.RIGHT_ELBOW] + 0.05
    joints[0, [Joint.LEFT_ANKLE, Joint.RIGHT_KNEE], 1] = torch.tensor([1.1, 1.1])
    assert shown_limbs(joints).tolist() == [[1, 0, 1, 0]]


def test_radii_are_those_of_the_vertices_on_both_sides() -> None:
    joints, s = body(), torch.linspace(0.1, 2.4, 60)
    places = torch.full((1, 121, 4), NO_LIMB)
    points = torch.zeros(1, 121, 2)
    for side, (width, first) in enumerate(((0.05, 0), (0.02, 60))):  # to the right of the bones, and to the left
        places[0, first : first + 60, LEFT_ARM] = s
        points[0, first : first + 60, 0] = 0.3 + width * (1 - 2 * side)
        points[0, first : first + 60, 1] = -0.5 + 0.4 * s
    labels = LimbLabels.of(places, points, joints)
    straight = limb_samples(joints.device) < 1.5
    widths = labels.radii[0, LEFT_ARM][straight].sort(-1).values
    torch.testing.assert_close(widths, torch.tensor([[0.02, 0.05]]).expand_as(widths), atol=1e-3, rtol=0)
    assert labels.vertices[0].tolist() == [True] * 120 + [False]
    assert bool((limb_radii(places, points, joints)[0, 1:] == MIN_RADIUS).all())  # of limbs without vertices

"""The renderer's joints are those of the live engine."""

from __future__ import annotations

from models.geometry import body
from training.render.joints import JOINT_COUNT, Joint


def test_joints_have_the_indices_of_the_geometry_package() -> None:
    assert JOINT_COUNT == body.JOINTS
    names = ("NOSE", "LEFT_EAR", "RIGHT_EAR", "LEFT_SHOULDER", "RIGHT_SHOULDER", "LEFT_ELBOW", "RIGHT_ELBOW")
    assert all(Joint[name] == getattr(body, name) for name in (*names, "LEFT_WRIST", "RIGHT_WRIST"))

"""Characters that are no people: their face stays within them, and no human skull is made up around it."""

from __future__ import annotations

import numpy as np
import pytest

from models.geometry.topology import MESH
from streamer.rigging.face_fit import face_within
from streamer.rigging.points import Points
from streamer.rigging.rigger import build_rig, find_character
from tests.support.characters import CHARACTERS


@pytest.mark.parametrize("name", [name for name in CHARACTERS if name != "stick"])  # its face is the paper
def test_drawn_characters_have_no_shell_and_their_own_outline(name: str) -> None:
    picture, points = CHARACTERS[name]()
    character = find_character(picture, 128, Points.parse(points))
    shell = build_rig(character, "cpu").rig.surface.shell
    assert shell.std(1).max() < 1e-4  # all of it is in one place, and has no area
    background = np.abs(character.rgb - character.rgb[2, 2]).max(-1) < 0.02
    assert character.alpha[background].mean() < 0.1


def test_face_within_keeps_what_lies_inside() -> None:
    picture, points = CHARACTERS["dog"]()
    face = find_character(picture, 128, Points.parse(points)).face
    same, share = face_within(face, np.ones((128, 128), np.float32))
    assert share == 1 and (same == face).all()
    alpha = np.zeros((128, 128), np.float32)
    alpha[40:] = 1
    lower, share = face_within(face, alpha)
    assert share < 1 and lower[:MESH, 1].min() > face[:MESH, 1].min()

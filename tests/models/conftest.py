"""Drawn people that tests of models share; none of them changes a rig."""

import pytest

from models.geometry.rig import Rig
from tests.support.faces import drawn_face


@pytest.fixture(scope="package")
def rig() -> Rig:
    """A face so large that the focus box is the whole canvas."""
    return drawn_face()


@pytest.fixture(scope="package")
def small_rig() -> Rig:
    """A face so small that the focus box is a part of the canvas."""
    return drawn_face(scale=0.12)

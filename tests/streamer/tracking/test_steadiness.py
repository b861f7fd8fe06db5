"""What keeps a face from resting is named."""

from dataclasses import replace

import numpy as np
import pytest

from models.geometry.topology import LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER
from streamer.tracking.steadiness import steadiness
from tests.support.people import STEP, nobody, person


def smiling(at=0.0, lift=0.04, wider=0.5):
    """A person whose mouth is wider, and whose mouth's corners are lifted, in camera units."""
    motion = person(at, smile=wider)
    face = motion.face.copy()
    face[[LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER], 1] -= np.float32(lift)
    return replace(motion, face=face)


def small(at=0.0):
    motion = person(at)
    return replace(motion, face=motion.face * np.float32(0.2))


CASES = {
    "rests": (person, None),
    "small": (small, "small"),
    "turned": (lambda at: person(at, turn=(0, 0.7, 0)), "turned"),
    "moves": (lambda at: person(at, shift=(2.0 * at, 0, 0)), "moves"),
    "talks": (lambda at: person(at, mouth=0.3), "talks"),
    "blinks": (lambda at: person(at, eyes=(0.05, 0.05)), "blinks"),
    "smiles": (smiling, "smiles"),
    "a wide mouth": (lambda at: smiling(at, lift=0.0), None),
    "lifted corners": (lambda at: smiling(at, wider=0.0), None),
}


@pytest.mark.parametrize(("make", "expected"), CASES.values(), ids=CASES.keys())
def test_obstacle_names_what_the_driver_does(make, expected):
    rating = steadiness(make(0.0), make(STEP))
    assert rating.obstacle == expected
    if expected in ("moves", "talks", "blinks"):
        assert rating.unsteadiness > 1
    elif expected in (None, "smiles"):
        assert rating.unsteadiness <= 1


def test_frames_without_a_face_are_refused():
    with pytest.raises(ValueError, match="without a face"):
        steadiness(person(), nobody(STEP))

"""Where drawn eyes have grown, the mesh of the skin around them makes way, and the rest of the face stays."""

import numpy as np

from models.geometry.openings import EYES
from models.geometry.topology import CHIN, LEFT_MOUTH_CORNER, NOSE_TIP, topology
from streamer.rigging.drawn_eyes import fit_drawn_eyes
from streamer.rigging.drawn_face import fit_drawn_face
from tests.streamer.rigging.test_drawn_eyes import drawing


def folded(face):
    """How many triangles of the face (478, 3) show their back."""
    first, second, third = np.moveaxis(face[topology().triangles.numpy(), :2], 1, 0)
    a, b = second - first, third - first
    return int((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < -1e-7).sum())


def test_skin_makes_way_for_large_eyes():
    rgb, face = drawing(11)
    eyes_alone, fitted = fit_drawn_eyes(rgb, face), fit_drawn_face(rgb, face)
    assert folded(fitted) < folded(eyes_alone) / 3
    for mark in (CHIN, NOSE_TIP, LEFT_MOUTH_CORNER, *topology().oval.tolist()):
        np.testing.assert_allclose(fitted[mark, :2], face[mark, :2], atol=1e-6)
    for ring, iris in EYES:  # on one even surface
        lids = fitted[list(ring), 2]
        assert lids.min() - 0.01 < fitted[iris, 2] < lids.max() + 0.01


def test_a_face_that_fits_stays():
    rgb, face = drawing(3)
    assert fit_drawn_face(rgb, face) is face

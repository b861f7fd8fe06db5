"""Takes made by hand, without the face model."""

import numpy as np
import pytest

from benchmarks.evaluation import rendered
from benchmarks.evaluation.eval_pipeline import Artist
from benchmarks.evaluation.regions import REGIONS
from benchmarks.evaluation.rendered import FIGURES, Take, measure, paced, pixels
from streamer.generation.generator import GeometryGenerator
from streamer.tracking.motion import Motion
from tests.support.faces import drawn_face
from training.render.scene.motion_tracks import Track


@pytest.fixture
def take():
    rig = drawn_face(size=128)
    still = Motion.still(rig.face[0].numpy(), rig.body[0].numpy())
    truth = (rig.image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    label = np.where(rig.matte[0, 0].numpy() > 0.5, 3, 0).astype(np.uint8)
    made = Take(4, "skin", rig, [truth] * 3, [label] * 3, [pixels(still, 128)] * 3, {"self": [still] * 3})
    made.__dict__["seen"] = made.faces
    return made


def test_a_perfect_drawing_has_perfect_figures(take, monkeypatch):
    monkeypatch.setattr(rendered, "track_faces", lambda frames: take.faces)
    kept = []
    row = measure([take], Artist(GeometryGenerator(), size=128), "self", lambda *each: kept.append(each))[0]
    assert tuple(row) == FIGURES
    assert row["psnr"] > 50 and row["ssim"] > 0.99 and row["akd"] == 0
    assert all(row[name] > 50 for name in ("mouth", "eyes", "face", "background"))
    assert np.isnan(row["hair"]) and set(REGIONS) < set(row)
    assert kept[0][0] is take and len(kept[0][1]) == 3


def test_the_reference_frame_does_not_count(take, monkeypatch):
    monkeypatch.setattr(rendered, "track_faces", lambda frames: take.faces)
    spoilt = [np.zeros_like(take.truth[0]), *take.truth[1:]]
    assert rendered.compare(take, spoilt)["face"] > 70
    assert rendered.compare(take, [take.truth[0], *spoilt[:2]])["face"] < 20


def test_a_paced_track_is_faded():
    shapes = {"expression": 57, "gaze": 2, "head": 3, "translation": 3, "lean": 3, "shrug": 2}
    track = Track(**{name: np.arange(6)[:, None] + np.ones((6, n), np.float32) for name, n in shapes.items()})
    got = paced(track, 2, np.array([0.0, 0.5, 1.0]))
    assert len(got) == 3 and got.head[:, 0].tolist() == [0, 1.5, 5]


def test_landmarks_in_pixels():
    face = np.zeros((478, 3), np.float32)
    face[0] = 1, -1, 0.5
    assert pixels(Motion(0.0, face), 256)[0].tolist() == [256, 0, 64]
    assert pixels(Motion(0.0, face), 256)[1].tolist() == [128, 128, 0]

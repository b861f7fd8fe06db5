"""The figures of a synthetic clip, without the face model."""

import numpy as np
import pytest

from benchmarks.evaluation import rendered_score
from benchmarks.evaluation.eval_pipeline import EvalPipeline
from benchmarks.evaluation.regions import REGIONS
from benchmarks.evaluation.rendered_clips import RenderedClip, landmarks_in_pixels
from benchmarks.evaluation.rendered_score import RENDERED_FIGURES, measure
from streamer.generation.generator import GeometryGenerator
from streamer.tracking.motion import Motion
from tests.support.faces import drawn_face


@pytest.fixture
def clip():
    rig = drawn_face(size=128)
    still = Motion.still(rig.face[0].numpy(), rig.body[0].numpy())
    truth = (rig.image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    label = np.where(rig.matte[0, 0].numpy() > 0.5, 3, 0).astype(np.uint8)
    faces = [landmarks_in_pixels(still, 128)] * 3
    clip = RenderedClip(4, "skin", rig, [truth] * 3, [label] * 3, faces, {"self": [still] * 3})
    clip.__dict__["detected_faces"] = clip.faces
    return clip


def test_measure_of_perfect_frames_is_perfect(clip, monkeypatch):
    monkeypatch.setattr(rendered_score, "track_faces", lambda frames: clip.faces)
    kept = []
    row = measure([clip], EvalPipeline(GeometryGenerator(), size=128), "self", lambda *each: kept.append(each))[0]
    assert tuple(row) == RENDERED_FIGURES
    assert row["psnr"] > 50 and row["ssim"] > 0.99 and row["akd"] == 0
    assert all(row[name] > 50 for name in ("mouth", "eyes", "face", "background"))
    assert np.isnan(row["hair"]) and set(REGIONS) < set(row)
    assert kept[0][0] is clip and len(kept[0][1]) == 3


def test_compare_ignores_the_reference_frame(clip, monkeypatch):
    monkeypatch.setattr(rendered_score, "track_faces", lambda frames: clip.faces)
    first_black = [np.zeros_like(clip.truth[0]), *clip.truth[1:]]
    assert rendered_score.compare(clip, first_black)["face"] > 70
    assert rendered_score.compare(clip, [clip.truth[0], *first_black[:2]])["face"] < 20

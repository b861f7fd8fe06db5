"""The pipeline for measurements."""

import numpy as np

from benchmarks.evaluation.eval_pipeline import EvalPipeline, animate
from streamer.generation.generator import GeometryGenerator
from streamer.tracking.motion import Motion
from tests.support.faces import drawn_face


def test_animate_draws_a_given_rig():
    rig = drawn_face(size=128)
    still = Motion.still(rig.face[0].numpy(), rig.body[0].numpy())
    picture = (rig.image[0].permute(1, 2, 0).numpy() * 255).round()
    drawn = animate(EvalPipeline(GeometryGenerator(), size=128), rig, [still] * 2)
    assert len(drawn) == 2 and drawn[0].shape == (128, 128, 3)
    assert np.abs(drawn[1] - picture).max() <= 2

"""A rendered figure of MakeHuman, whole and clothed, moves its arms as the clip that drives it.

The clip was rendered by `benchmarks.evaluation.rendered_bodies` ("whole" of its cast), shrunk to 384 pixels.
"""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation.body_clips import BodyClip, Thinning, draw_body, read_body_clip
from benchmarks.evaluation.body_score import cross_figures, joint_figures
from benchmarks.evaluation.body_tracks import BodyTrack, track_bodies
from benchmarks.evaluation.posed_joints import posed_figures, posed_joints
from benchmarks.reenact import picture_of
from streamer.frames import Image
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline

CLIP = Path(__file__).parents[1] / "fixtures" / "rendered_body.mp4"
TRUE_MOTION = Controls(mirror=False, keep_in_frame=False)


@pytest.fixture(scope="module")
def clip() -> BodyClip:
    return read_body_clip(CLIP, Thinning(every=2))


@pytest.fixture(scope="module")
def pipeline() -> AvatarPipeline:
    return make_pipeline("geometry", size=384)


@pytest.fixture(scope="module")
def avatar(clip: BodyClip, pipeline: AvatarPipeline) -> Avatar:
    return pipeline.prepare(picture_of(clip.frames[0], "rendered.png"))


@pytest.fixture(scope="module")
def drawn(clip: BodyClip, pipeline: AvatarPipeline, avatar: Avatar) -> list[Image]:
    return draw_body(pipeline, avatar, clip, TRUE_MOTION, clip.shape)[0]


@pytest.fixture(scope="module")
def track(drawn: list[Image]) -> BodyTrack:
    return track_bodies(drawn)


def test_all_limbs_of_a_whole_figure_become_layers(avatar: Avatar) -> None:
    assert avatar.rig.limbs.shown[0, :8].all()


def test_arms_go_where_the_drivers_go(clip: BodyClip, track: BodyTrack) -> None:
    angles, joints = cross_figures(clip.track, track), joint_figures(clip.track, track)
    assert angles["limbs"] == 8 and angles["found"] == 1
    assert angles["angle_err"] < 8 and angles["angle_corr"] > 0.8
    assert joints["joints_err"] < 12


def test_joints_are_posed_where_the_drivers_are(clip: BodyClip, pipeline: AvatarPipeline, avatar: Avatar) -> None:
    """Nothing but the pose model's own error is between them and what is drawn."""
    posed = posed_joints(pipeline, avatar, clip, TRUE_MOTION, clip.shape)
    assert (posed.height, posed.width) == clip.shape
    figures = posed_figures(clip.track, posed)
    assert figures["posed_joints_err"] < 4 and figures["posed_angle_err"] < 2 and figures["posed_angle_corr"] > 0.99


def test_the_first_frame_is_the_picture(clip: BodyClip, drawn: list[Image]) -> None:
    error = np.square(clip.frames[0].astype(np.float32) - drawn[0]).mean()
    assert 10 * np.log10(255**2 / error) > 26

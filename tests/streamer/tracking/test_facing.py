"""A neutral from the side is replaced by a calm moment that faces as the picture does."""

import math
from dataclasses import replace

import numpy as np
import pytest

from streamer.tracking.clip_scenes import clip_scenes
from streamer.tracking.facing import neutral_facing, yaw_of
from streamer.tracking.head_of_body import HeadOfBody
from tests.support.people import STEP, nobody, person

PROFILE = 1.2  # radians


def turning(*yaws):
    """Motions whose heads have these yaws, one after the other."""
    return [person(i * STEP, turn=(0, -yaw, 0)) for i, yaw in enumerate(yaws)]


def test_who_begins_in_profile_is_measured_against_the_moment_they_face_the_camera():
    motions = turning(PROFILE, PROFILE, 0.6, 0.02, 0.01, 0.5)
    assert neutral_facing(motions[0], motions, 0) in motions[3:5]


def test_of_moments_that_face_alike_the_calmest_is_taken():
    talking = person(3 * STEP, mouth=0.3)
    motions = [*turning(PROFILE, 0.05, 0.05), talking, person(4 * STEP, turn=(0, -0.05, 0))]
    assert neutral_facing(motions[0], motions, 0) is motions[2]


@pytest.mark.parametrize("yaw", [PROFILE, 0.6])
def test_a_picture_that_faces_as_the_first_moment_does_keeps_it(yaw):
    motions = turning(PROFILE, 0.0, 0.0)
    assert neutral_facing(motions[0], motions, yaw) is motions[0]


def test_of_a_picture_in_profile_the_neutral_is_the_driver_in_that_profile():
    motions = turning(0.0, 0.0, -PROFILE, -PROFILE)
    assert yaw_of(neutral_facing(motions[0], motions, -PROFILE)) == pytest.approx(-PROFILE, abs=0.01)


def test_who_never_faces_much_nearer_keeps_the_first_neutral():
    motions = turning(PROFILE, PROFILE - 0.2, PROFILE - 0.3)
    assert neutral_facing(motions[0], motions, 0) is motions[0]
    assert neutral_facing(motions[0], [nobody()], 0) is motions[0]


def test_a_neutral_with_a_body_is_replaced_by_one_with_a_body():
    bodiless = person(2 * STEP, body=False)
    motions = [*turning(PROFILE, 0.3), bodiless]
    assert neutral_facing(motions[0], motions, 0) is motions[1]


def test_a_head_that_is_nowhere_is_no_neutral():
    lost = replace(person(STEP), head=np.full((3, 3), np.nan, np.float32))
    motions = [*turning(PROFILE), lost, *turning(0.0)]
    assert neutral_facing(motions[0], motions, 0) is motions[2]
    assert neutral_facing(motions[0], motions[:2], 0) is motions[0]


def test_without_a_yaw_the_first_neutral_stays():
    [scene] = clip_scenes(turning(*[PROFILE] * 10, *[0.0] * 20), "first", HeadOfBody())
    assert yaw_of(scene.neutral) == pytest.approx(PROFILE, abs=0.01)


@pytest.mark.parametrize("kind", ["first", "auto"])
def test_each_scene_of_a_clip_has_a_neutral_that_faces_the_camera(kind):
    here = turning(*[PROFILE] * 40, *[0.0] * 20)
    there = [replace(each, scene=1, captured=each.captured + 5) for each in turning(*[-PROFILE] * 40, *[0.0] * 20)]
    for scene in clip_scenes(here + there, kind, HeadOfBody(), 0.0):
        assert len(list(scene.motions)) == 60
        assert math.degrees(yaw_of(scene.neutral)) == pytest.approx(0, abs=1)

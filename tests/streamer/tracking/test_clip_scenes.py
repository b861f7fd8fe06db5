"""Each scene of a clip has its neutral from its first frame on, and little is held back."""

from dataclasses import replace

import numpy as np

from streamer.tracking.clip_scenes import SEARCHED_S, clip_scenes, find_neutral
from streamer.tracking.habits import LOOKAHEAD_S
from streamer.tracking.head_of_body import HeadOfBody
from streamer.tracking.motion import Motion
from tests.support.people import STEP, nobody, person


def test_the_first_face_is_the_neutral_of_a_file():
    passed: list[Motion] = []
    motions = iter([nobody(0.0), person(STEP, turn=(0, 0.4, 0)), person(2 * STEP)])
    base = find_neutral(motions, "first", passed)
    assert base is passed[1] and len(passed) == 2 and len(list(motions)) == 1


def test_a_short_clip_has_a_calm_neutral_too():
    passed: list[Motion] = []
    base = find_neutral(iter([person(i * STEP) for i in range(5)]), "auto", passed)
    assert base is not None and len(passed) == 5
    np.testing.assert_allclose(base.face, person().face, atol=1e-5)


def scenes(motions, kind="first"):
    """Number of motions and neutral of each scene."""
    return [(len(list(scene.motions)), scene.neutral) for scene in clip_scenes(motions, kind, HeadOfBody())]


def test_each_scene_has_a_neutral_of_its_own():
    here = [person(i * STEP) for i in range(50)]
    there = [replace(person((50 + i) * STEP, shift=(0.6, 0, 0)), scene=1) for i in range(50)]
    (first, one), (second, two) = scenes(here + there)
    assert (first, second) == (50, 50) and one is here[0] and two.scene == 1
    np.testing.assert_allclose(two.face, there[0].face, atol=1e-4)


def test_a_faceless_beginning_comes_in_parts_that_hold_little():
    taken = []

    def motions():
        for i in range(3000):
            taken.append(i)
            yield nobody(i * STEP) if i < 2000 else person(i * STEP)

    held, counts = [], []
    for scene in clip_scenes(motions(), "first", HeadOfBody()):
        held.append(len(taken) - sum(counts))
        counts.append(len(list(scene.motions)))
    assert sum(counts) == 3000 and len(counts) > 2
    assert max(held) <= (SEARCHED_S + LOOKAHEAD_S) / STEP + 5


def test_a_face_that_comes_and_goes_is_not_waited_for():
    """Faces that are never seen for long enough to calibrate give a neutral all the same."""
    motions = [person(i * STEP) if i % 60 == 5 else nobody(i * STEP) for i in range(2000)]
    (count, neutral), *_ = scenes(motions, "auto")
    assert neutral is not None and count == 2000


def test_a_clip_without_anybody_has_no_neutral():
    assert all(neutral is None for _, neutral in scenes([nobody(i * STEP) for i in range(600)]))

"""The face on shoulders is animated; a person without a face has a head."""

import numpy as np
import pytest

from streamer.rigging import person_search
from streamer.rigging.person_search import find_person
from streamer.rigging.skeleton import Skeleton
from tests.support.skeletons import face_of_standing, grey_canvas, standing

SHIRT = face_of_standing() * np.float32(1.5) + np.array([0, 0.6, 0], np.float32)
NOBODY = Skeleton(None, None)


def on_shoulders(_canvas: object, face: np.ndarray, _points: object) -> Skeleton:
    return Skeleton(standing(), None) if face is not SHIRT else NOBODY


@pytest.fixture
def find_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "find_faces", lambda _canvas: [])


def test_find_person_prefers_the_face_on_shoulders_to_a_larger_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own = face_of_standing()
    monkeypatch.setattr(person_search, "find_faces", lambda _canvas: [SHIRT, own])
    monkeypatch.setattr(person_search, "find_skeleton", on_shoulders)
    person = find_person(grey_canvas())
    assert person is not None and person[0] is own
    assert person[1].notes == ["2 faces found; the largest one on shoulders is animated"]


def test_find_person_takes_the_largest_face_where_no_shoulders_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "find_faces", lambda _canvas: [SHIRT, face_of_standing()])
    monkeypatch.setattr(person_search, "find_skeleton", lambda *_: NOBODY)
    person = find_person(grey_canvas())
    assert person is not None and person[0] is SHIRT and person[1].body is None
    assert person[1].notes == ["2 faces found; the largest is animated"]


@pytest.mark.usefixtures("find_nothing")
def test_find_person_puts_a_face_on_the_head_of_a_person_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "detect_joints", lambda *_: standing())
    monkeypatch.setattr(person_search, "find_skeleton", on_shoulders)
    person = find_person(grey_canvas())
    assert person is not None and person[1].body is not None
    assert np.abs(person[0][:, :2] - face_of_standing()[:, :2]).max() < 0.02
    assert person[1].notes[0].startswith("No face was found on the person")


@pytest.mark.usefixtures("find_nothing")
@pytest.mark.parametrize("joints", [None, standing() * np.array([1, 1, 1, 0.5], np.float32), standing() * np.nan])
def test_find_person_finds_nobody_without_a_face_and_a_well_seen_body(
    joints: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_search, "detect_joints", lambda *_: joints)
    assert find_person(grey_canvas()) is None

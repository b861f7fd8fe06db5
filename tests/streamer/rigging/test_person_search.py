"""The face on shoulders is animated, or the person who was chosen; a person without a face has a head."""

import numpy as np
import pytest

from streamer.rigging import person_search
from streamer.rigging.person_search import Person, PersonError, choose_person, find_people
from streamer.rigging.skeleton import Skeleton
from tests.support.skeletons import face_of_standing, grey_canvas, standing

SHIRT = face_of_standing() * np.float32(1.5) + np.array([0, 0.6, 0], np.float32)
NOBODY = Skeleton(None, None)


def on_shoulders(_canvas: object, face: np.ndarray, _points: object) -> Skeleton:
    return Skeleton(standing(), None) if face is not SHIRT else NOBODY


def people(*shifts: float) -> list[Person]:
    """People whose faces are moved to the right by so much, canvas units; the last one's is the largest."""
    faces = [face_of_standing() + np.array([shift, 0, 0], np.float32) for shift in shifts]
    faces[-1] = (faces[-1] - faces[-1].mean(0)) * np.float32(1.2) + faces[-1].mean(0)
    return [Person(face) for face in faces]


@pytest.fixture
def find_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "find_all_faces", lambda _canvas: [])


def test_find_people_counts_them_from_the_left(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (person.face for person in people(-0.5, 0.0, 0.5))
    monkeypatch.setattr(person_search, "find_all_faces", lambda _canvas: [third, first, second])
    found = find_people(grey_canvas())
    assert [person.face is face for person, face in zip(found, (first, second, third), strict=True)] == [True] * 3


def test_box_of_a_person_is_around_the_head_and_within_the_picture() -> None:
    (person,) = people(-0.9)
    left, top, width, height = person.head_box(640, 640)
    x, y = (person.face[:468, :2].mean(0) + 1) / 2
    assert left == 0 and left < x < left + width and top < y < top + height
    assert 0 < top < top + height < 1


def test_largest_face_on_shoulders_is_preferred_to_a_larger_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "find_skeleton", on_shoulders)
    index, skeleton = choose_person(grey_canvas(), [Person(SHIRT), Person(face_of_standing())])
    assert index == 1
    assert skeleton.notes == ["2 faces found; the largest one on shoulders is animated"]


def test_largest_face_is_taken_where_no_shoulders_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "find_skeleton", lambda *_: NOBODY)
    index, skeleton = choose_person(grey_canvas(), [Person(face_of_standing()), Person(SHIRT)])
    assert index == 1 and skeleton.body is None
    assert skeleton.notes == ["2 faces found; the largest is animated"]


@pytest.mark.parametrize(("choice", "index"), [("left", 0), ("right", 2), ("1", 0), ("2", 1), ("3", 2)])
def test_chosen_person_is_taken_whatever_the_sizes(choice: str, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "find_skeleton", lambda *_: NOBODY)
    chosen, skeleton = choose_person(grey_canvas(), people(-0.5, 0.0, 0.5), choice)
    assert chosen == index
    assert skeleton.notes == [f"3 faces found; number {index + 1} from the left is animated"]


@pytest.mark.parametrize(("shifts", "shown"), [((0.0,), "one person"), ((-0.5, 0.5), "2 people")])
def test_person_who_is_not_there_is_refused(shifts: tuple[float, ...], shown: str) -> None:
    with pytest.raises(PersonError) as caught:
        choose_person(grey_canvas(), people(*shifts), "3")
    assert str(caught.value) == f"The picture shows {shown}, so that person 3 cannot be animated: choose another."


@pytest.mark.usefixtures("find_nothing")
def test_person_without_a_face_gets_one_on_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_search, "detect_joints", lambda *_: standing())
    monkeypatch.setattr(person_search, "find_skeleton", on_shoulders)
    (person,) = find_people(grey_canvas())
    assert not person.has_face
    assert np.abs(person.face[:, :2] - face_of_standing()[:, :2]).max() < 0.02
    _, skeleton = choose_person(grey_canvas(), [person])
    assert skeleton.body is not None
    assert skeleton.notes[0].startswith("No face was found on the person")


@pytest.mark.usefixtures("find_nothing")
@pytest.mark.parametrize("joints", [None, standing() * np.array([1, 1, 1, 0.5], np.float32), standing() * np.nan])
def test_find_people_finds_nobody_without_a_face_and_a_well_seen_body(
    joints: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_search, "detect_joints", lambda *_: joints)
    assert find_people(grey_canvas()) == []

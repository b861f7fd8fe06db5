"""Who before a camera is followed, told by places of faces alone."""

import numpy as np
import pytest

from streamer.tracking.people import GREY, RETURN_S, People, Place, hide
from tests.support.people import person

LEFT, MIDDLE, RIGHT = Place(-0.5, 0.0, 0.1), Place(0.0, 0.0, 0.12), Place(0.5, 0.0, 0.14)
LOOK_S = 0.15


def looks(people, places, start=0.0, count=4):
    """The same faces in several looks; returns the time of the next one."""
    for number in range(count):
        people.look(places, start + number * LOOK_S)
    return start + count * LOOK_S


def test_people_a_larger_person_who_comes_in_does_not_take_over():
    people = People()
    now = looks(people, [LEFT])
    looks(people, [LEFT, Place(0.5, 0.0, 0.3)], now)
    assert people.place(0) == LEFT
    assert people.seen == 2
    assert people.others(0) == [Place(0.5, 0.0, 0.3)]


def test_people_the_first_who_leaves_for_a_moment_is_taken_again_and_is_the_same():
    people = People()
    now = looks(people, [LEFT])
    now = looks(people, [LEFT, RIGHT], now)
    before = people.generation(0)
    now = looks(people, [RIGHT], now, 20)
    assert people.place(0) is None
    assert RIGHT in people.others(0)
    looks(people, [Place(-0.4, 0.1, 0.1), RIGHT], now)
    assert people.place(0) == Place(-0.4, 0.1, 0.1)
    assert people.generation(0) == before


@pytest.mark.parametrize(
    ("seen", "followed"),
    [
        ([Place(-0.4, 0.05, 0.1), RIGHT], Place(-0.4, 0.05, 0.1)),  # both moved a little
        ([RIGHT, Place(-0.1, 0.0, 0.1)], Place(-0.1, 0.0, 0.1)),  # moved far: the other one is known
        ([RIGHT], None),  # left: is waited for
    ],
)
def test_people_taken_over_after_missed_pictures_are_who_they_were(seen, followed):
    people = People("left")
    now = looks(people, [LEFT, RIGHT])
    taken = people.copy()
    taken.resume()
    assert taken.wanted == people.wanted == ("left", 1, False)
    looks(people, [Place(-0.5, 0.4, 0.1)], now, 1)  # concerns the copy no more
    assert taken.place(0) == LEFT
    taken.look(seen, now + 3.0)
    assert taken.place(0) == followed and taken.generation(0) == people.generation(0)
    assert RIGHT in taken.others(0)
    looks(taken, [RIGHT], now + 3.0, int(RETURN_S / LOOK_S) + 10)
    assert taken.place(0) == RIGHT


def test_people_one_who_does_not_come_back_is_replaced_by_another_person():
    people = People()
    now = looks(people, [LEFT])
    now = looks(people, [LEFT, RIGHT], now)
    before = people.generation(0)
    looks(people, [RIGHT], now, int(RETURN_S / LOOK_S) + 10)
    assert people.place(0) == RIGHT
    assert people.generation(0) > before


@pytest.mark.parametrize(
    ("choice", "mirrored", "expected"),
    [
        ("largest", False, RIGHT), ("left", False, LEFT), ("right", False, RIGHT), ("2", False, MIDDLE),
        ("left", True, RIGHT), ("right", True, LEFT), ("3", True, LEFT),
    ],
)  # fmt: skip
def test_people_the_choice_at_the_start_holds_when_places_change(choice, mirrored, expected):
    people = People(choice, mirrored=mirrored)
    now = looks(people, [RIGHT, LEFT, MIDDLE])
    assert people.place(0) == expected
    walked = Place(expected.x + 0.1, expected.y, expected.half)
    looks(people, [walked if place is expected else place for place in (LEFT, MIDDLE, RIGHT)], now)
    assert people.place(0) == walked


def test_people_a_number_is_waited_for():
    people = People("2")
    now = looks(people, [LEFT])
    assert people.place(0) == LEFT
    looks(people, [LEFT, RIGHT], now)
    assert people.place(0) == RIGHT


def test_people_another_choice_follows_another_person_at_once():
    people = People("left")
    now = looks(people, [LEFT, RIGHT])
    before = people.generation(0)
    people.choose("right")
    people.look([LEFT, RIGHT], now)
    assert people.place(0) == RIGHT
    assert people.generation(0) > before


def test_people_characters_are_driven_from_left_to_right_and_keep_their_drivers():
    people = People(count=3)
    now = looks(people, [RIGHT, LEFT])
    assert [people.place(slot) for slot in range(3)] == [LEFT, RIGHT, None]
    now = looks(people, [RIGHT, LEFT, MIDDLE], now)
    assert [people.place(slot) for slot in range(3)] == [LEFT, RIGHT, MIDDLE]
    people.choose("largest")
    people.look([RIGHT, LEFT, MIDDLE], now)
    assert [people.place(slot) for slot in range(3)] == [LEFT, MIDDLE, RIGHT]


def test_people_a_single_look_at_a_stranger_does_not_count():
    people = People()
    now = looks(people, [LEFT])
    people.look([LEFT, RIGHT], now)
    assert people.seen == 1
    people.look([LEFT], now + 2)
    people.look([LEFT, RIGHT], now + 4)
    assert people.seen == 1


def test_people_tracked_landmarks_move_the_place_between_looks():
    people = People()
    motion = person()
    people.look([Place.of(motion.face)], 0.0)
    moved = person(shift=(0.05, 0.02, 0))
    people.track(0, moved.face, 0.04)
    assert people.place(0) == Place.of(moved.face)


def test_people_many_false_faces_are_bounded():
    people = People()
    random = np.random.default_rng(0)
    for number in range(50):
        people.look([Place(*random.uniform(-1, 1, 2), 0.01) for _ in range(100)], number * LOOK_S)
    assert len(people.others(0)) < 100


def test_hide_paints_other_faces_and_nothing_of_the_one_that_is_kept():
    rgb = np.zeros((100, 200, 3), np.uint8)
    assert hide(rgb, [], LEFT) is rgb
    near = Place(-0.38, 0.0, 0.1)
    hidden = hide(rgb, [RIGHT, near], LEFT)
    assert (hidden[50, 150] == GREY).all()
    assert (hidden[50, 66] == GREY).all()
    assert not hidden[40:60, 40:60].any()
    assert not rgb.any()

"""The choice of a replica, without Ray: reports are made by hand, and time is a number."""

from __future__ import annotations

import random

import pytest

from streamer.cluster.routing import PROMISE_S, Bounds, Fleet, Load, Move, wanted_replicas


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fleet(clock: Clock | None = None, choices: int | None = None, **loads: Load) -> Fleet:
    made = Fleet(clock or Clock(), choices, random.Random(1))
    for name, load in loads.items():
        made.report(name, load)
    return made


def test_fleet_chooses_the_smallest_share_of_capacity_and_not_the_fewest_sessions() -> None:
    made = fleet(small=Load(live=1, capacity=2), large=Load(live=10, capacity=40))
    assert made.choose() == "large"


def test_fleet_counts_what_it_sent_until_the_replica_counts_it() -> None:
    clock = Clock()
    made = fleet(clock, a=Load(0, 2), b=Load(0, 2))
    assert {made.choose(), made.choose()} == {"a", "b"}
    assert {made.choose(), made.choose()} == {"a", "b"}
    assert made.choose() is None
    made.report("a", Load(live=2, capacity=2, admitted=2))
    assert made.promised("a") == 0 and made.promised("b") == 2
    clock.now = PROMISE_S  # whoever did not come by now does not come
    assert made.promised("b") == 0 and made.choose() == "b"


def test_fleet_sends_nobody_to_a_replica_that_drains_is_full_or_is_excluded() -> None:
    made = fleet(drains=Load(0, 8, draining=True), full=Load(2, 2), over=Load(3, 2), other=Load(0, 1))
    assert made.choose(without=["other"]) is None
    assert made.choose() == "other"


def test_fleet_lets_an_empty_replica_have_a_picture_of_more_characters_than_its_capacity() -> None:
    made = fleet(empty=Load(0, 2), busy=Load(1, 4))
    assert made.choose(more=4) == "empty"


def test_fleet_forgets_replicas_that_are_gone() -> None:
    made = fleet(a=Load(0, 2), b=Load(0, 2))
    made.keep(["b", "c"])
    assert set(made.loads) == {"b"} and made.choose() == "b"
    made.report("a", Load(0, 2))  # a replica of the same name begins anew
    assert made.promised("a") == 0


def test_fleet_spreads_the_choices_of_a_few_over_all_replicas() -> None:
    made = fleet(choices=2, **{f"r{i}": Load(0, 100) for i in range(10)})
    chosen = [made.choose() for _ in range(200)]
    assert max(chosen.count(name) for name in set(chosen)) < 40 and len(set(chosen)) == 10


def test_fleet_moves_what_is_over_the_capacity_and_only_as_far_as_others_have_room() -> None:
    made = fleet(over=Load(live=5, capacity=3), calm=Load(2, 3), room=Load(1, 2))
    assert sorted(made.moves(10, overdue=[])) == [Move("over", "calm"), Move("over", "room")]
    assert made.moves(10, overdue=[]) == []  # they are promised


def test_fleet_moves_sessions_of_a_draining_replica_only_once_it_is_overdue() -> None:
    made = fleet(leaving=Load(live=2, capacity=4, draining=True), room=Load(0, 8))
    assert made.moves(10, overdue=[]) == []
    assert made.moves(1, overdue=["leaving"]) == [Move("leaving", "room")]
    assert made.moves(10, overdue=["leaving"]) == [Move("leaving", "room")] * 2


def test_fleet_never_moves_from_one_overloaded_replica_to_another() -> None:
    made = fleet(a=Load(4, 3), b=Load(9, 3))
    assert made.moves(10, overdue=[]) == []


@pytest.mark.parametrize(
    ("live", "present", "wanted"),
    [
        (0, 3, 1),  # empty: down to the least
        (9, 3, 3),  # three quarters are live: as it is
        (10, 3, 4),
        (12, 3, 4),  # all full
        (100, 3, 6),  # not more than the most
        (6, 3, 3),  # two would be three quarters full: too many to take one away
        (4, 3, 2),
    ],
)
def test_wanted_replicas_keeps_room_and_does_not_swing(live: int, present: int, wanted: int) -> None:
    loads = [Load(live // 3 + (i < live % 3), 4) for i in range(3)]
    assert wanted_replicas(loads, present, Bounds(1, 6)) == wanted


def test_wanted_replicas_waits_for_the_first_reports() -> None:
    assert wanted_replicas([], 2, Bounds(1, 4)) == 2
    assert wanted_replicas([], 0, Bounds(1, 4)) == 1


def test_wanted_replicas_counts_the_sessions_of_those_that_drain() -> None:
    assert wanted_replicas([Load(3, 4), Load(3, 4, draining=True)], 1, Bounds(1, 4)) == 2

"""Which replica a session goes to: arithmetic over what the replicas' engines report, without Ray, sockets or sleep.

Everything counts characters, as admission does: a picture of several people counts as so many.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

PROMISE_S = 5.0  # a session that was sent to a replica counts there for so long, until the replica counts it itself
TARGET_SHARE = 0.75  # of the capacity that is live, which more replicas are started for
LOW_SHARE = 0.5  # of the capacity that would be live with fewer replicas, above which none is taken away


@dataclass(frozen=True, slots=True)
class Load:
    """The admission figures of one replica's engine.

    live: characters that are drawn now. capacity: most of them that its admission would let be live at once, from its
    limit and the measured time of recent draws; at least 1. admitted: sessions since its start. draining: it takes no
    new sessions.
    """

    live: int
    capacity: int
    admitted: int = 0
    draining: bool = False

    @property
    def surplus(self) -> int:
        """Characters by which it is overloaded; all of them where it drains."""
        return self.live if self.draining else max(0, self.live - self.capacity)


class Move(NamedTuple):
    """One session's way from a replica to another one."""

    source: str
    target: str


class Bounds(NamedTuple):
    """Least and greatest number of replicas."""

    least: int
    most: int


class Fleet:
    """The replicas as one router sees them: their last reports, and the sessions that it has sent there since.

    clock: seconds. choices: how many replicas, drawn at random, are compared for a session; None: all. With several
    routers, which do not know of each other's sessions until the next report, few choices keep them from sending all to
    the same replica.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        choices: int | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._choices = choices
        self._chance = chance or random.Random()
        self._loads: dict[str, Load] = {}
        self._promises: dict[str, deque[tuple[float, int]]] = {}  # when each ends, and its characters

    @property
    def loads(self) -> Mapping[str, Load]:
        """The last report of each replica."""
        return self._loads

    def report(self, replica: str, load: Load) -> None:
        """Take a replica's new report; what it has admitted since the last one is promised no longer."""
        before, promises = self._loads.get(replica), self._promises.setdefault(replica, deque())
        self._loads[replica] = load
        for _ in range(load.admitted - (load.admitted if before is None else before.admitted)):
            if promises:
                promises.popleft()

    def keep(self, replicas: Collection[str]) -> None:
        """Forget all replicas but these."""
        for gone in self._loads.keys() - set(replicas):
            del self._loads[gone]
            del self._promises[gone]

    def choose(self, without: Collection[str] = (), more: int = 1) -> str | None:
        """The replica that has the smallest share of its capacity live once it has `more` characters, which are
        promised to it from now on; None where none has room. without: replicas that are no choice.
        """
        having_room = [
            (share, replica)
            for replica, load in self._loads.items()
            if replica not in without and (share := self._share(replica, load, more)) is not None
        ]
        if self._choices is not None and len(having_room) > self._choices:
            having_room = self._chance.sample(having_room, self._choices)
        if not having_room:
            return None
        least = min(share for share, _ in having_room)
        chosen = self._chance.choice([replica for share, replica in having_room if share == least])
        self._promises[chosen].append((self._clock() + PROMISE_S, more))
        return chosen

    def occupancy(self, replica: str) -> float:
        """The share of a replica's capacity that is live or promised; above all others without a report."""
        load = self._loads.get(replica)
        return math.inf if load is None else (load.live + self.promised(replica)) / load.capacity

    def promised(self, replica: str) -> int:
        """Characters that were sent to a replica and are not in its last report."""
        promises = self._promises.get(replica, deque())
        while promises and promises[0][0] <= self._clock():
            promises.popleft()
        return sum(more for _, more in promises)

    def moves(self, most: int, overdue: Collection[str]) -> list[Move]:
        """Up to `most` sessions that should move now: away from replicas that are overloaded, as far as others have
        room, the most overloaded first; from draining ones only where they are `overdue`.
        """
        sources = sorted(
            (
                (load.surplus / load.capacity, load.surplus, replica)
                for replica, load in self._loads.items()
                if load.surplus and (not load.draining or replica in overdue)
            ),
            reverse=True,
        )
        found: list[Move] = []
        full = {replica for _, _, replica in sources}
        for _, surplus, source in sources:
            for _ in range(min(surplus, most - len(found))):
                target = self.choose(without=full)
                if target is None:
                    return found
                found.append(Move(source, target))
        return found

    def _share(self, replica: str, load: Load, more: int) -> float | None:
        """The share of a replica's capacity that is live with `more` characters; None where it has no room for them. A
        replica that is empty takes any number, as its admission does.
        """
        live = load.live + self.promised(replica)
        if load.draining or (live and live + more > load.capacity):
            return None
        return (live + more) / load.capacity


def wanted_replicas(loads: Collection[Load], present: int, bounds: Bounds) -> int:
    """How many replicas there should be, so that TARGET_SHARE of what they can draw is drawn.

    loads: of those that report. present: how many there are, those that start included. Fewer only where LOW_SHARE is
    not exceeded after it, so that the number does not swing.
    """
    serving = [load for load in loads if not load.draining]
    if not serving:
        return min(max(present, bounds.least), bounds.most)
    capacity = sum(load.capacity for load in serving) / len(serving)
    live = sum(load.live for load in loads)
    wanted = math.ceil(live / (TARGET_SHARE * capacity))
    if wanted < present:
        wanted = min(present, math.ceil(live / (LOW_SHARE * capacity)))
    return min(max(wanted, bounds.least), bounds.most)

"""`python -m benchmarks.fleet`: many replicas and sessions, placed by the cluster's routing code, and drawn by nobody.

Each replica is a real `Admission` that is told draws of a measured cost: a tick of n sessions takes FIXED_S + n EACH_S
(one H200, `tiny`, graph of the network; docs/performance.md), times a speed of its own and noise. Reports reach the
routers once in REPORT_PERIOD_S, each router at times of its own, and no router knows what the others have promised. The
sessions come within a minute, then come and go; some replicas die, some drain, some become slower. Time is simulated.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

from benchmarks.common.jsonfile import run
from streamer.cluster.routing import Fleet, Load
from streamer.engine.admission import Admission
from streamer.errors import KagamiError

FIXED_S, EACH_S = 0.0245, 0.00087  # a tick of 1 session takes 26.5 ms, of 8 30.3, of 32 52.3
MAX_SESSIONS = 64
MIN_FPS = 12.0
SPEEDS = (0.7, 1.3)  # factors of a tick's time among the replicas
NOISE = 0.05  # standard deviation of a tick's time
DRAWS_PER_REPORT = 8
REPORT_PERIOD_S, REPORT_DELAY_S = 1.0, 0.2
RAMP_S = 60.0
STAY_S = 600.0  # mean of a session's length
START_S = 1.0  # from a session's `hello` to its first answered offer
CHECK_S = 0.5  # between two looks for sessions that should move
MOVES_PER_CHECK = 16  # of one router
DEATH_AT_S, DRAIN_AT_S, SLOW_AT_S, END_S = 90.0, 105.0, 140.0, 180.0
DRAIN_DEADLINE_S = 15.0
SLOWER = 1.5
SHARE_AFFECTED = 20  # one of so many replicas dies, drains, becomes slower


@dataclass(eq=False)
class Replica:
    """An engine without pictures: its admission, and the cost of its ticks."""

    name: str
    speed: float
    admission: Admission = field(default_factory=lambda: Admission(MAX_SESSIONS, MIN_FPS))
    sessions: dict[int, None] = field(default_factory=dict)
    admitted: int = 0
    draining_since: float | None = None
    alive: bool = True

    def tick_s(self) -> float:
        return self.speed * (FIXED_S + EACH_S * len(self.sessions))

    def draw(self, chance: random.Random) -> None:
        for _ in range(DRAWS_PER_REPORT if self.sessions else 0):
            self.admission.record(len(self.sessions), self.tick_s() * max(0.5, chance.gauss(1, NOISE)))

    def load(self) -> Load:
        return Load(
            len(self.sessions),
            self.admission.capacity(len(self.sessions)),
            self.admitted,
            draining=self.draining_since is not None,
        )

    def admit(self, session: int) -> bool:
        try:
            self.admission.check(len(self.sessions))
        except KagamiError:
            return False
        self.sessions[session] = None
        self.admitted += 1
        return True


class Simulation:
    """A fleet of replicas and routers, in simulated time.

    by: "load", the routing of the cluster; "count", the fewest sessions, as a balancer that knows no engine; or
    "random". choices: see `Fleet`.
    """

    def __init__(self, replicas: int, sessions: int, routers: int, by: str, choices: int | None, seed: int) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self.by = by
        self.wanted = sessions
        self.replicas = [Replica(f"r{i}", self.chance.uniform(*SPEEDS)) for i in range(replicas)]
        self.named = {replica.name: replica for replica in self.replicas}
        self.routers = [Fleet(lambda: self.now, choices, random.Random(seed + i)) for i in range(routers)]
        self.home: dict[int, Replica] = {}  # of each session that is live or on its way
        self.counts: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []
        self.slow_session_s = 0.0  # sessions times seconds below MIN_FPS
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = count()

    def at(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), event))

    def run(self) -> None:
        for replica in self.replicas:
            self.at(0, lambda replica=replica: self._report(replica, first=True))  # type: ignore[misc]
        for router in self.routers:
            self.at(self.chance.uniform(0, CHECK_S), lambda router=router: self._rebalance(router))  # type: ignore[misc]
        for _ in range(self.wanted):
            self.at(REPORT_DELAY_S + self.chance.uniform(0, RAMP_S), lambda: self._arrive(next(self._numbers)))
        for at, event in ((DEATH_AT_S, self._kill), (DRAIN_AT_S, self._drain), (SLOW_AT_S, self._slow)):
            self.at(at, event)
        for second in range(5, round(END_S), 5):
            self.at(second, self._sample)
        while self._events and self._events[0][0] < END_S:
            self.now, _, event = heapq.heappop(self._events)
            event()

    def _report(self, replica: Replica, first: bool = False) -> None:
        if not replica.alive:
            return
        replica.draw(self.chance)
        load = replica.load()
        if replica.sessions and replica.tick_s() * MIN_FPS > 1:
            self.slow_session_s += len(replica.sessions) * REPORT_PERIOD_S
        for router in self.routers:
            delay = 0.0 if first else REPORT_DELAY_S * self.chance.random()
            self.at(delay, lambda router=router: self._hear(router, replica, load))  # type: ignore[misc]
        self.at(REPORT_PERIOD_S * self.chance.uniform(0.9, 1.1), lambda: self._report(replica))

    def _hear(self, router: Fleet, replica: Replica, load: Load) -> None:
        if replica.alive:
            router.report(replica.name, load)

    def _choose(self, router: Fleet, without: Sequence[str] = ()) -> str | None:
        if self.by == "load":
            return router.choose(without)
        names = [name for name, load in router.loads.items() if name not in without and not load.draining]
        if not names:
            return None
        if self.by == "random":
            return self.chance.choice(names)
        return min(names, key=lambda name: (router.loads[name].live + router.promised(name), self.chance.random()))

    def _arrive(self, session: int) -> None:
        self.counts["came"] += 1
        router = self.chance.choice(self.routers)
        self._start(session, router, self._choose(router), [])
        self.at(self.chance.expovariate(1 / STAY_S), lambda: self._leave(session))

    def _start(self, session: int, router: Fleet, chosen: str | None, tried: list[str]) -> None:
        self.at(START_S if not tried else 0.0, lambda: self._offer(session, router, chosen, tried))

    def _offer(self, session: int, router: Fleet, chosen: str | None, tried: list[str]) -> None:
        """The engine has the last word; where it refuses, another replica is tried, up to three."""
        replica = None if chosen is None else self.named[chosen]
        if replica is not None and replica.alive and replica.admit(session):
            self.home[session] = replica
            return
        if replica is not None:
            self.counts["second tries"] += 1
            tried = [*tried, replica.name]
            if len(tried) < 3 and (other := self._choose(router, tried)) is not None:
                self._start(session, router, other, tried)
                return
        self.counts["refused"] += 1
        loads = [each.load() for each in self.replicas if each.alive]
        if any(not load.draining and load.live < load.capacity for load in loads):
            self.counts["refused though there was room"] += 1

    def _leave(self, session: int) -> None:
        replica = self.home.pop(session, None)
        if replica is not None:
            replica.sessions.pop(session, None)
            self.at(self.chance.uniform(0, 1), lambda: self._arrive(next(self._numbers)))  # somebody else comes

    def _rebalance(self, router: Fleet) -> None:
        if self.by == "load":
            overdue = [
                each.name for each in self.replicas
                if each.draining_since is not None and self.now - each.draining_since > DRAIN_DEADLINE_S
            ]  # fmt: skip
            for move in router.moves(MOVES_PER_CHECK, overdue):
                source, target = self.named[move.source], self.named[move.target]
                still_due = source.load().surplus > 0  # the replica gives away no more than it has to
                if source.alive and still_due and target.alive and source.sessions:
                    session = next(reversed(source.sessions))
                    if target.admit(session):
                        del source.sessions[session]
                        self.home[session] = target
                        self.counts["moved"] += 1
        self.at(CHECK_S, lambda: self._rebalance(router))

    def _affected(self) -> list[Replica]:
        living = [each for each in self.replicas if each.alive and each.draining_since is None]
        return self.chance.sample(living, max(1, len(self.replicas) // SHARE_AFFECTED))

    def _kill(self) -> None:
        for replica in self._affected():
            replica.alive = False
            lost, replica.sessions = list(replica.sessions), {}
            self.counts["lost with a replica"] += len(lost)
            for router in self.routers:
                router.keep([each.name for each in self.replicas if each.alive])
            for session in lost:
                self.home.pop(session, None)
                router = self.chance.choice(self.routers)
                self.at(self.chance.uniform(0, 0.5), lambda session=session, router=router: self._start(  # type: ignore[misc]
                    session, router, self._choose(router), []))  # fmt: skip

    def _drain(self) -> None:
        for replica in self._affected():
            replica.draining_since = self.now

    def _slow(self) -> None:
        for replica in self._affected():
            replica.speed *= SLOWER

    def _sample(self) -> None:
        serving = [each for each in self.replicas if each.alive and each.draining_since is None]
        shares = [load.live / load.capacity for load in (each.load() for each in serving)]
        self.rows.append(
            {
                "at": round(self.now),
                "live": sum(len(each.sessions) for each in self.replicas),
                "share_min": min(shares), "share_mean": mean(shares), "share_max": max(shares),
                "share_sd": pstdev(shares),
                "jain": sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)),
                "overloaded": sum(share > 1 for share in shares),
                "slowest_fps": min(1 / each.tick_s() for each in serving),
                "draining_sessions": sum(len(each.sessions) for each in self.replicas if each.draining_since),
            }
        )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replicas", type=int, default=200, metavar="N", help="how many (200)")
    parser.add_argument("--sessions", type=int, default=10_000, metavar="N", help="live at once (10000)")
    parser.add_argument("--routers", type=int, default=4, metavar="N", help="ingresses that place sessions (4)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the chance (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    options = parser.parse_args(arguments)
    if min(options.replicas, options.sessions, options.routers) <= 0:
        parser.error("--replicas, --sessions and --routers must be positive")
    return run("fleet", options.json, lambda: measure(options), table)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every way of choosing in turn, with the same fleet and the same sessions."""
    ways = (("load", None), ("load", 8), ("load", 2), ("count", None), ("random", None))
    found = []
    for by, choices in ways:
        simulation = Simulation(options.replicas, options.sessions, options.routers, by, choices, options.seed)
        simulation.run()
        found.append(
            {
                "by": by if choices is None else f"{by}, best of {choices}",
                "counts": dict(simulation.counts),
                "slow_session_s": simulation.slow_session_s,
                "rows": simulation.rows,
            }
        )
    return {"replicas": options.replicas, "sessions": options.sessions, "routers": options.routers, "ways": found}


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [f"{report['replicas']} replicas, {report['sessions']} sessions, {report['routers']} routers"]
    head = "live   share of capacity min/mean/max  sd     Jain   overloaded  slowest fps"
    for placement in report["ways"]:
        counts = ", ".join(f"{name} {number}" for name, number in placement["counts"].items())
        lines += [
            "",
            f"by {placement['by']}: {counts}; session-seconds below {MIN_FPS:g} fps {placement['slow_session_s']:.0f}",
            head,
        ]
        rows = {row["at"]: row for row in placement["rows"]}
        for at in (30, 65, 85, 100, 120, 135, 145, 150, 175):
            row = rows[at]
            lines.append(
                f"{at:4d} s {row['live']:6d}  {row['share_min']:.2f} / {row['share_mean']:.2f} / {row['share_max']:.2f}"
                f"  {row['share_sd']:.3f}  {row['jain']:.4f}  {row['overloaded']:4d}  {row['slowest_fps']:.1f}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""Ray Serve's request router for the engine: a session stays where it is, and a new one goes where an engine has room.

What a request wants is its handle's `session_id` option: see `Way`. Serve sends this module's code to each process by
value; what the process shares stands in `fleet_view`.
"""

from __future__ import annotations

import time
from typing import Any

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from streamer.cluster import fleet_view
from streamer.cluster.errors import MovedAwayError
from streamer.cluster.fleet_view import FleetView, Way
from streamer.cluster.routing import Fleet, Load

CHOICES = 8  # replicas that are compared for a session: docs/performance.md


class SessionRouter(RequestRouter):
    """Routes by `Way`. Serve forgets a replica at once when it takes it away, and lets it finish; requests of its
    sessions still reach it here until it has ended, which a request to it tells.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fleet = Fleet(choices=CHOICES)
        self._known: dict[str, RunningReplica] = {}  # also those that leave
        self._leaving: dict[str, float] = {}

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Called by Serve whenever replicas come, go, or report."""
        running = {replica.replica_id.unique_id: replica for replica in replicas}
        now = time.monotonic()
        for name in self._known.keys() - running.keys():
            self._leaving.setdefault(name, now)
        self._known.update(running)
        self._leaving = {name: at for name, at in self._leaving.items() if name in self._known and name not in running}
        for name, replica in running.items():
            if replica.routing_stats:
                self._fleet.report(name, Load(**replica.routing_stats))
        self._fleet.keep(running.keys())
        self._publish()
        super().update_replicas(replicas)

    def on_replica_actor_died(self, replica_id: ReplicaID) -> None:
        """Called by Serve when a request met a dead replica."""
        super().on_replica_actor_died(replica_id)
        self._known.pop(replica_id.unique_id, None)
        self._leaving.pop(replica_id.unique_id, None)
        self._fleet.keep(self._fleet.loads.keys() - {replica_id.unique_id})
        self._publish()

    async def _choose_replica_for_request(
        self, pending_request: PendingRequest, *, is_retry: bool = False
    ) -> RunningReplica:
        """The replica that a request names, at once: Serve's queue would hold it while none but leaving replicas run.
        Raises MovedAwayError where that is gone.
        """
        kind, *names = _way_of(pending_request)
        if kind != "to":
            return await super()._choose_replica_for_request(pending_request, is_retry=is_retry)
        if (replica := self._known.get(names[0])) is None:
            raise MovedAwayError
        return replica

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """One replica, by the share of its capacity that is live."""
        kind, *names = _way_of(pending_request)
        others = [each for each in candidate_replicas if each.replica_id.unique_id not in names] or candidate_replicas
        if kind == "seat":
            # Where none has room, the engine of any refuses, with its own sentence.
            chosen = self._fleet.choose(without=names)
            if chosen is not None and chosen in self._known:
                return [[self._known[chosen]]]
        return [[min(others, key=lambda each: self._fleet.occupancy(each.replica_id.unique_id))]]

    async def _select_from_candidate_replicas(
        self, candidates: list[RunningReplica], backoff_index: int
    ) -> RunningReplica | None:
        """The one that was chosen: its number of requests, which Serve would ask for, says nothing about its engine."""
        return candidates[0]

    def _publish(self) -> None:
        fleet_view.VIEW.put(FleetView(dict(self._fleet.loads), dict(self._leaving)))


def _way_of(request: PendingRequest | None) -> list[str]:
    """The words of a request's way."""
    return (Way.ANY if request is None else request.metadata.session_id or Way.ANY).split()

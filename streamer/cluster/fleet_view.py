"""What the request router and the ingress of one process share: the words of a request's way, and the router's view."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamer.cluster.routing import Load


class Way:
    """The values of `session_id`: to one replica, to where a new session has room, also not to some, or to any."""

    ANY = "any"

    @staticmethod
    def to(replica: str) -> str:
        return f"to {replica}"

    @staticmethod
    def seat(*without: str) -> str:
        return " ".join(("seat", *without))


@dataclass(frozen=True, slots=True)
class FleetView:
    """The replicas as this process knows them. leaving: when each that is taken away was, on `time.monotonic`."""

    loads: Mapping[str, Load] = field(default_factory=dict)
    leaving: Mapping[str, float] = field(default_factory=dict)


class SharedView:
    """The newest view of the router in this process, for the ingress, whose event loop is another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view = FleetView()

    def get(self) -> FleetView:
        with self._lock:
            return self._view

    def put(self, view: FleetView) -> None:
        with self._lock:
            self._view = view


VIEW = SharedView()

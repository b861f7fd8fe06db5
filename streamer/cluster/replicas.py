"""What the relay of a page asks of the engines of the cluster; `ReplicaLinks` answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any, NamedTuple, Protocol

from streamer.cluster.session_directory import Record


class Link(Protocol):
    """One conversation with a replica. replica: its name."""

    replica: str

    def events(self) -> AsyncIterator[tuple[str, Any]]:
        """What the server there says: ("text", message) and ("close", code). Raises ReplicaGoneError."""
        ...

    async def send(self, text: str | None) -> None:
        """Send a message of the page, "" as a sign of life, or None: it is gone. Raises ReplicaGoneError."""
        ...


class Location(NamedTuple):
    """What is known of a session. home: its replica; None where that cannot be reached, or is not known. record: with
    which another one could go on; None without. is_certain: False where the directory does not answer.
    """

    home: str | None
    record: Record[bytes] | None
    is_certain: bool = True


class Replicas(Protocol):
    """The engines of the cluster, as one ingress reaches them."""

    async def locate(self, secret: str) -> Location:
        """Where the session of this secret is. Raises SlowReplicaError, ReplicaGoneError where the directory does not
        answer.
        """
        ...

    async def open(self, scope: dict[str, Any], replica: str | None, without: Collection[str] = ()) -> Link:
        """Begin a conversation with a replica; None: with that which has most room. Raises ReplicaGoneError."""
        ...

    async def carry(self, replica: str, secret: str) -> Record[bytes] | None:
        """See `EngineReplica.carry`. Raises ReplicaGoneError."""
        ...

    async def adopt(self, secret: str, record: Record[bytes], without: Collection[str]) -> str:
        """Have another replica go on with a session; returns its name. Raises KagamiError."""
        ...

    def has_room(self, without: Collection[str]) -> bool:
        """Whether another replica reports room for one more."""
        ...

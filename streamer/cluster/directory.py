"""The directory of sessions as a deployment of Ray Serve, with the prepared pictures in Ray's object store."""

from __future__ import annotations

import asyncio
import time

import ray

from streamer.cluster.session_directory import Record, SessionDirectory

COMPLETE_S = 5.0  # after its start, within which each engine tells of its sessions: above TELL_PERIOD_S
POLL_S = 0.2


class Directory:
    """One replica: it owns the pictures, so that they outlive the engines that prepared them. Where it ends, live
    sessions go on; what it knew comes again with the next reports.
    """

    def __init__(self) -> None:
        self._sessions: SessionDirectory[bytes, ray.ObjectRef] = SessionDirectory()
        self._complete_at = time.monotonic() + COMPLETE_S

    async def tell(self, replica: str, records: dict[str, Record[bytes]]) -> list[str]:
        """See `SessionDirectory.tell`."""
        return self._sessions.tell(replica, records)

    async def find(self, key: str) -> Record[bytes] | None:
        """See `SessionDirectory.find`. A directory that took another one's place has been told of all sessions only
        after a moment, in which pages that come back wait.
        """
        while (found := self._sessions.find(key)) is None and time.monotonic() < self._complete_at:
            await asyncio.sleep(POLL_S)
        return found

    async def replica_of(self, session: str) -> str | None:
        """See `SessionDirectory.replica_of`."""
        return self._sessions.replica_of(session)

    async def keep(self, name: str, data: bytes) -> None:
        """Put what was found in the pictures of a character, pickled, or the file of a background into the object
        store. name: see `picture_name` and `BackdropFile`.
        """
        self._sessions.keep(name, ray.put(data))

    async def picture(self, name: str) -> list[ray.ObjectRef | None]:
        """A list with the reference of what was kept under a name, which Ray fetches from where it lies; in a list,
        since Ray would send the picture itself otherwise. With None where it is not kept.
        """
        return [self._sessions.picture(name)]

"""Where each session of a cluster is, what it would need elsewhere, and the prepared pictures; without Ray."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.server.session_handle import session_handle

RECORD_S = 60.0  # a session whose replica tells of it no longer is known for so long
MAX_PICTURES = 48  # prepared pictures that are kept; one takes some 20 MB at 512 pixels
UNKEPT = "-"  # name of a picture that is not kept here
Carried = TypeVar("Carried")
Picture = TypeVar("Picture")


def digest(secret: str) -> str:
    """What a page's secret is known by in the directory, which never learns the secret itself."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(slots=True)
class Record(Generic[Carried]):
    """One session. session: its name. replica: where it is. carried: what it would need elsewhere. picture: the name of
    its prepared picture here; "" for the one that every session starts with. background: the name of its page's own
    background here; "" without. is_busy: it has something that cannot come along: a film that is being made, or a
    picture that is being prepared. since: when its page or encoder came, in seconds of the wall clock. moves: how often
    it went to another replica. told_at: by its replica, on the clock.
    """

    session: str
    replica: str
    carried: Carried
    picture: str
    background: str = ""
    is_busy: bool = False
    since: float = 0.0
    moves: int = 0
    told_at: float = 0.0

    @property
    def kept(self) -> tuple[str, str]:
        """Names of what is kept here for it."""
        return self.picture, self.background


class SessionDirectory(Generic[Carried, Picture]):
    """The records of all sessions, by the digest of their page's secret. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_pictures: int = MAX_PICTURES) -> None:
        self._clock = clock
        self._max_pictures = max_pictures
        self._records: dict[str, Record[Carried]] = {}
        self._digests: dict[str, str] = {}  # of the records, by the names and handles of their sessions
        self._pictures: OrderedDict[str, Picture] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        return len(self._records)

    def tell(self, replica: str, records: Mapping[str, Record[Carried]]) -> list[str]:
        """Take all sessions of a replica, in place of those it told of before. Returns the names of the pictures and
        backgrounds of theirs that are not kept here, for the replica to send. A session that has moved stays
        where it is though its former replica, which draws until its page has the new connection, tells of it, too.
        """
        now = self._clock()
        for key, record in list(self._records.items()):
            ended = record.replica == replica and key not in records
            if ended or now - record.told_at > RECORD_S:
                self.forget(key)
        records = {key: record for key, record in records.items() if not self._has_moved(key, record)}
        for key, record in records.items():
            record.told_at = now
            self._records[key] = record
            self._digests[record.session] = self._digests[session_handle(record.session)] = key
            for name in record.kept:
                if name in self._pictures:
                    self._pictures.move_to_end(name)
        worn = {name for record in self._records.values() for name in record.kept}
        for name in [name for name in self._pictures if name not in worn]:
            del self._pictures[name]  # nobody wears it any more, so nobody may find it
        return sorted({name for each in records.values() for name in each.kept} - {"", UNKEPT, *self._pictures})

    def _has_moved(self, key: str, record: Record[Carried]) -> bool:
        known = self._records.get(key)
        if known is None or known.replica == record.replica:
            return False
        if known.session != record.session:  # that page began anew elsewhere
            return known.since > record.since
        return known.moves > record.moves

    def forget(self, key: str) -> None:
        """Forget a session that has ended."""
        record = self._records.pop(key, None)
        for name in () if record is None else (record.session, session_handle(record.session)):
            if self._digests.get(name) == key:
                del self._digests[name]

    def find(self, key: str) -> Record[Carried] | None:
        """The record of the session whose page's secret has this digest."""
        return self._records.get(key)

    def replica_of(self, session: str) -> str | None:
        """Where the session of this name, or of this handle, is."""
        record = self._records.get(self._digests.get(session, ""))
        return None if record is None else record.replica

    def keep(self, name: str, picture: Picture) -> None:
        """Keep a prepared picture, or the file of a background, in place of the least recently used of too many."""
        self._pictures[name] = picture
        self._pictures.move_to_end(name)
        while len(self._pictures) > self._max_pictures:
            self._pictures.popitem(last=False)

    def picture(self, name: str) -> Picture | None:
        """A prepared picture, or the file of a background; None where it is not kept."""
        return self._pictures.get(name)

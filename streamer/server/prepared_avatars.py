"""The avatars that sessions used last, kept so that going back to one of them prepares nothing."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from streamer.generation.avatar import Avatar

MAX_PER_SESSION = 4  # the one in use included; a prepared avatar takes some 110 MB at 512 pixels
MAX_AVATARS = 8  # of all sessions together

CharacterKey = tuple[str, ...]  # of each picture of a character, the first one first: what it was prepared from


def picture_key(digest: str, others: Sequence[tuple[str, str]] = ()) -> str:
    """What a picture is prepared from: the SHA-256 of its file in hexadecimal, and what else was said of it."""
    return hashlib.sha256(repr((digest, sorted(others))).encode()).hexdigest()


class PreparedAvatars:
    """Prepared avatars of all sessions, of which the least recently used ones are forgotten. Used on the event loop.

    A session finds only what it prepared itself: nobody learns what another person wears.
    """

    def __init__(self, max_per_session: int = MAX_PER_SESSION, max_avatars: int = MAX_AVATARS) -> None:
        self._max_per_session = max_per_session
        self._max_avatars = max_avatars
        self._avatars: OrderedDict[tuple[str, CharacterKey], Avatar] = OrderedDict()

    def __len__(self) -> int:
        return len(self._avatars)

    def put(self, session: str, key: CharacterKey, avatar: Avatar) -> None:
        """Keep an avatar as the one that its session used last, in place of an earlier one of this key."""
        self._avatars[session, key] = avatar
        self._avatars.move_to_end((session, key))
        own = [each for each in self._avatars if each[0] == session]
        for each in own[: max(0, len(own) - self._max_per_session)]:
            del self._avatars[each]
        while len(self._avatars) > self._max_avatars:
            self._avatars.popitem(last=False)

    def get(self, session: str, key: CharacterKey) -> Avatar | None:
        """The avatar that this session prepared from these pictures; None where it is not kept."""
        return self._avatars.get((session, key))

    def of(self, session: str) -> list[tuple[CharacterKey, Avatar]]:
        """What is kept of a session, the least recently used first."""
        return [(key, avatar) for (owner, key), avatar in self._avatars.items() if owner == session]

    def forget(self, session: str) -> None:
        """Keep nothing of a session that has ended."""
        for each in [each for each in self._avatars if each[0] == session]:
            del self._avatars[each]

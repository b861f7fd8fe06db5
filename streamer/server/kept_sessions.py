"""Sessions whose page went without `bye`, kept for a short time: after a reload or a lost network they go on."""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar

from streamer.errors import KagamiError
from streamer.runtime.background_tasks import BackgroundTasks

KEEP_S = 30.0
MAX_KEPT = 8


class KeptSession(Protocol):
    """What is kept: `streamer.server.session.Session`."""

    failure: KagamiError | None

    async def close(self) -> None: ...


Kept = TypeVar("Kept", bound=KeptSession)


class KeptSessions(Generic[Kept]):
    """Sessions without a page, by the secret that their page chose. Used on the event loop.

    Each is closed after `keep_s` seconds, or earlier: when `most` others came after it, or when somebody needs its
    place (`close_oldest`). So no session without a page keeps a person out.
    """

    def __init__(self, keep_s: float = KEEP_S, most: int = MAX_KEPT) -> None:
        self._keep_s = keep_s
        self._most = most
        self._kept: dict[str, tuple[Kept, asyncio.TimerHandle]] = {}  # the oldest first
        self._closing = BackgroundTasks()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def sessions(self) -> dict[str, Kept]:
        """Those that are kept now, by their secrets."""
        return {secret: session for secret, (session, _) in self._kept.items()}

    def keep(self, secret: str, session: Kept) -> None:
        """Keep a session, in place of another one of this secret."""
        self.drop(secret)
        timer = asyncio.get_running_loop().call_later(self._keep_s, self.drop, secret)
        self._kept[secret] = session, timer
        while len(self._kept) > self._most:
            self.drop(next(iter(self._kept)))

    def take(self, secret: str) -> Kept | None:
        """The session of this secret, which is kept no longer; None without, and for one that failed meanwhile."""
        if secret not in self._kept:
            return None
        session, timer = self._kept[secret]
        if session.failure is not None:
            self.drop(secret)
            return None
        timer.cancel()
        del self._kept[secret]
        return session

    def drop(self, secret: str) -> None:
        """Close the session of this secret in the background, if there is one."""
        if (kept := self._kept.pop(secret, None)) is not None:
            session, timer = kept
            timer.cancel()
            self._closing.spawn(session.close())

    async def close_oldest(self) -> bool:
        """Close the session that was kept first, for its place; False if none is kept."""
        if not self._kept:
            return False
        secret = next(iter(self._kept))
        session, timer = self._kept.pop(secret)
        timer.cancel()
        await session.close()
        return True

    async def close(self) -> None:
        """Close all."""
        for secret in list(self._kept):
            self.drop(secret)
        await asyncio.gather(*self._closing, return_exceptions=True)

"""Sessions that are kept for pages which come back."""

from __future__ import annotations

import asyncio

from streamer.errors import KagamiError, SessionError
from streamer.server.kept_sessions import KeptSessions


class FakeSession:
    """closed: how often it was closed."""

    def __init__(self) -> None:
        self.failure: KagamiError | None = None
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


async def settle() -> None:
    """Let tasks that were just created run."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_take_returns_a_session_once_and_does_not_close_it() -> None:
    kept, session = KeptSessions[FakeSession](), FakeSession()
    kept.keep("secret", session)
    assert kept.take("another") is None
    assert kept.take("secret") is session and kept.take("secret") is None
    await settle()
    assert session.closed == 0


async def test_session_that_nobody_takes_is_closed() -> None:
    kept, session = KeptSessions[FakeSession](keep_s=0.01), FakeSession()
    kept.keep("secret", session)
    while not session.closed:
        await asyncio.sleep(0.01)
    assert len(kept) == 0 and kept.take("secret") is None


async def test_kept_sessions_are_bounded_and_the_oldest_goes() -> None:
    kept, sessions = KeptSessions[FakeSession](most=2), [FakeSession() for _ in range(3)]
    for number, session in enumerate(sessions):
        kept.keep(str(number), session)
    await settle()
    assert [session.closed for session in sessions] == [1, 0, 0]
    assert await kept.close_oldest() and sessions[1].closed == 1
    await kept.close()
    assert all(session.closed == 1 for session in sessions) and not await kept.close_oldest()


async def test_session_that_failed_meanwhile_is_not_taken() -> None:
    kept, session = KeptSessions[FakeSession](), FakeSession()
    kept.keep("secret", session)
    session.failure = SessionError()
    assert kept.take("secret") is None
    await settle()
    assert session.closed == 1


async def test_second_session_of_a_secret_replaces_the_first() -> None:
    kept, first, second = KeptSessions[FakeSession](), FakeSession(), FakeSession()
    kept.keep("secret", first)
    kept.keep("secret", second)
    await settle()
    assert (first.closed, second.closed) == (1, 0) and kept.take("secret") is second

"""What a replica that is slow, silent or dead means for a session."""

from __future__ import annotations

import asyncio
import logging

import pytest

from streamer.cluster import patience
from streamer.cluster.errors import ReplicaGoneError, SlowReplicaError
from streamer.cluster.patience import answer_of, awaited_answer, told_by
from streamer.errors import ServerFullError

SILENT_S = 10.0


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every replica is slow."""
    monkeypatch.setattr(patience, "SLOW_S", 0.0)
    monkeypatch.setattr(patience, "SILENT_S", SILENT_S)


async def test_slow_replica_of_a_session_is_waited_for_and_told_of(caplog: pytest.LogCaptureFixture) -> None:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with caplog.at_level(logging.WARNING):
        waiting = asyncio.create_task(awaited_answer(answer, "a"))
        async with asyncio.timeout(SILENT_S):
            while not caplog.messages:
                await asyncio.sleep(0)
        answer.set_result("here")
        assert await waiting == "here"
    assert "the engine a has not answered" in caplog.messages[0]


async def test_replica_of_a_session_that_stays_silent_is_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SILENT_S", 0.01)
    with pytest.raises(ReplicaGoneError, match="taken for dead"):
        await awaited_answer(asyncio.Event().wait(), "a")


async def test_replica_that_any_other_could_stand_in_for_is_slow_and_not_gone() -> None:
    with pytest.raises(SlowReplicaError, match="may be overloaded"):
        await answer_of(asyncio.Event().wait(), 0.0)


async def test_dead_replica_is_told_of_at_once_and_its_own_error_is_its_own() -> None:
    async def fail(error: Exception) -> None:
        raise error

    with pytest.raises(ReplicaGoneError, match="ConnectionResetError"):
        await awaited_answer(fail(ConnectionResetError()), "a")
    with pytest.raises(ServerFullError):
        await answer_of(fail(ServerFullError(2)), SILENT_S)
    wrapped = RuntimeError("a long story of where it happened")
    wrapped.cause = ServerFullError(2)  # type: ignore[attr-defined]
    assert isinstance(told_by(wrapped), ServerFullError)

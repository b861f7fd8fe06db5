"""Waiting for a replica's answer: Ray tells at once of one that has died, so one that is only late is slow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from streamer.cluster.errors import ReplicaGoneError, SlowReplicaError
from streamer.errors import KagamiError

SLOW_S = 10.0  # after which a replica is called slow
SILENT_S = 30.0  # after which it is taken for dead, where nothing else will do for its session
_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


async def answer_of(response: Awaitable[Answer], timeout_s: float = SLOW_S) -> Answer:
    """The answer of a replica. Raises SlowReplicaError after `timeout_s`, ReplicaGoneError, and the replica's own
    KagamiErrors.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await response
    except TimeoutError:
        raise SlowReplicaError(timeout_s) from None
    except Exception as error:  # whatever Ray has for a replica that is gone
        raise told_by(error) from error


async def awaited_answer(response: Awaitable[Answer], replica: str) -> Answer:
    """The answer of the one replica that a session is on, however slow it is: its sessions elsewhere would make others
    slow, too. Raises ReplicaGoneError where it dies, or says nothing for SILENT_S, and the replica's own KagamiErrors.
    """
    waiting = asyncio.ensure_future(_await(response))
    try:
        done, _ = await asyncio.wait({waiting}, timeout=SLOW_S)
        if not done:
            _log.warning(
                "the engine %s has not answered for %.0f s, and Ray has not found it dead: waiting for it up to %.0f s",
                replica, SLOW_S, SILENT_S,
            )  # fmt: skip
            done, _ = await asyncio.wait({waiting}, timeout=SILENT_S - SLOW_S)
        if done:
            return waiting.result()
    except Exception as error:  # whatever Ray has for a replica that is gone
        raise told_by(error) from error
    finally:
        waiting.cancel()
    raise ReplicaGoneError(
        f"The engine of this session has said nothing for {SILENT_S:.0f} seconds: it is taken for dead."
    )


async def _await(response: Awaitable[Answer]) -> Answer:
    return await response


def told_by(error: BaseException) -> KagamiError:
    """What a failed call means: the replica's own sentence, where it has one, and else that it is gone."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, KagamiError):
        return cause
    if isinstance(error, KagamiError):
        return error
    return ReplicaGoneError(f"The engine of this session is gone ({type(error).__name__}).")

"""Seats and places that pages hold for nothing: whether a newcomer gets an answer all the same, and how soon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

from websockets.asyncio.client import ClientConnection

from benchmarks.streaming.attacks import Target, conversation, session_of
from streamer.errors import KagamiError

UNUSABLE_OFFER = "v=0\r\n"
UNUSABLE_PAGES, IDLE_PAGES = 4, 68
MAX_ANSWER_S = 5.0
ANSWER_TIMEOUT_S = 30.0


async def seat_fault(name: str, target: Target) -> dict[str, Any]:
    """One row: seconds until a newcomer's good offer is answered, while others hold places; None if it is refused.

    Needs a server with as many seats free as one person takes beside UNUSABLE_PAGES refused ones.
    """
    count, offer = SEAT_FAULTS[name]
    pages = contextlib.AsyncExitStack()
    async with pages:
        for _ in range(count):
            page = await pages.enter_async_context(conversation(target))
            await session_of(page)
            if offer is not None:
                await page.send(json.dumps({"type": "offer", "sdp": offer}))
        began = time.monotonic()
        answered = await _answered(target)
        seconds = round(time.monotonic() - began, 2)
    return {
        "fault": name,
        "answered_s": seconds if answered else None,
        "holds": answered and seconds <= MAX_ANSWER_S,
    }


SEAT_FAULTS: dict[str, tuple[int, str | None]] = {
    f"{UNUSABLE_PAGES} unusable offers": (UNUSABLE_PAGES, UNUSABLE_OFFER),
    f"{IDLE_PAGES} idle pages": (IDLE_PAGES, None),
}


async def _answered(target: Target) -> bool:
    """Whether a page that comes now is answered."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S), conversation(target) as page:
            await session_of(page)
            await page.send(json.dumps({"type": "offer", "sdp": target.sdp}))
            return await _kind_of_reply(page) == "answer"
    except (KagamiError, OSError, EOFError, TimeoutError):
        return False


async def _kind_of_reply(page: ClientConnection) -> str:
    while (message := json.loads(await page.recv()))["type"] not in ("answer", "error", "bye"):
        pass
    return str(message["type"])

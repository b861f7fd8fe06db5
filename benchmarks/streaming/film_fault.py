"""What a film of a clip costs a live session on the same server, while it is prepared, tracked and drawn."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
import urllib.request
from typing import Any

from websockets.asyncio.client import ClientConnection

from benchmarks.streaming.attacks import Target, conversation, session_of
from benchmarks.streaming.process_faults import Scene

FILM = "film beside a live stream"
MAX_FILM_FRAMES_LOST = 0.2  # share of the live session's frames, in each stage of the film
SENDING_TIMEOUT_S = 30.0
STAGE_TIMEOUT_S = 120.0  # until it is drawn
MIN_STAGE_S = 1.0  # shorter ones are too short for a rate
WORKING = ("preparing", "tracking", "drawing")


def send_clip(url: str, session: str, clip: bytes) -> None:
    """Let the server make a film of a clip. Raises OSError where it is refused."""
    for method, query, data in (("POST", f"bytes={len(clip)}", b""), ("PUT", "offset=0", clip)):
        request = urllib.request.Request(
            f"{url.rstrip('/')}/api/film?session={session}&name=clip.mp4&{query}", data, method=method
        )
        urllib.request.urlopen(request, timeout=SENDING_TIMEOUT_S).close()


async def film_fault(scene: Scene, clip: bytes, seconds: float) -> dict[str, Any]:
    """One row: frames a second that the live session gets without a film, and the share of them that it loses in each
    stage of the film, of which the drawing is watched for so many seconds. Then the film is cancelled.
    """
    client = scene.client
    began, frames = time.monotonic(), len(client.log.frames)
    await client.watch(max(seconds, MIN_STAGE_S))
    alone = (len(client.log.frames) - frames) / (time.monotonic() - began)
    stages: list[tuple[float, str]] = []  # since when the film is in it
    async with conversation(Target(scene.server.url, 0, "")) as page:
        session = await session_of(page)
        noting = asyncio.create_task(_note_stages(page, stages))
        await asyncio.to_thread(send_clip, scene.server.url, session, clip)
        drawn_since = None
        deadline = time.monotonic() + STAGE_TIMEOUT_S
        while time.monotonic() < deadline and (drawn_since is None or time.monotonic() - drawn_since < seconds):
            await client.watch(0.1)
            if stages and stages[-1][1] not in WORKING:
                break  # done, or failed
            drawn_since = next((at for at, stage in stages if stage == "drawing"), None)
        stages.append((time.monotonic(), "watched"))
        noting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await noting
    lost = {
        stage: round(max(0.0, 1 - _rate(client.log.frames, since, until) / alone), 3) if alone else 1.0
        for (since, stage), (until, _) in itertools.pairwise(stages)
        if stage in WORKING and until - since >= MIN_STAGE_S
    }
    return {
        "fault": FILM,
        "fps_alone": round(alone, 1),
        "frames_lost": lost,
        "seconds": {stage: round(until - since, 1) for (since, stage), (until, _) in itertools.pairwise(stages)},
        "holds": "drawing" in lost and max(lost.values()) <= MAX_FILM_FRAMES_LOST,
    }


async def _note_stages(page: ClientConnection, stages: list[tuple[float, str]]) -> None:
    """Note when the film comes into another stage."""
    async for text in page:
        message = json.loads(text)
        if message["type"] == "film" and message["stage"] not in ("sending", stages[-1][1] if stages else ""):
            stages.append((time.monotonic(), message["stage"]))


def _rate(arrivals: list[float], since: float, until: float) -> float:
    """Frames a second."""
    return sum(since <= at < until for at in arrivals) / (until - since)

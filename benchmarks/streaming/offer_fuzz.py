"""Thousands of damaged offers to a server in this process: each is answered or refused, and nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.streaming.offers import damaged, make_offer
from streamer.server.app import Server
from tests.support.leaks import running_threads, udp_sockets, unhandled_errors
from tests.support.page import UNLIMITED, serving, socket_url

MAX_OFFERS_A_VISIT = 12  # below the number of errors at which a page is thrown out
TAKEN_BACK_SHARE = 0.2  # of offers, after which the page sends the next, or leaves, before the answer
REPLY_TIMEOUT_S = 30.0
SETTLE_TIMEOUT_S = 30.0
POOLS = ("pictures", "joins", "measurements")  # names of the server's threads that wait for work for ever


@dataclass
class FuzzReport:
    """What became of the offers. outcomes: `answer`, the codes of errors, `taken back`, `silence`. broken: exceptions
    that nobody handled, in words. left: more of each resource than before.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every offer was answered, refused as such or taken back, and nothing is left."""
        expected = {"answer", "negotiation", "taken back"}
        return set(self.outcomes) <= expected and not self.broken and not any(self.left.values())


async def fuzz_offers(count: int, seed: int = 1) -> FuzzReport:
    """Send `count` damaged offers over WebSockets to a server with a pipeline that draws plain colours."""
    chance, report = random.Random(seed), FuzzReport()
    offers = [await make_offer(sound=sound) for sound in (False, True)]
    with unhandled_errors() as reports:
        async with serving(limits=UNLIMITED) as (address, server):
            await _visit(address, [offers[0]], chance, Counter())  # starts what a first visit starts
            await _settle(lambda: not len(server.conversations))
            before = _counts(server)
            sent = 0
            while sent < count:
                batch = [
                    damaged(chance.choice(offers), chance)
                    for _ in range(min(count - sent, chance.randint(1, MAX_OFFERS_A_VISIT)))
                ]
                await _visit(address, batch, chance, report.outcomes)
                sent += len(batch)
            await _settle(
                lambda: all(now <= then for now, then in zip(_counts(server).values(), before.values(), strict=True))
            )
            report.left = {kind: max(0, now - before[kind]) for kind, now in _counts(server).items()}
    report.broken = [str(each.get("exception") or each["message"]) for each in reports]
    return report


async def _visit(address: str, offers: list[str], chance: random.Random, outcomes: Counter[str]) -> None:
    """One page sends offers, waits for what becomes of each but those it takes back, and leaves without a word."""
    async with connect(socket_url(address), max_size=2**20, close_timeout=1) as socket:
        await socket.send(json.dumps({"type": "hello", "protocol": 1}))
        waiting = 0
        for offer in offers:
            await socket.send(json.dumps({"type": "offer", "sdp": offer}))
            waiting += 1
            if chance.random() > TAKEN_BACK_SHARE:
                waiting -= await _count_replies(socket, waiting, outcomes)
                if waiting:
                    outcomes["silence"] += waiting
                    return
        outcomes["taken back"] += waiting


async def _count_replies(socket: ClientConnection, wanted: int, outcomes: Counter[str]) -> int:
    """Count what becomes of `wanted` offers. Returns of how many something did within REPLY_TIMEOUT_S."""
    count = 0
    try:
        async with asyncio.timeout(REPLY_TIMEOUT_S):
            while count < wanted:
                message = json.loads(await socket.recv())
                outcome = message.get("code", "answer")
                # An answered offer's connection may fail later, which ends nothing and is told at any time.
                if message["type"] in ("answer", "error") and outcome != "connection":
                    count += 1
                    outcomes[outcome] += 1
    except (TimeoutError, ConnectionClosed):
        pass
    return count


def _counts(server: Server) -> dict[str, int]:
    return {
        "UDP sockets": udp_sockets(),
        "tasks": len(asyncio.all_tasks()),
        "threads": sum(not name.startswith(POOLS) for name in running_threads()),
        "processes": len(psutil.Process().children(recursive=True)),
        "seats": server.engine.session_count,
        "conversations": len(server.conversations),
    }


async def _settle(is_settled: Callable[[], bool]) -> None:
    """Wait until it is, at most SETTLE_TIMEOUT_S."""
    for attempt in range(round(SETTLE_TIMEOUT_S / 0.1)):
        if is_settled():
            return
        await asyncio.sleep(0.1)
        if attempt % 20 == 5:
            gc.collect()

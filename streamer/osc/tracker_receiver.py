"""Receives the trackers of other programs, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from streamer.osc import ifacialmocap
from streamer.osc.osc_server import MAX_DATAGRAM_BYTES, DatagramPort, OnDatagram, Source, listen, osc_messages
from streamer.osc.udp_ports import TrackerKind, TrackerPort
from streamer.osc.vmc_receiver import VmcReceiver
from streamer.runtime.token_bucket import Rate
from streamer.sources.tracker_feed import TrackerFeed

# Some programs send every bone and every blendshape by itself: 120 of them, 60 times a second.
RATES: dict[TrackerKind, Rate] = {"iFacialMocap": Rate(240, 240), "VMC": Rate(10_000, 10_000)}
# Bytes of a datagram that are read as quickly as the message of one bone: a bundle of everything counts as some 30.
PIECES: dict[TrackerKind, int] = {"iFacialMocap": MAX_DATAGRAM_BYTES, "VMC": 256}
CLOSE_TIMEOUT_S = 5.0


class TrackerReceiver:
    """Puts what arrives at some ports into a feed, from `start` on. `close` closes the ports."""

    def __init__(self, ports: Sequence[TrackerPort]) -> None:
        self.feed = TrackerFeed()
        self._ports = tuple(ports)
        self._listening: dict[TrackerKind, DatagramPort] = {}
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="trackers", daemon=True)

    def dropped(self, kind: TrackerKind) -> int:
        """How many datagrams of a kind were dropped so far. Any thread may call."""
        port = self._listening.get(kind)
        return 0 if port is None else port.dropped

    def start(self) -> None:
        """Receive. To be called once."""
        self._thread.start()

    def close(self) -> None:
        """Receive nothing any more; may be called again, and where it was never started."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(CLOSE_TIMEOUT_S)
        elif not self._loop.is_closed():
            self._loop.close()
        for port in self._ports:
            port.bound.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._receive())
        finally:
            self._loop.close()

    async def _receive(self) -> None:
        for each in self._ports:
            receive, rate, piece = self._on_datagram(each.kind), RATES[each.kind], PIECES[each.kind]
            self._listening[each.kind] = await listen(each.bound, receive, rate, piece=piece)
        await self._end.wait()
        for port in self._listening.values():
            port.close()
        await asyncio.sleep(0)  # in which the transports close their sockets

    def _on_datagram(self, kind: TrackerKind) -> OnDatagram:
        if kind == "VMC":
            receiver = VmcReceiver(lambda pose, source: self.feed.put(pose, kind, f"{kind} {source}"))
            return osc_messages(receiver.receive)

        def take(datagram: bytes, source: Source) -> None:
            if (pose := ifacialmocap.parse(datagram)) is not None:
                self.feed.put(pose, kind, f"{kind} {source[0]}")

        return take

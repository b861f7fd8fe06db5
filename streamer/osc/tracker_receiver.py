"""Receives the trackers of other programs, in a thread of its own."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.osc import ifacialmocap
from streamer.osc.datagram_thread import DatagramThread
from streamer.osc.osc_server import MAX_DATAGRAM_BYTES, DatagramPort, OnDatagram, Source, osc_messages
from streamer.osc.udp_ports import TrackerKind, TrackerPort
from streamer.osc.vmc_receiver import VmcReceiver
from streamer.runtime.token_bucket import Rate
from streamer.sources.tracker_feed import TrackerFeed

# Some programs send every bone and every blendshape by itself: 120 of them, 60 times a second.
RATES: dict[TrackerKind, Rate] = {"iFacialMocap": Rate(240, 240), "VMC": Rate(10_000, 10_000)}
# Bytes of a datagram that are read as quickly as the message of one bone: a bundle of everything counts as some 25.
PIECES: dict[TrackerKind, int] = {"iFacialMocap": MAX_DATAGRAM_BYTES, "VMC": 128}


class TrackerReceiver:
    """Puts what arrives at some ports into a feed, from `start` on. `close` closes the ports."""

    def __init__(self, ports: Sequence[TrackerPort]) -> None:
        self.feed = TrackerFeed()
        self._thread = DatagramThread("trackers")
        self._ports: dict[TrackerKind, DatagramPort] = {}
        for each in ports:
            receive, rate, piece = self._on_datagram(each.kind), RATES[each.kind], PIECES[each.kind]
            port = self._ports[each.kind] = DatagramPort(each.bound.getsockname(), receive, rate, piece=piece)
            self._thread.add(each.bound, port)

    def dropped(self, kind: TrackerKind) -> int:
        """How many datagrams of a kind were dropped so far. Any thread may call."""
        return self._ports[kind].dropped

    def start(self) -> None:
        """Receive. To be called once."""
        self._thread.start()

    def close(self) -> None:
        """Receive nothing any more; may be called again, and where it was never started."""
        self._thread.close()

    def _on_datagram(self, kind: TrackerKind) -> OnDatagram:
        if kind == "VMC":
            receiver = VmcReceiver(lambda pose, source: self.feed.put(pose, kind, f"{kind} {source}"))
            return osc_messages(receiver.receive)

        def take(datagram: bytes, source: Source) -> None:
            if (pose := ifacialmocap.parse(datagram)) is not None:
                self.feed.put(pose, kind, f"{kind} {source[0]}")

        return take

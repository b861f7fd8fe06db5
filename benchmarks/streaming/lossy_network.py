"""A bad network inside one peer connection: datagrams of both ways are lost, delayed and overtake each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from aiortc import RTCPeerConnection


class LossyNetwork:
    """What happens to the datagrams of the connections it is installed in, from now on; all may be changed at any time.

    loss: share of the datagrams of each way that is lost, 0..1. reordered: share that is held back by REORDER_S, so
    that later ones overtake it. delay_s: of every datagram, one way. is_dark: nothing passes. seed: of the chance.
    """

    REORDER_S = 0.03  # about one frame of video

    def __init__(self, seed: int = 1) -> None:
        self.loss = 0.0
        self.reordered = 0.0
        self.delay_s = 0.0
        self.is_dark = False
        self._chance = random.Random(seed)

    def install(self, connection: RTCPeerConnection) -> None:
        """Stand between a connection and its sockets. To be called once its candidates are gathered."""
        transports = {each.receiver.transport.transport for each in connection.getTransceivers()}
        protocols: list[Any] = [each for transport in transports for each in transport._connection._protocols]
        for protocol in protocols:
            protocol.transport = _Wire(protocol.transport, self)
            protocol.datagram_received = self._deliver_by(protocol.datagram_received)

    def deliver(self, receive: Callable[..., object], *arguments: Any) -> None:
        """Call `receive` now, later or never, as the network is at present."""
        if self.is_dark or self._chance.random() < self.loss:
            return
        delay = self.delay_s + (self.REORDER_S if self._chance.random() < self.reordered else 0.0)
        if delay:
            asyncio.get_running_loop().call_later(delay, receive, *arguments)
        else:
            receive(*arguments)

    def _deliver_by(self, receive: Callable[..., object]) -> Callable[..., None]:
        def received(data: bytes, address: tuple[Any, ...]) -> None:
            self.deliver(receive, data, address)

        return received


class _Wire:
    """A datagram transport that sends over the network; in all else the transport itself."""

    def __init__(self, transport: asyncio.DatagramTransport, network: LossyNetwork) -> None:
        self._transport = transport
        self._network = network

    def sendto(self, data: bytes, address: tuple[Any, ...] | None = None) -> None:
        self._network.deliver(self._send, data, address)

    def _send(self, data: bytes, address: tuple[Any, ...] | None) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

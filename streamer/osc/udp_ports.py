"""The UDP sockets and receivers of a server's settings, which are found out about before torch is imported."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any, Literal

from streamer.addresses import host_and_port, is_loopback
from streamer.errors import OutputError
from streamer.osc.osc_server import find_address, open_port
from streamer.settings import Settings

TrackerKind = Literal["iFacialMocap", "VMC"]


@dataclass(frozen=True, slots=True)
class TrackerPort:
    """A port that is bound. kind: what is received there."""

    kind: TrackerKind
    bound: socket.socket

    @property
    def sentence(self) -> str:
        """For the console: where it listens, and what that opens."""
        host, port = self.bound.getsockname()[:2]
        here = f"{self.kind} trackers are received at UDP port {port}"
        if is_loopback(host):
            return f"{here} of this machine: docs/osc.md"
        return f"{here} of {host}: whoever reaches it can move the newest avatar, and nothing else"


@dataclass(frozen=True, slots=True)
class UdpPorts:
    """What is bound. controls: of `--osc`, None where that is not wanted."""

    controls: socket.socket | None = None
    trackers: tuple[TrackerPort, ...] = ()

    def close(self) -> None:
        """Close all of them; may be called again."""
        for bound in (self.controls, *(port.bound for port in self.trackers)):
            if bound is not None:
                bound.close()


def open_udp_ports(settings: Settings) -> UdpPorts:
    """The ports of the settings, bound. Raises PortError, after which none is open, and OutputError for a receiver of
    motion that is not found.
    """
    if settings.vmc_send is not None:
        find_receiver(*host_and_port(settings.vmc_send))
    controls, trackers = None, []
    wanted: list[tuple[TrackerKind, str, str | None]] = [
        ("VMC", "--vmc-receive", settings.vmc_receive), ("iFacialMocap", "--ifacialmocap", settings.ifacialmocap),
    ]  # fmt: skip
    try:
        if settings.osc is not None:
            controls = open_port("--osc", *host_and_port(settings.osc))
        for kind, flag, address in wanted:
            if address is not None:
                trackers.append(TrackerPort(kind, open_port(flag, *host_and_port(address))))
    except BaseException:
        UdpPorts(controls, tuple(trackers)).close()
        raise
    return UdpPorts(controls, tuple(trackers))


def find_receiver(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Where `--vmc-send` sends to: a family of addresses, and one for `sendto`. Raises OutputError."""
    try:
        return find_address(host, port)
    except (OSError, ValueError) as error:
        raise OutputError(f"--vmc-send finds no machine called {host}: correct the name.") from error

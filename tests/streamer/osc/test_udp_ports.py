"""The UDP ports of a server's settings: all are bound or none, and whoever starts the server is told what they open."""

from __future__ import annotations

import pytest

from streamer.errors import OutputError
from streamer.osc.osc_server import PortError, open_port
from streamer.osc.udp_ports import TrackerPort, UdpPorts, open_udp_ports
from streamer.settings import Settings


def test_ports_of_the_settings_are_opened_or_none_is() -> None:
    taken = open_port("--test", "127.0.0.1", 0)
    free = open_port("--test", "127.0.0.1", 0)
    address, other = (f"127.0.0.1:{each.getsockname()[1]}" for each in (taken, free))
    free.close()
    with taken, pytest.raises(PortError, match="already in use: stop the other program or choose another"):
        open_udp_ports(Settings(osc="127.0.0.1:0", vmc_receive=other, ifacialmocap=address))
    (port,) = open_udp_ports(Settings(vmc_receive=other)).trackers  # it is free again
    with port.bound:
        number = other.partition(":")[2]
        assert port.sentence == f"VMC trackers are received at UDP port {number} of this machine: docs/osc.md"
    assert open_udp_ports(Settings()) == UdpPorts()


def test_ports_are_closed_together() -> None:
    ports = open_udp_ports(Settings(osc="127.0.0.1:0", vmc_receive="127.0.0.1:0", ifacialmocap="127.0.0.1:0"))
    assert ports.controls is not None and [port.kind for port in ports.trackers] == ["VMC", "iFacialMocap"]
    ports.close()
    ports.close()
    assert {each.fileno() for each in (ports.controls, *(port.bound for port in ports.trackers))} == {-1}


def test_receiver_of_motion_that_is_not_found_is_told_before_anything_is_bound() -> None:
    with pytest.raises(OutputError, match=r"--vmc-send finds no machine called a\.\.b: correct"):
        open_udp_ports(Settings(vmc_send="a..b:39539"))


def test_port_for_other_machines_says_what_that_opens() -> None:
    port = TrackerPort("iFacialMocap", open_port("--test", "0.0.0.0", 0))
    number = port.bound.getsockname()[1]
    with port.bound:
        assert port.sentence == (
            f"iFacialMocap trackers are received at UDP port {number} of 0.0.0.0: whoever reaches it "
            "can move the newest avatar, and nothing else"
        )

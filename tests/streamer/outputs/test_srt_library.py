"""What of libsrt's interface is made here."""

from __future__ import annotations

import socket
import struct

import pytest

from streamer.outputs.srt_library import native_address


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_address_is_as_the_systems_sockets_have_it(system: str) -> None:
    four = native_address(("192.0.2.1", 9000), socket.AF_INET, system)
    six = native_address(("2001:db8::1", 9000), socket.AF_INET6, system)
    assert len(four) == 16 and len(six) == 28
    family = bytes([16, socket.AF_INET]) if system == "darwin" else struct.pack("=H", socket.AF_INET)
    assert four == family + struct.pack(">H", 9000) + bytes([192, 0, 2, 1]) + bytes(8)
    assert six[8:24] == socket.inet_pton(socket.AF_INET6, "2001:db8::1")

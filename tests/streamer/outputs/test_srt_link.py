"""Which addresses of a host are tried by SRT, with a fake of its library."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from streamer.errors import MediaServerError
from streamer.outputs import srt_library, srt_link
from streamer.outputs.srt_link import SrtLink
from streamer.stream_address import SrtAddress

NOBODY = r"^it does not answer \(nobody listens there, or it refuses\)$"
FAMILIES = {"::1": socket.AF_INET6, "127.0.0.1": socket.AF_INET, "127.0.0.2": socket.AF_INET}


class FakeLibrary:
    """Answers at one address. reasons: for which others reject. unreachable: those that the system does not reach."""

    def __init__(self, host: str, reasons: dict[str, int], unreachable: str) -> None:
        self._host, self._reasons, self._unreachable = host, reasons, unreachable
        self.tried: list[str] = []
        self.closed: list[int] = []

    def srt_create_socket(self) -> int:
        return len(self.tried)

    def srt_setsockflag(self, *_: object) -> int:
        return 0

    def srt_connect(self, handle: int, target: bytes, size: int) -> int:
        (family,) = struct.unpack("=H", target[:2])
        packed = target[4:8] if family == socket.AF_INET else target[8:24]
        assert (size, target[2:4]) == (len(target), (9000).to_bytes(2, "big"))
        self.tried.append(socket.inet_ntop(family, packed))
        return -1 if self.tried[-1] == self._unreachable else 0

    def srt_getsockstate(self, handle: int) -> int:
        return srt_library.CONNECTED if self.tried[handle] == self._host else srt_library.BROKEN

    def srt_getrejectreason(self, handle: int) -> int:
        return self._reasons.get(self.tried[handle], 0)

    def srt_close(self, handle: int) -> None:
        self.closed.append(handle)


def link(
    monkeypatch: pytest.MonkeyPatch, hosts: list[str], answers: str, reasons: dict[str, int], unreachable: str = ""
) -> tuple[SrtLink, FakeLibrary]:
    """To a name that has these hosts."""
    library = FakeLibrary(answers, reasons, unreachable)

    def find(*_: object, **__: object) -> list[Any]:
        return [(FAMILIES[host], socket.SOCK_DGRAM, 17, "", (host, 9000)) for host in hosts]

    monkeypatch.setattr(srt_library, "srt_library", lambda: library)
    monkeypatch.setattr(srt_link.socket, "getaddrinfo", find)
    return SrtLink(SrtAddress("localhost", 9000)), library


@pytest.mark.skipif(not hasattr(socket, "AF_INET6"), reason="no IPv6")
@pytest.mark.parametrize("unreachable", ["", "::1"])
def test_every_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch, unreachable: str) -> None:
    hosts = ["::1", "127.0.0.2", "127.0.0.1"]
    made, library = link(monkeypatch, hosts, "127.0.0.1", {}, unreachable)
    made.connect()
    assert library.tried == hosts and library.closed == [0, 1]
    made.close()
    assert library.closed == [0, 1, 2]


def test_of_a_host_where_nobody_answers_the_last_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made, library = link(monkeypatch, ["127.0.0.1", "127.0.0.2"], "", {})
    with pytest.raises(MediaServerError, match=NOBODY):
        made.connect()
    made.close()
    assert library.closed == [0, 1]


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (srt_library.WRONG_PASSPHRASE, "it refuses the passphrase"),
        (1403, "it refuses the stream with status 403: is the streamid right?"),
    ],
)
def test_a_server_that_refuses_is_not_asked_elsewhere(
    monkeypatch: pytest.MonkeyPatch, reason: int, sentence: str
) -> None:
    made, library = link(monkeypatch, ["127.0.0.1", "127.0.0.2"], "127.0.0.2", {"127.0.0.1": reason})
    with pytest.raises(MediaServerError) as caught:
        made.connect()
    assert str(caught.value) == sentence and library.tried == ["127.0.0.1"]


def test_an_attempt_that_is_ended_tries_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    made, library = link(monkeypatch, ["127.0.0.1", "127.0.0.2"], "", {})
    made.abort()
    with pytest.raises(MediaServerError, match=r"^the connection was lost$"):
        made.connect()
    assert library.tried == ["127.0.0.1"]

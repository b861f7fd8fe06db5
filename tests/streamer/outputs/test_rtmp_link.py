"""Publishing by RTMP, against a server that answers as each test tells it."""

from __future__ import annotations

import math
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from streamer.errors import MediaServerError
from streamer.outputs import amf0, rtmp_link
from streamer.outputs.rtmp_link import RtmpLink
from streamer.outputs.rtmp_messages import AUDIO, COMMAND, DATA, PING_REQUEST, USER_CONTROL, VIDEO, Message, to_chunks
from streamer.server.certificate import make_certificate
from streamer.stream_address import RtmpAddress
from tests.support.rtmp_server import RtmpServer, command, status

KEY = "s3cret-k3y"
WAIT_S = 30.0


def link_to(server: RtmpServer) -> RtmpLink:
    return RtmpLink(RtmpAddress("127.0.0.1", server.port, False, "live", KEY))


def tag(kind: int, body: bytes, milliseconds: int) -> bytes:
    """A tag of FLV."""
    time = milliseconds.to_bytes(4, "big")
    head = bytes([kind]) + len(body).to_bytes(3, "big") + time[1:] + time[:1] + bytes(3)
    return head + body + (11 + len(body)).to_bytes(4, "big")


@pytest.fixture
def server() -> Iterator[RtmpServer]:
    with RtmpServer() as made:
        yield made


@pytest.mark.parametrize("step", [5, 10_000])
def test_flv_is_published_as_messages_and_the_stream_is_ended(server: RtmpServer, step: int) -> None:
    flv = b"FLV\x01\x05\0\0\0\x09\0\0\0\0" + tag(DATA, b"meta", 0) + tag(VIDEO, b"v" * 5000, 40) + tag(AUDIO, b"a", 60)
    with closing(link_to(server)) as link:
        link.connect()
        for at in range(0, len(flv), step):
            link.write(flv[at : at + step])
        while link.pending:
            link.flush()
        assert server.wait_for(VIDEO) == [Message(VIDEO, b"v" * 5000)]
        assert server.wait_for(AUDIO) == [Message(AUDIO, b"a")]
        assert server.wait_for(DATA) == [Message(DATA, amf0.encode("@setDataFrame") + b"meta")]
    server.wait_for(COMMAND, 7)
    connect, *others = server.commands
    assert connect[2]["app"] == "live" and connect[2]["tcUrl"] == f"rtmp://127.0.0.1:{server.port}/live"
    assert [(each[0], *each[3:]) for each in others] == [
        ("releaseStream", KEY),
        ("FCPublish", KEY),
        ("createStream",),
        ("publish", KEY, "live"),
        ("FCUnpublish", KEY),
        ("deleteStream", 1.0),
    ]


def test_pings_are_answered(server: RtmpServer) -> None:
    with closing(link_to(server)) as link:
        link.connect()
        server.connections[0].sendall(to_chunks(USER_CONTROL, PING_REQUEST.to_bytes(2, "big") + b"time", 2))
        while not any(message.kind == USER_CONTROL for message in server.messages):
            link.flush()
        assert server.wait_for(USER_CONTROL) == [Message(USER_CONTROL, b"\0\x07time")]


@pytest.mark.parametrize(
    ("name", "answer", "sentence"),
    [
        ("connect", command("_error", 1, None, {"code": "x"}), "it refuses the application that the address names"),
        ("connect", None, "it closes the connection: are application and stream key right?"),
        ("connect", b"\xff" * 20, "it does not speak RTMP"),
        ("createStream", command("_result", 4, None), "its answer cannot be used"),
        ("createStream", command("_result", 4, None, math.nan), "its answer cannot be used"),
        ("createStream", command("_result", 4, None, -1.0), "its answer cannot be used"),
        ("createStream", command("_result", 4, None, 1e300), "its answer cannot be used"),
        ("publish", None, "it closes the connection: are application and stream key right?"),
        (
            "publish",
            status("NetStream.Publish.BadName", "error"),
            "it refuses the stream key, or somebody uses it already",
        ),
        ("publish", status(KEY, "error"), "it refuses the stream"),
    ],
)
def test_refusal_is_told_in_words_without_the_key(name: str, answer: bytes | None, sentence: str) -> None:
    with RtmpServer({name: answer}) as server, closing(link_to(server)) as link:
        with pytest.raises(MediaServerError) as caught:
            link.connect()
        assert str(caught.value) == sentence


def test_server_that_goes_away_is_noticed(server: RtmpServer) -> None:
    with closing(link_to(server)) as link:
        link.connect()
        server.drop()
        with pytest.raises(MediaServerError, match=r"^the connection was lost$"):
            while True:
                link.flush()


def test_silent_server_is_waited_for_no_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtmp_link, "CONNECT_TIMEOUT_S", 0.1)
    silence = pytest.raises(MediaServerError, match=r"^it does not answer \(timed out\)$")
    with RtmpServer(reads=False) as server, closing(link_to(server)) as link, silence:
        link.connect()


@pytest.mark.parametrize("secure", [False, True])
def test_wait_for_a_silent_server_can_be_ended(monkeypatch: pytest.MonkeyPatch, secure: bool) -> None:
    """While it shakes hands, by TLS or by RTMP."""
    monkeypatch.setattr(rtmp_link, "CONNECT_TIMEOUT_S", 3600.0)
    with RtmpServer(reads=False) as server:
        link = RtmpLink(RtmpAddress("127.0.0.1", server.port, secure, "live", KEY))
        failures: list[str] = []

        def connect() -> None:
            try:
                link.connect()
            except MediaServerError as error:
                failures.append(str(error))

        thread = threading.Thread(target=connect, daemon=True)
        thread.start()
        server.connections_come(1)
        server.connections[0].recv(1)  # of the handshake, in whose answer it waits
        link.abort()
        thread.join(WAIT_S)
        assert failures == ["the connection was lost"]
        link.close()


def test_every_address_of_a_host_is_tried(server: RtmpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.2", 0))
        places = [(-1, ("no family", 0)), (socket.AF_INET, unused.getsockname()), (2, ("127.0.0.1", server.port))]
        found = [(family, socket.SOCK_STREAM, 0, "", place) for family, place in places]
        monkeypatch.setattr(rtmp_link.socket, "getaddrinfo", lambda *_, **__: found)
        with closing(link_to(server)) as link:
            link.connect()


def test_absent_server_is_told_with_the_systems_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        link = RtmpLink(RtmpAddress("127.0.0.1", unused.getsockname()[1], False, "live", KEY))
        with closing(link), pytest.raises(MediaServerError, match=r"^it does not answer \(Connection refused\)$"):
            link.connect()


def test_rtmps_speaks_tls_and_trusts_known_certificates_alone() -> None:
    certificate = make_certificate(["localhost"], ["127.0.0.1"])
    for trusts in (True, False):
        with RtmpServer(tls=certificate.context) as server:
            client = ssl.create_default_context()
            if trusts:
                client.load_verify_locations(cadata=ssl.get_server_certificate(("localhost", server.port)))
            with closing(RtmpLink(RtmpAddress("localhost", server.port, True, "live", KEY), client)) as link:
                if trusts:
                    link.connect()
                    link.write(b"FLV\x01\x05\0\0\0\x09\0\0\0\0" + tag(VIDEO, b"v" * 60_000, 0))
                    while link.pending:
                        link.flush()
                    server.wait_for(VIDEO)
                else:
                    with pytest.raises(MediaServerError, match=r"^its certificate is not to be trusted \("):
                        link.connect()

"""The address that the server listens on and prints."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from streamer.errors import AddressError
from streamer.server import listening as listening_module
from streamer.server.listening import _claim_port, bind, network_address, network_lines, page_url
from streamer.settings import Settings


@pytest.mark.parametrize(
    ("host", "token", "url"),
    [
        ("127.0.0.1", None, "http://localhost:{}/"),
        ("0.0.0.0", "open sesame", "http://localhost:{}/?token=open%20sesame"),
        ("192.0.2.1", None, "http://192.0.2.1:{}/"),
    ],
)
def test_page_url_names_the_host_the_port_and_the_token(host: str, token: str | None, url: str) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        settings = Settings(host=host, token=token)
        assert page_url(settings, listening) == url.format(listening.getsockname()[1])


@pytest.mark.parametrize("host", ["a..b", "." * 3, "x" * 70 + ".org", "a\0b"])
def test_host_that_is_no_name_is_refused_in_one_sentence(host: str) -> None:
    with pytest.raises(AddressError) as caught:
        bind(Settings(host=host))
    assert str(caught.value).startswith(f"Cannot listen on {host} port 8080 (")
    assert str(caught.value).endswith(": choose another address with --host and --port.")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), []),
        (Settings(host="0.0.0.0"), ["in your network http://10.1.2.3:{}/", "open to everybody", "no camera"]),
        (Settings(host="0.0.0.0", token="open sesame"), ["http://10.1.2.3:{}/?token=open%20sesame", "no camera"]),
        (Settings(host="192.0.2.7", https=True), ["https://192.0.2.7:{}/", "start with --token WORD"]),
        (Settings(host="::", https=True, token="open sesame"), ["https://10.1.2.3:{}/?token"]),
        (Settings(host="0.0.0.0", token="open sesame", allow_origin=("https://me.org",)), ["http://10.1.2.3:{}/"]),
    ],
)
def test_whoever_opens_the_server_to_a_network_is_told_who_may_come(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, words: list[str]
) -> None:
    monkeypatch.setattr(listening_module, "network_address", lambda: "10.1.2.3")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        lines = network_lines(settings, listening)
        port = listening.getsockname()[1]
    assert len(lines) == len(words)
    assert [word for word, line in zip(words, lines, strict=True) if word.format(port) not in line] == []


def test_the_network_address_is_one_of_this_machine() -> None:
    with socket.socket() as listening:
        listening.bind((network_address(), 0))  # no other address can be bound


@pytest.mark.parametrize(
    ("options", "chosen"),
    [({"SO_REUSEADDR": 2}, 2), ({"SO_REUSEADDR": 2, "SO_EXCLUSIVEADDRUSE": -5}, -5)],
    ids=["Linux and macOS", "Windows"],
)
def test_no_other_program_takes_the_port(options: dict[str, int], chosen: int) -> None:
    set_options: list[tuple[int, ...]] = []
    unbound = SimpleNamespace(setsockopt=lambda *option: set_options.append(option))
    _claim_port(unbound, SimpleNamespace(SOL_SOCKET=1, **options))  # type: ignore[arg-type]
    assert set_options == [(1, chosen, 1)]

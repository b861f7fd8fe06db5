"""The address that the server listens on and prints."""

from __future__ import annotations

import socket

import pytest

from streamer.errors import AddressError
from streamer.server.listening import bind, page_url
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

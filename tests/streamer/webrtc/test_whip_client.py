"""What a client of WHIP makes of a media server's answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from streamer.webrtc import whip_client
from streamer.webrtc.whip_client import (
    MediaServerError,
    MediaSession,
    end_session,
    post_offer,
    server_of,
)

Answer = tuple[int, dict[str, str], str]


class MediaServer:
    """A server of HTTP whose answers a test decides, by path. requests: method, path, headers and text of each."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, str, dict[str, str], str]] = []
        media_server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                media_server.requests.append((self.command, self.path, headers, body))
                status, more, text = media_server.answers.get(self.path, (404, {}, ""))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(text))} | more).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def media_server() -> Iterator[MediaServer]:
    server = MediaServer()
    thread = threading.Thread(target=lambda: server.http.serve_forever(0.02))
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def test_offer_is_posted_with_its_token_and_ended_where_the_server_says(
    media_server: MediaServer,
) -> None:
    media_server.answers["/whip?key=1"] = 201, {"Location": "/session/7"}, "v=0 answer"
    media_server.answers["/session/7"] = 204, {}, ""
    session = post_offer(f"{media_server.url}/whip?key=1", "v=0 offer", "secret")
    assert session == MediaSession("v=0 answer", f"{media_server.url}/session/7")
    end_session(session, "secret")
    methods = [(method, path, body) for method, path, _, body in media_server.requests]
    assert methods == [("POST", "/whip?key=1", "v=0 offer"), ("DELETE", "/session/7", "")]
    assert all(headers["authorization"] == "Bearer secret" for _, _, headers, _ in media_server.requests)
    assert [headers.get("content-type") for _, _, headers, _ in media_server.requests] == ["application/sdp", None]


def test_redirect_is_followed_with_the_offer(media_server: MediaServer) -> None:
    media_server.answers["/whip"] = 307, {"Location": "/other"}, ""
    media_server.answers["/other"] = 201, {}, "v=0"
    assert post_offer(f"{media_server.url}/whip", "offer", None) == MediaSession("v=0", None)
    assert [body for *_, body in media_server.requests] == ["offer", "offer"]
    end_session(MediaSession("v=0", None), None)  # the server named no session
    assert len(media_server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401, {}, ""), "it refuses the token: set KAGAMI_PUBLISH_TOKEN to the one that it expects"),
        ((403, {}, ""), "it refuses the token: set KAGAMI_PUBLISH_TOKEN to the one that it expects"),
        ((404, {}, ""), "it refuses the stream with status 404"),
        ((200, {}, "v=0"), "it refuses the stream with status 200"),
        ((307, {"Location": "/whip"}, ""), "it refuses the stream with status 307"),
        ((307, {"Location": "http://192.0.2.1/"}, ""), "it redirects to an address that is not HTTPS"),
        ((201, {"Location": "http://192.0.2.1/"}, "v=0"), "its answer names an address that is not HTTPS"),
        ((201, {}, "a" * 70_000), "its answer is no SDP"),
    ],
)
def test_answer_that_cannot_be_used_gets_a_sentence(media_server: MediaServer, answer: Answer, sentence: str) -> None:
    media_server.answers["/whip"] = answer
    with pytest.raises(MediaServerError) as caught:
        post_offer(f"{media_server.url}/whip", "offer", "secret")
    assert str(caught.value) == sentence


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_that_does_not_answer_gets_a_sentence(scheme: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(MediaServerError, match=r"^it does not answer \(Connection refused\)$"):
            post_offer(f"{scheme}://127.0.0.1:{unused.getsockname()[1]}/whip", "offer", None)


def test_server_that_says_nothing_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(MediaServerError, match=r"^it does not answer \(timed out\)$"):
            post_offer(f"http://127.0.0.1:{silent.getsockname()[1]}/whip", "offer", None, 0.1)


def test_messages_name_the_server_without_the_key() -> None:
    assert server_of("https://media.example:8443/whip/secret?key=secret") == "media.example:8443"
    assert whip_client.MediaServerError.code == "publish"

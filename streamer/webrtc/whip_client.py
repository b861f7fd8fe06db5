"""The client's side of WHIP and WHEP over HTTP: posts an offer, and ends a connection (RFC 9725). All of it blocks."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

from streamer.addresses import is_safe_url
from streamer.errors import MediaServerError

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
MAX_REDIRECTS = 3
SDP = "application/sdp"
_REDIRECTS = (HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT)
_FORBIDDEN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class MediaSession:
    """What a media server made of an offer. answer: its SDP. url: of the resource, by which it is ended; None where the
    server named none.
    """

    answer: str
    url: str | None


def server_of(url: str) -> str:
    """The host and port of a URL, for messages: its path may hold a secret key."""
    return urlsplit(url).netloc


def post_offer(url: str, offer: str, token: str | None, timeout_s: float = TIMEOUT_S) -> MediaSession:
    """Send an SDP offer to a WHIP or WHEP endpoint. token: sent as its bearer token, also where it redirects to by
    status 307 or 308. Raises MediaServerError.
    """
    for _ in range(MAX_REDIRECTS + 1):
        status, headers, body = _request("POST", url, token, timeout_s, offer)
        if status not in _REDIRECTS:
            break
        url = urljoin(url, headers.get("Location", ""))
        if not is_safe_url(url):
            raise MediaServerError("it redirects to an address that is not HTTPS")
    if status in _FORBIDDEN:
        raise MediaServerError("it refuses the token: set KAGAMI_PUBLISH_TOKEN to the one that it expects")
    if status != HTTPStatus.CREATED:
        raise MediaServerError(f"it refuses the stream with status {status}")
    location = headers.get("Location")
    resource = None if location is None else urljoin(url, location)
    if resource is not None and not is_safe_url(resource):
        raise MediaServerError("its answer names an address that is not HTTPS")
    return MediaSession(body, resource)


def end_session(session: MediaSession, token: str | None, timeout_s: float = TIMEOUT_S) -> None:
    """End a session, if the server named its URL. Raises MediaServerError."""
    if session.url is not None:
        _request("DELETE", session.url, token, timeout_s)


def _request(
    method: str, url: str, token: str | None, timeout_s: float, body: str | None = None
) -> tuple[int, http.client.HTTPMessage, str]:
    """Status, headers and text of the answer. Raises MediaServerError."""
    parts = urlsplit(url)
    headers = {} if body is None else {"Content-Type": SDP}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = _connection(parts, timeout_s)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, None if body is None else body.encode(), headers)
        with connection.getresponse() as response:
            data = response.read(MAX_ANSWER_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:  # of them: no such host, refused, no certificate
        raise MediaServerError(f"it does not answer ({_reason(error)})") from error
    finally:
        connection.close()
    if len(data) > MAX_ANSWER_BYTES:
        raise MediaServerError("its answer is no SDP")
    return response.status, response.headers, data.decode("utf-8", "replace")


def _connection(parts: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    assert parts.hostname is not None
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    return http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=timeout_s, context=ssl.create_default_context()
    )


def _reason(error: Exception) -> str:
    """The operating system's words, or the kind of the error."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

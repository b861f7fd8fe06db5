"""The requests about a film: its clip is sent in parts, the film is fetched, and it is cancelled or forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from streamer.errors import ProtocolError
from streamer.server.access import address_of
from streamer.server.film_worker import FilmOrder
from streamer.server.rate_limits import RateLimiters
from streamer.server.session import Session
from streamer.server.upload_name import upload_name
from streamer.settings import Settings

MAX_DIGITS = 12  # of a number of bytes


class FilmRoutes:
    """`/api/film`. A session has at most one film, and the server makes one at a time, see `Films`.

    session_of: the session that a request names.
    """

    def __init__(self, settings: Settings, limiters: RateLimiters, session_of: Callable[[Request], Session]) -> None:
        self._settings = settings
        self._limiters = limiters
        self._session_of = session_of
        self.routes = [
            Route("/api/film", self._begin, methods=["POST"]),
            Route("/api/film", self._receive, methods=["PUT"]),
            Route("/api/film", self._send, methods=["GET"]),
            Route("/api/film", self._remove, methods=["DELETE"]),
        ]

    async def _begin(self, request: Request) -> Response:
        """Make room for a clip, of which the session's picture will make a film as both are now."""
        session = self._session_of(request)
        size = _bytes(request, "bytes")
        await self._limiters.films.wait(address_of(request))
        suffix = ".webm" if session.controls.current.background == "transparent" else ".mp4"
        await session.film.begin(upload_name(request, "The clip"), size, partial(_order, session), suffix)
        return JSONResponse({"stage": "sending", "bytes": 0}, 201)

    async def _receive(self, request: Request) -> Response:
        """One part of the clip."""
        film = self._session_of(request).film
        received = await film.receive(_bytes(request, "offset"), request.stream())
        return JSONResponse({"stage": "sending", "bytes": received}, 202)

    async def _send(self, request: Request) -> Response:
        """The film that is ready, or the range of it that the request wants."""
        path, media_type = self._session_of(request).film.file()
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "no-store"})

    async def _remove(self, request: Request) -> Response:
        """Cancel the film, or forget it once it was fetched."""
        await self._session_of(request).film.remove()
        return JSONResponse({})


def _order(session: Session, clip: Path, out: Path, name: str) -> FilmOrder:
    """The session's picture as it is now, moving as it does for a driver, but never mirrored: a film beside its clip
    looks to the same side.
    """
    avatar, controls = session.pictures.avatar, session.controls
    assert avatar.picture is not None
    return FilmOrder(
        clip, name, out, avatar.picture, replace(controls.current, mirror=False), avatar.points,
        avatar.characters[1:], avatar.person, controls.backdrop, controls.mood.message.text,
    )  # fmt: skip


def _bytes(request: Request, name: str) -> int:
    """A number of bytes that a request names. Raises ProtocolError."""
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ProtocolError(f"The field '{name}' must be a number of bytes: reload the page.")
    return int(text)

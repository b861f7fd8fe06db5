"""The requests about hand-placed points: what is guessed and used, other ones, and a film of the picture with them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

from PIL import Image as Pillow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.errors import BusyError, ProtocolError
from streamer.generation.preview import render_preview
from streamer.rigging.picture import Picture, original_size
from streamer.rigging.picture_process import PictureProcess
from streamer.rigging.point_guesses import guess_points
from streamer.rigging.points import MAX_REQUEST_BYTES, Points, TooManyPointsError
from streamer.server.access import address_of
from streamer.server.executors import Executors
from streamer.server.rate_limits import RateLimiters
from streamer.server.request_body import read_body
from streamer.server.session import Session
from streamer.server.uploads import Uploads

SHOWN_SIDE = 1280  # pixels, the longer side of the picture in the editor
WHICH = ("used", "refused", "next")


class PointRoutes:
    """`/api/points`, `/api/points/picture` and `/api/points/preview`.

    pictures: does the work. session_of: the session that a request names.
    """

    def __init__(
        self,
        pictures: PictureProcess,
        executors: Executors,
        limiters: RateLimiters,
        uploads: Uploads,
        session_of: Callable[[Request], Session],
    ) -> None:
        self._pictures = pictures
        self._executors = executors
        self._limiters = limiters
        self._uploads = uploads
        self._session_of = session_of
        self._previewing = False  # one film at a time on the server
        self.routes = [
            Route("/api/points", self._tell, methods=["GET"]),
            Route("/api/points", self._take, methods=["PUT"]),
            Route("/api/points/picture", self._show, methods=["GET"]),
            Route("/api/points/preview", self._preview, methods=["PUT"]),
        ]

    async def _tell(self, request: Request) -> Response:
        """What the editor begins with."""
        picture, avatar = self._session_of(request).pictures.editable(_is_refused(request))
        if avatar is not None:
            guesses = avatar.point_places()
        else:
            await self._limiters.previews.wait(address_of(request))
            guesses = await self._executors.decode(partial(self._pictures.do, guess_points, picture))
        width, height = original_size(picture)
        return JSONResponse(
            {
                "name": picture.name,
                "width": round(width),
                "height": round(height),
                "found": avatar is not None,
                "points": None if avatar is None or avatar.points is None else avatar.points.to_json(),
                "guesses": Points.positions_to_json(guesses),
            }
        )

    async def _take(self, request: Request) -> Response:
        """Prepare the session's picture with other points, or keep them for the next one."""
        pictures = self._session_of(request).pictures
        which = _which(request)
        with self._uploads.place(request), pictures.upload():
            points = await _read_points(request)
            if which == "next":
                pictures.hold_points(points)
                return JSONResponse({"stage": "held"}, 202)
            await self._uploads.wait(request)
            pictures.place_points(points, which == "refused")
        return JSONResponse({"stage": "preparing", "name": pictures.name}, 202)

    async def _show(self, request: Request) -> Response:
        """The picture as points lie on it: upright."""
        picture, _ = self._session_of(request).pictures.editable(_is_refused(request))
        webp = await self._executors.decode(partial(_as_webp, picture))
        return Response(webp, media_type="image/webp", headers={"Cache-Control": "no-store"})

    async def _preview(self, request: Request) -> Response:
        """An animated WebP of the picture with other points."""
        picture, _ = self._session_of(request).pictures.editable(_is_refused(request))
        points = await _read_points(request)
        await self._limiters.previews.wait(address_of(request))
        if self._previewing:
            raise BusyError
        self._previewing = True
        try:
            film = await self._executors.decode(partial(self._pictures.do, render_preview, picture, points))
        finally:
            self._previewing = False
        return Response(film, media_type="image/webp", headers={"Cache-Control": "no-store"})


async def _read_points(request: Request) -> Points | None:
    """The points in a request's body; None for an empty object. Raises PointsError, ClientDisconnect."""
    data = await read_body(request, MAX_REQUEST_BYTES, TooManyPointsError())
    return None if data.strip() == b"{}" else Points.decode(data)


def _which(request: Request) -> str:
    """The picture that a request means: `WHICH`. Raises ProtocolError."""
    which = request.query_params.get("which", "used")
    if which not in WHICH:
        raise ProtocolError("The field 'which' must be used, refused or next: reload the page.")
    return which


def _is_refused(request: Request) -> bool:
    return _which(request) == "refused"


def _as_webp(picture: Picture) -> bytes:
    """A picture as WebP of at most SHOWN_SIDE pixels a side, with its alpha."""
    image = Pillow.fromarray(picture.rgba)
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))  # ignores colours of transparent pixels
    data = io.BytesIO()
    image.save(data, "webp", quality=88, method=2)
    return data.getvalue()

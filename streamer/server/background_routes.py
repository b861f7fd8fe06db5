"""The requests about a background of the page's own: a picture or a clip is taken, or taken away."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from streamer.rigging.picture_process import PictureProcess
from streamer.server.executors import Executors
from streamer.server.session import Session
from streamer.server.session_controls import BackdropFile


class BackgroundRoutes:
    """`/api/background`. A background is kept in memory, for one session, and freed with it.

    pictures: decodes. session_of: the session that a request names. count_upload, read_upload: bound the uploads of an
    address and of all, and their rate and size, see `Server`. keeps_files: for sessions that may go to another server.
    """

    def __init__(
        self,
        pictures: PictureProcess,
        executors: Executors,
        session_of: Callable[[Request], Session],
        count_upload: Callable[[Request], AbstractContextManager[None]],
        read_upload: Callable[[Request], Awaitable[bytes]],
        keeps_files: bool,
    ) -> None:
        self._keeps_files = keeps_files
        self._pictures = pictures
        self._executors = executors
        self._session_of = session_of
        self._count_upload = count_upload
        self._read_upload = read_upload
        self.routes = [
            Route("/api/background", self._take, methods=["PUT"]),
            Route("/api/background", self._remove, methods=["DELETE"]),
        ]

    async def _take(self, request: Request) -> Response:
        """Decode a picture or a clip and use it from the next frame on, where the background is `picture`."""
        controls = self._session_of(request).controls
        with self._count_upload(request), controls.taking_backdrop():
            try:
                data = await self._read_upload(request)
            except ClientDisconnect:
                return PlainTextResponse("", 400)
            backdrop = await self._executors.decode(partial(self._pictures.load_backdrop, data))
            file = BackdropFile(hashlib.sha256(data).hexdigest(), data) if self._keeps_files else None
            controls.set_backdrop(backdrop, file)
        height, width = backdrop.frames.shape[1:3]
        return JSONResponse(
            {"width": width, "height": height, "frames": len(backdrop.frames), "notes": list(backdrop.notes)}
        )

    async def _remove(self, request: Request) -> Response:
        self._session_of(request).controls.set_backdrop(None)
        return JSONResponse({})

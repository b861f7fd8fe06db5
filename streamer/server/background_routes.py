"""The requests about a background of the page's own: a picture or a clip is taken, or taken away."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.rigging.picture_process import PictureProcess
from streamer.server.executors import Executors
from streamer.server.session import Session
from streamer.server.session_controls import BackdropFile
from streamer.server.uploads import Uploads


class BackgroundRoutes:
    """`/api/background`. A background is kept in memory, for one session, and freed with it.

    pictures: decodes. session_of: the session that a request names. keeps_files: for sessions that may go to another
    server.
    """

    def __init__(
        self,
        pictures: PictureProcess,
        executors: Executors,
        uploads: Uploads,
        session_of: Callable[[Request], Session],
        keeps_files: bool,
    ) -> None:
        self._keeps_files = keeps_files
        self._pictures = pictures
        self._executors = executors
        self._uploads = uploads
        self._session_of = session_of
        self.routes = [
            Route("/api/background", self._take, methods=["PUT"]),
            Route("/api/background", self._remove, methods=["DELETE"]),
        ]

    async def _take(self, request: Request) -> Response:
        """Decode a picture or a clip and use it from the next frame on, where the background is `picture`."""
        controls = self._session_of(request).controls
        with self._uploads.place(request), controls.taking_backdrop():
            data = await self._uploads.read(request)
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

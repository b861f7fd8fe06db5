"""The requests about the pictures of a session's character: another one, further views, small ones for the page."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.errors import KagamiError, NotKeptError, ProtocolError
from streamer.generation.avatar import Avatar
from streamer.options import MAX_PICTURES
from streamer.rigging.picture import Picture, load_picture
from streamer.rigging.picture_process import PictureProcess
from streamer.server.access import check_token, error_response
from streamer.server.executors import Executors
from streamer.server.prepared_avatars import picture_key
from streamer.server.session import Session
from streamer.server.thumbnails import small_webp, thumbnail
from streamer.server.upload_name import upload_name
from streamer.server.uploads import Uploads
from streamer.settings import Settings

_SHA256 = re.compile("[0-9a-f]{64}")
_NOT_IN_A_KEY = ("session", "name", "token", "sha256")  # of the parameters of an upload: they do not change its avatar


class PictureRoutes:
    """`/api/picture`, `/api/view` and `/api/thumbnail`. A picture is prepared after the answer to its request.

    avatar: that every session starts with. pictures: decodes uploads. session_of: the session that a request names.
    """

    def __init__(
        self,
        settings: Settings,
        avatar: Avatar,
        pictures: PictureProcess,
        executors: Executors,
        uploads: Uploads,
        session_of: Callable[[Request], Session],
    ) -> None:
        self._settings = settings
        self._avatar = avatar
        self._pictures = pictures
        self._executors = executors
        self._uploads = uploads
        self._session_of = session_of
        self.routes = [
            Route("/api/picture", self._upload, methods=["PUT"]),
            Route("/api/picture", self._change_back, methods=["POST"]),
            Route("/api/picture", self._change_to_start, methods=["DELETE"]),
            Route("/api/picture", self._show, methods=["GET"]),
            Route("/api/view", self._upload_view, methods=["PUT"]),
            Route("/api/view", self._add_view_back, methods=["POST"]),
            Route("/api/view", self._remove_view, methods=["DELETE"]),
            Route("/api/thumbnail", self._show_head),
        ]

    async def _upload(self, request: Request) -> Response:
        """Take a new reference picture for a live session."""
        pictures = self._session_of(request).pictures
        with self._uploads.place(request), pictures.upload():
            return await self._take(request, lambda picture, key: pictures.change(picture, picture.name, key))

    async def _change_back(self, request: Request) -> Response:
        """Use a picture that the session prepared before, without another upload."""
        pictures, name = self._session_of(request).pictures, upload_name(request, "The picture")
        pictures.change_back(name, _key(request, request.query_params.get("sha256", "")))
        return _preparing(name)

    async def _change_to_start(self, request: Request) -> Response:
        """Use the picture that the session began with."""
        pictures = self._session_of(request).pictures
        pictures.change_to_start()
        return _preparing(pictures.start_name)

    async def _show(self, request: Request) -> Response:
        """The picture of a session, turned upright, which not every browser can show itself; without one the picture
        that every session starts with. The page shows it until its avatar is live.
        """
        check_token(request, self._settings.token)
        named = "session" in request.query_params
        characters = self._session_of(request).pictures.avatar.characters if named else ()
        try:
            if characters:
                webp = await self._executors.decode(lambda: small_webp(characters[0].upright))
            else:
                webp = await self._executors.decode(partial(_file_as_webp, self._settings.ref[0]))
        except KagamiError as error:  # the file was removed after the start
            return error_response(error, 404)
        return Response(webp, media_type="image/webp")

    async def _upload_view(self, request: Request) -> Response:
        """Take a further view of a live session's character."""
        pictures = self._session_of(request).pictures
        with self._uploads.place(request), pictures.upload():
            pictures.check_room_for_view()
            return await self._take(request, pictures.add_view)

    async def _add_view_back(self, request: Request) -> Response:
        """Use the character with a view with which the session prepared it before, without another upload."""
        pictures = self._session_of(request).pictures
        pictures.add_view_back(_key(request, request.query_params.get("sha256", "")))
        return _preparing(pictures.name)

    async def _remove_view(self, request: Request) -> Response:
        """Take a view away from a live session's character."""
        pictures = self._session_of(request).pictures
        with self._uploads.place(request), pictures.upload():
            await self._uploads.wait(request)
            pictures.remove_view(_index(request))
        return _preparing(pictures.name)

    async def _show_head(self, request: Request) -> Response:
        """The head in a picture of a character: index 0 is the picture itself, 1 its first view. Of a session, or
        without one of what the server was started with.
        """
        check_token(request, self._settings.token)
        avatar = self._session_of(request).pictures.avatar if "session" in request.query_params else self._avatar
        characters, index = avatar.characters, _index(request) if "index" in request.query_params else 0
        if not 0 <= index < len(characters):
            return error_response(ProtocolError("This picture does not exist any more: reload the page."), 404)
        webp = await self._executors.decode(partial(thumbnail, characters[index]))
        return Response(webp, media_type="image/webp")

    async def _take(self, request: Request, use: Callable[[Picture, str], None]) -> Response:
        """Read and decode the picture in a request's body, and use it under the name that the request gives it, with
        the key of what it is prepared from.
        """
        name = upload_name(request, "The picture")
        data = await self._uploads.read(request)
        digest, picture = await self._executors.decode(
            lambda: (hashlib.sha256(data).hexdigest(), self._pictures.load(data, name))
        )
        use(picture, _key(request, digest))
        return _preparing(name)


def _preparing(name: str) -> Response:
    """The answer to a request after which a picture is prepared. name: of the picture."""
    return JSONResponse({"stage": "preparing", "name": name}, 202)


def _index(request: Request) -> int:
    """The picture that a request names, 0 the first; -1 for anything that is no number of one."""
    text = request.query_params.get("index", "")
    return int(text) if re.fullmatch("[0-9]", text) else -1


def _key(request: Request, digest: str) -> str:
    """What a picture is prepared from: the SHA-256 of its file, and whatever else the request says of it. Raises
    NotKeptError for a `digest` that is none.
    """
    if not _SHA256.fullmatch(digest):
        raise NotKeptError
    return picture_key(digest, [each for each in request.query_params.multi_items() if each[0] not in _NOT_IN_A_KEY])


@functools.lru_cache(MAX_PICTURES)
def _file_as_webp(path: Path) -> bytes:
    """`small_webp` of a file. Raises PictureError."""
    return small_webp(load_picture(path))

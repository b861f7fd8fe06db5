"""The control API over HTTP: one route for each call, under `/api/v1`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from streamer.errors import ProtocolError
from streamer.rigging.picture_process import PictureProcess
from streamer.server.control_api import Caller, ControlApi
from streamer.server.control_api_access import ControlAccess
from streamer.server.control_api_calls import MAX_CALL_BYTES, TakeSnapshot, parse_call, parse_object
from streamer.server.control_api_pictures import PictureChoices
from streamer.server.control_api_socket import ControlSockets
from streamer.server.conversation import Conversations
from streamer.server.executors import Executors
from streamer.server.rate_limits import RateLimiters
from streamer.server.request_body import read_body
from streamer.server.upload_name import upload_name
from streamer.server.uploads import Uploads
from streamer.settings import Settings

ROOT = "/api/v1"
HOLDER = "http"  # holds the faces of all requests, since a request has no end of its own


class Endpoint(NamedTuple):
    """A route and the call that it does. path: below ROOT."""

    method: str
    path: str
    do: str


ENDPOINTS = (
    Endpoint("GET", "", "describe"),
    Endpoint("GET", "/sessions", "sessions"),
    Endpoint("GET", "/state", "state"),
    Endpoint("GET", "/pictures", "pictures"),
    Endpoint("GET", "/picture", "picture"),
    Endpoint("POST", "/picture", "choose"),
    Endpoint("GET", "/acts", "acts"),
    Endpoint("POST", "/acts", "act"),
    Endpoint("DELETE", "/acts", "release"),
    Endpoint("GET", "/controls", "controls"),
    Endpoint("PATCH", "/controls", "control"),
    Endpoint("GET", "/mood", "mood"),
    Endpoint("PUT", "/mood", "set_mood"),
    Endpoint("GET", "/snapshot", "snapshot"),
    Endpoint("GET", "/statistics", "statistics"),
)
UPLOAD = ("PUT", "/picture")  # raw bytes, which no call carries
SOCKET = "/ws"


class ControlApiRoutes:
    """`/api/v1`. api: what the routes call, for every other transport. routes: of the web server."""

    def __init__(
        self,
        settings: Settings,
        executors: Executors,
        limiters: RateLimiters,
        conversations: Conversations,
        decoder: PictureProcess,
        uploads: Uploads,
    ) -> None:
        choices = PictureChoices(settings, decoder, executors, limiters)
        self.api = ControlApi(conversations.sessions, conversations.events, choices, executors, limiters)
        self._access = ControlAccess(settings, limiters)
        self._uploads = uploads
        self._sockets = ControlSockets(lambda _: self.api, self._access, limiters)
        self.routes: list[BaseRoute] = [
            *(Route(ROOT + each.path, self._handler(each.do), methods=[each.method]) for each in ENDPOINTS),
            Route(ROOT + UPLOAD[1], self._upload, methods=[UPLOAD[0]]),
            WebSocketRoute(ROOT + SOCKET, self._sockets.endpoint),
        ]

    async def close(self) -> None:
        """Close every WebSocket of a program."""
        await self._sockets.close()

    def _handler(self, do: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            caller = self._caller(request)
            fields = await _fields(request)
            handle = request.query_params.get("session")
            if do == "snapshot":
                wanted = parse_call(do, fields)
                assert isinstance(wanted, TakeSnapshot)
                data = await self.api.snapshot(self.api.session_of(handle), wanted.format, caller)
                return Response(data, media_type=f"image/{wanted.format}", headers={"Cache-Control": "no-store"})
            values = await self.api.call(do, fields, caller, handle)
            return JSONResponse(values, 202 if do == "choose" else 200, headers={"Cache-Control": "no-store"})

        return answer

    async def _upload(self, request: Request) -> Response:
        """Take a new picture; it is prepared after this answer."""
        self._caller(request)
        pictures = self.api.session_of(request.query_params.get("session")).pictures
        name = upload_name(request, "picture")
        with self._uploads.place(request), pictures.upload():
            data = await self._uploads.read(request)
            picture = await self.api.choices.upload(pictures, data, name)
        return JSONResponse({"picture": picture, "name": name, "stage": "preparing"}, 202)

    def _caller(self, request: Request) -> Caller:
        """Who sends a request, which is counted. Raises MissingTokenError, ForbiddenError, TooFastError."""
        address = self._access.check(request)
        self._access.count(address)
        return Caller(address, HOLDER)


async def _fields(request: Request) -> dict[str, Any]:
    """The fields of a call: of the body, or of the address for GET. Raises ProtocolError, ClientDisconnect."""
    if request.method == "GET":
        return {name: value for name, value in request.query_params.items() if name not in ("session", "token")}
    kib = MAX_CALL_BYTES // 1024
    too_large = ProtocolError(f"The message is larger than {kib} KiB: send a smaller one.")
    data = await read_body(request, MAX_CALL_BYTES, too_large)
    return parse_object(data) if data else {}

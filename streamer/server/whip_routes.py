"""WHIP (RFC 9725) and WHEP over HTTP: encoders publish a camera, players get the avatar (docs/whip.md)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streamer.engine.engine import Engine
from streamer.engine.engine_session import EngineSession
from streamer.errors import (
    EngineClosedError,
    KagamiError,
    MissingTokenError,
    NegotiationError,
    OverloadError,
    ProtocolError,
    ServerFullError,
    TooFastError,
)
from streamer.runtime.background_tasks import BackgroundTasks
from streamer.server.access import address_of, check_token, error_response, is_from_this_machine
from streamer.server.conversation import Conversations
from streamer.server.ice_servers import ice_servers
from streamer.server.message_faults import MAX_SDP_CHARACTERS
from streamer.server.rate_limits import RateLimiters
from streamer.server.request_body import read_body
from streamer.server.whip_playback import Playback
from streamer.server.whip_publication import Publication, encoder_secret
from streamer.server.whip_resource import Resource
from streamer.server.whip_sdp import read_fragment
from streamer.settings import Settings
from streamer.webrtc.offer import WrongMediaError

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
MAX_PLAYBACKS = 16  # each has an encoder of its own
RETRY_AFTER_S = 5
NEWEST = "newest"  # the name under which the newest session of all is played, and no camera is published
_NAME = re.compile("[a-z0-9-]{1,32}")
_EXPOSED = "ETag, Link, Location, Retry-After"
_STATUS_OF_ERROR: dict[type[Exception], int] = {
    ServerFullError: 503,
    OverloadError: 503,
    EngineClosedError: 503,
    TooFastError: 429,
    WrongMediaError: 406,
}


class WhipError(KagamiError):
    """A request does not follow RFC 9725, or cannot be served now. status: of the HTTP answer."""

    code = "whip"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class WhipRoutes:
    """`/whip` and `/whep`, and the resources that they make. Used on the event loop; `close` ends all.

    place: the name of this server among several. Each location ends with it after a dot, and so do the names of cameras
    that came without one, after a dash.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        conversations: Conversations,
        limiters: RateLimiters,
        place: str | None = None,
    ) -> None:
        self._place = place
        self._engine = engine
        self._settings = settings
        self._conversations = conversations
        self._limiters = limiters
        self._resources: dict[str, Resource] = {}
        self._published: dict[str, Publication] = {}  # by name
        self._tasks = BackgroundTasks()
        self._is_closed = False
        self.routes = [
            self._route("/whip", self._publish),
            self._route("/whip/{name}", self._publish),
            self._route("/whip/{name}/{id}", self._trickle, self._delete),
            self._route("/whep", self._play),
            self._route("/whep/{name}", self._play),
            self._route("/whep/{name}/{id}", self._trickle, self._delete),
        ]

    async def close(self) -> None:
        """End all publications and playbacks; none is begun any more."""
        self._is_closed = True
        ends = [resource.close() for resource in list(self._resources.values())]
        await asyncio.gather(*ends, *self._tasks, return_exceptions=True)

    async def wait_ended(self, location: str) -> None:
        """Return once the connection of a location has ended."""
        if (resource := self._resources.get(location.rpartition("/")[2])) is not None:
            await resource.ended.wait()

    async def let_go(self, location: str) -> None:
        """End the connection of a location, whose encoder may come back as after a lost one."""
        if (resource := self._resources.get(location.rpartition("/")[2])) is not None:
            await resource.let_go()

    async def release(self, name: str) -> None:
        """End the camera of a name and its session, which goes on at another server."""
        if (publication := self._published.get(name)) is not None:
            await publication.close()
        if (session := self._conversations.take(encoder_secret(name))) is not None:
            await session.close()

    def _route(self, path: str, handle: Handler, delete: Handler | None = None) -> Route:
        """A route of all methods, since others must not reach the files of the page. handle: POST of an endpoint, PATCH
        of a resource, which has `delete`, too.
        """
        handlers = {"POST": handle} if delete is None else {"PATCH": handle, "DELETE": delete}
        allowed = ", ".join([*handlers, "OPTIONS"])

        async def respond(request: Request) -> Response:
            if request.method == "OPTIONS":
                response = self._options(request, delete is None, allowed)
            else:
                try:
                    if request.method not in handlers:
                        raise WhipError(405, f"{request.method} is not for this address: use {allowed}.")
                    self._check_access(request)
                    response = await handlers[request.method](request)
                except ClientDisconnect:
                    return PlainTextResponse("", 400)
                except KagamiError as error:
                    response = _refusal(error, allowed)
            _allow_origin(request, response)
            return response

        return Route(path, respond, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

    def _check_access(self, request: Request) -> None:
        """Raises WhipError. Without a token in the settings only programs of this machine are served."""
        try:
            check_token(request, self._settings.token)
        except MissingTokenError:
            raise WhipError(
                401, "The token is missing or wrong: give the program the server's --token as its bearer token."
            ) from None
        if self._settings.token is None and not is_from_this_machine(request):
            raise WhipError(
                403, "Without --token WHIP and WHEP are for this machine only: start the server with --token."
            )

    def _options(self, request: Request, is_endpoint: bool, allowed: str) -> Response:
        """Needs no token, since browsers ask before they send it; tells ICE servers to those who have one."""
        response = Response(status_code=200 if is_endpoint else 204, headers={"Allow": allowed})
        response.headers["Access-Control-Allow-Methods"] = allowed
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match"
        if is_endpoint:
            response.headers["Accept-Post"] = SDP
            try:
                self._check_access(request)
            except WhipError:
                return response
            self._add_links(response)
        else:
            response.headers["Accept-Patch"] = FRAGMENT
        return response

    async def _publish(self, request: Request) -> Response:
        """Take an encoder's camera: it becomes a session, whose avatar `/whep` of the same name plays."""
        wanted = _name(request)
        if wanted == NEWEST:
            raise WhipError(400, f"A camera cannot have the name '{NEWEST}': choose another one.")
        offer = await _body(request, SDP)
        self._check_open()
        name = wanted or _free_name(self._published, "" if self._place is None else f"-{self._place}")
        publication = Publication(
            self._conversations, name, address_of(request), self._forget, self._tasks.spawn, wanted is not None,
            self._published.get(name),
        )  # fmt: skip
        self._published[name] = publication
        return await self._begin(publication, f"/whip/{name}/", offer)

    async def _play(self, request: Request) -> Response:
        """Give a player the avatar of the newest session, or of a camera that was published under a name."""
        name = _name(request) or NEWEST
        offer = await _body(request, SDP)
        self._check_open()
        watched = self._watched(name)
        if sum(isinstance(each, Playback) for each in self._resources.values()) >= MAX_PLAYBACKS:
            raise WhipError(503, f"{MAX_PLAYBACKS} players watch already: end one and try again.")
        playback = Playback(
            self._engine, self._settings, self._limiters, address_of(request), self._forget, self._tasks.spawn, watched
        )
        return await self._begin(playback, f"/whep/{name}/", offer)

    def _watched(self, name: str) -> EngineSession | None:
        """The session of a name, None for the newest. Raises WhipError where nobody is live."""
        if name == NEWEST:
            if self._engine.newest is None:
                raise WhipError(409, "Nobody is live: start a camera and try again.")
            return None
        publication = self._published.get(name)
        session = None if publication is None or publication.session is None else publication.session.engine_session
        if session is None:
            raise WhipError(409, f"No camera is live under this name: send one to /whip/{name} and try again.")
        return session

    async def _begin(self, resource: Resource, path: str, offer: str) -> Response:
        if self._place is not None:
            resource.id += f".{self._place}"
        self._resources[resource.id] = resource
        answer = await resource.answer(offer)
        response = Response(answer, 201, {"Location": path + resource.id, "ETag": resource.etag}, SDP)
        self._add_links(response)
        return response

    async def _trickle(self, request: Request) -> Response:
        """Take candidates of the client. ICE restarts are not supported: a client that wants one publishes again."""
        resource = self._resource_of(request)
        text = await _body(request, FRAGMENT)
        match = request.headers.get("if-match")
        if match is None:
            raise WhipError(428, "The request lacks If-Match: send the ETag of the answer.")
        if match.strip() != "*" and resource.etag not in [each.strip() for each in match.split(",")]:
            raise WhipError(412, "If-Match is not the ETag of this connection: send the one of its answer.")
        fragment = read_fragment(text)
        if resource.restarts(fragment):
            raise WhipError(422, "This server restarts no ICE session: end this connection and offer a new one.")
        await resource.add_candidates(fragment)
        return Response(status_code=204)

    async def _delete(self, request: Request) -> Response:
        await self._resource_of(request).close()
        return Response(status_code=200)

    def _resource_of(self, request: Request) -> Resource:
        """The resource of a request. Raises WhipError."""
        kind = Publication if request.url.path.startswith("/whip/") else Playback
        resource = self._resources.get(request.path_params["id"])
        if not isinstance(resource, kind):
            raise WhipError(404, "This connection does not exist any more: offer a new one.")
        return resource

    def _check_open(self) -> None:
        """Raises EngineClosedError."""
        if self._is_closed:
            raise EngineClosedError

    def _forget(self, resource: Resource) -> None:
        """Called by a resource that has ended."""
        self._resources.pop(resource.id, None)
        if isinstance(resource, Publication) and self._published.get(resource.name) is resource:
            del self._published[resource.name]

    def _add_links(self, response: Response) -> None:
        """Name the ICE servers of the settings (RFC 9725 §4.6)."""
        for server in ice_servers(self._settings):
            link = f'<{server.urls}>; rel="ice-server"'
            if server.username is not None and server.credential is not None:
                link += f"; username={_quoted(server.username)}; credential={_quoted(server.credential)}"
                link += '; credential-type="password"'
            response.headers.append("Link", link)


Handler = Callable[[Request], Awaitable[Response]]


def _refusal(error: KagamiError, allowed: str) -> Response:
    """The answer to a request that failed: the sentence, and what tells a program what to do."""
    is_rate = isinstance(error, NegotiationError) and isinstance(error.__cause__, TooFastError)
    status = 429 if is_rate else _STATUS_OF_ERROR.get(type(error), 400)
    if isinstance(error, WhipError):
        status = error.status
    response = error_response(error, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Kagami"'
    elif status == 405:
        response.headers["Allow"] = allowed
    elif status in (409, 429, 503):
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _allow_origin(request: Request, response: Response) -> None:
    """Let a page read the answer; `AccessMiddleware` has refused those of sites that are not allowed."""
    origin = request.headers.get("origin")
    if origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        response.headers["Vary"] = "Origin"


async def _body(request: Request, kind: str) -> str:
    """The text of a request's body, which must be of this type. Raises WhipError, ClientDisconnect."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise WhipError(415, f"The request must have the content type {kind}.")
    too_long = WhipError(413, f"The SDP is longer than {MAX_SDP_CHARACTERS} bytes: offer fewer codecs.")
    data = await read_body(request, MAX_SDP_CHARACTERS, too_long)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ProtocolError("The SDP is not text in UTF-8.") from None


def _name(request: Request) -> str | None:
    """The name in a request's path, None without. Raises WhipError."""
    name = request.path_params.get("name")
    if name is not None and not _NAME.fullmatch(name):
        raise WhipError(400, "The name in the address must have 1 to 32 small letters, digits or '-'.")
    return name


def _free_name(taken: dict[str, Publication], suffix: str) -> str:
    """A number that no camera has, from 1, with a suffix."""
    return next(name for number in range(1, len(taken) + 2) if (name := f"{number}{suffix}") not in taken)


def _quoted(text: str) -> str:
    """A quoted string of HTTP, whose characters outside of Latin-1 are sent as UTF-8."""
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped.encode().decode("latin-1")}"'

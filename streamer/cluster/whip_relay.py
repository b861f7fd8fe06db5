"""WHIP and WHEP on a cluster: encoders and players come to the ingress, and their connections are a replica's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection
from functools import partial
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streamer.cluster.control_relay import PlacedSession, newest
from streamer.cluster.errors import ReplicaGoneError, SlowReplicaError
from streamer.cluster.fleet_view import VIEW, Way
from streamer.cluster.http_relay import HttpRelay, Messages, WholeAnswer
from streamer.cluster.replicas import Location
from streamer.cluster.session_directory import Record, digest
from streamer.errors import KagamiError
from streamer.runtime.background_tasks import run_bounded
from streamer.server.access import is_from_this_machine, may_see_figures
from streamer.server.whip_publication import encoder_secret
from streamer.server.whip_routes import NEWEST
from streamer.settings import Settings

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
MAX_TRIES = 4  # replicas that are asked to take one encoder
LET_GO_AT_ONCE = 16  # connections of replicas that are taken away
_log = logging.getLogger(__name__)


class Replicas(Protocol):
    """See `ReplicaLinks`."""

    async def locate(self, secret: str) -> Location: ...
    async def carry(self, replica: str, secret: str) -> Record[bytes] | None: ...
    async def adopt(self, secret: str, record: Record[bytes], without: Collection[str]) -> str: ...
    async def release(self, replica: str, name: str) -> None: ...
    async def let_go(self, replica: str, location: str) -> None: ...
    async def recent_sessions(self) -> list[PlacedSession]: ...
    def has_room(self, without: Collection[str]) -> bool: ...
    def note(self, session: str, secret: str | None, replica: str) -> None: ...


class WhipRelay:
    """`/whip` and `/whep`. A replica's locations end with its name (`WhipRoutes`), so that any ingress finds it again.

    A camera that comes back under its name goes on where its session is; where that replica is gone or is being taken
    away, another one adopts the session first.
    """

    def __init__(self, replicas: Replicas, http: HttpRelay, settings: Settings) -> None:
        self._replicas = replicas
        self._http = http
        self._settings = settings
        self._held: dict[asyncio.Task[None], tuple[str, str]] = {}  # replica and location of what lives there
        self.routes = [
            Route(f"/{kind}{path}", self._answer, methods=METHODS)
            for kind in ("whip", "whep")
            for path in ("", "/{name}", "/{name}/{id}")
        ]

    async def let_go(self, overdue: Collection[str]) -> None:
        """End the connections of replicas that are taken away; encoders and players come back by themselves."""
        held = [partial(self._let_go, *each) for each in self._held.values() if each[0] in overdue]
        await run_bounded(held, LET_GO_AT_ONCE)

    async def _let_go(self, replica: str, location: str) -> None:
        with contextlib.suppress(KagamiError):
            await self._replicas.let_go(replica, location)

    def close(self) -> None:
        """Hold no replica any more."""
        for task in self._held:
            task.cancel()

    async def _answer(self, request: Request) -> Response:
        body = await self._http.read(request)
        is_new = request.method == "POST" and "id" not in request.path_params
        if not is_new or not self._may_come(request):  # the replica says why not
            return await self._http.answer(request, body, self._way_of_location(request))
        name = request.path_params.get("name")
        is_camera = request.url.path.startswith("/whip")
        if is_camera:
            answer = await self._take_camera(request, body, name)
        else:
            answer = await self._http.whole(request, body, await self._way_of_player(name))
        response = answer.response
        if response.status_code == 201:
            location = response.headers["location"]
            if is_camera:
                self._replicas.note(digest(encoder_secret(location.split("/")[2])), None, answer.replica)
            task = asyncio.get_running_loop().create_task(_hold(answer.messages))
            self._held[task] = answer.replica, location
            task.add_done_callback(lambda task: self._held.pop(task, None))
        return response

    async def _take_camera(self, request: Request, body: bytes, name: str | None) -> WholeAnswer:
        """The answer to an encoder. Where its session came along from another replica it ends there only now: until the
        new one has answered, it is the former one's. Raises ReplicaGoneError.
        """
        way, former = await self._way_of_camera(name)
        answer = await self._publish(request, body, way)
        if former is not None and name is not None and answer.response.status_code == 201:
            with contextlib.suppress(KagamiError):
                await self._replicas.release(former, name)
        return answer

    async def _publish(self, request: Request, body: bytes, way: str) -> WholeAnswer:
        """The answer to an encoder, of the next replica with room where one has none: encoders try again late or never.
        Raises ReplicaGoneError.
        """
        full: list[str] = []
        while True:
            answer = await self._http.whole(request, body, way)
            full.append(answer.replica)
            if answer.response.status_code != 503 or len(full) >= MAX_TRIES or not self._replicas.has_room(full):
                return answer
            way = Way.seat(*full)

    def _may_come(self, request: Request) -> bool:
        """As `WhipRoutes` has it: those who may see figures, and without a token programs of this machine alone."""
        return may_see_figures(request, self._settings.token) and (
            self._settings.token is not None or is_from_this_machine(request)
        )

    def _way_of_location(self, request: Request) -> str:
        replica = request.path_params.get("id", "").rpartition(".")[2]
        view = VIEW.get()
        return Way.to(replica) if replica in view.loads or replica in view.leaving else Way.ANY

    async def _way_of_camera(self, name: str | None) -> tuple[str, str | None]:
        """The way of a camera, and the replica from which its session has come along; None without."""
        if name is None:
            return Way.seat(), None
        secret = encoder_secret(name)
        (home, record, is_certain), leaving = await self._locate(secret), VIEW.get().leaving
        if record is None and is_certain and not self._holds(name):
            return Way.seat(), None  # one that has ended
        if home is not None and home not in leaving:
            return Way.to(home), None
        if home is not None:
            with contextlib.suppress(KagamiError):  # it has gone meanwhile
                record = await self._replicas.carry(home, secret) or record
        if record is None:
            return Way.seat(), None
        try:
            target = await self._replicas.adopt(secret, record, {record.replica, *leaving})
        except KagamiError as error:
            _log.info("an encoder's session did not come along: %s", error)
            return Way.seat(), None
        return Way.to(target), home

    def _holds(self, name: str) -> bool:
        """Whether the camera of a name is connected through this ingress."""
        return any(location.startswith(f"/whip/{name}/") for _, location in self._held.values())

    async def _way_of_player(self, name: str | None) -> str:
        if name is None or name == NEWEST:
            found = newest(await self._replicas.recent_sessions())
            return Way.ANY if found is None else Way.to(found.replica)
        home = (await self._locate(encoder_secret(name))).home
        return Way.ANY if home is None else Way.to(home)

    async def _locate(self, secret: str) -> Location:
        """Where a camera's session is; as if it were not known where the directory does not answer."""
        try:
            return await self._replicas.locate(secret)
        except (SlowReplicaError, ReplicaGoneError) as error:
            _log.warning("the directory of sessions does not answer: %s", error)
            return Location(None, None, is_certain=False)


async def _hold(messages: Messages) -> None:
    """Keep a replica until what a request began there has ended, see `EngineReplica.http`."""
    with contextlib.suppress(KagamiError):
        async for _ in messages:
            pass

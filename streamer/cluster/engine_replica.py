"""One replica of the engine: the server of `run_server.py` without a socket, reached through Ray Serve's handles."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import pickle
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ray import serve

from streamer.cluster.errors import NoReplicaError
from streamer.cluster.relayed_socket import Event, RelayedSocket
from streamer.cluster.routing import Load
from streamer.cluster.session_directory import UNKEPT, Record, digest
from streamer.errors import NotKeptError
from streamer.runtime.library_threads import use_one_thread
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.start_lines import StartLines
from streamer.settings import Settings

if TYPE_CHECKING:
    from streamer.generation.avatar import Avatar
    from streamer.rigging.backdrop import Backdrop
    from streamer.server.carried_session import CarriedSession
    from streamer.server.made_engine import MadeEngine
    from streamer.server.session import Session
    from streamer.server.session_controls import BackdropFile

TELL_PERIOD_S = 2.0  # between two reports of all sessions to the directory
READY, ANSWER = '{"type": "ready"', '{"type": "answer"'  # how these messages of the server begin
MAX_AVATARS = 8  # prepared pictures of sessions that came here, the one of the start apart
_log = logging.getLogger(__name__)

MakeEngine = Callable[[Settings, StartLines], "MadeEngine"]


class EngineReplica:
    """Made by Serve in a process of its own, which has the cores or the GPU that it was promised.

    settings: of the server. directory: handle of `Directory`. make: makes the engine, in place of `launch.make_engine`.
    """

    def __init__(self, settings: Settings, directory: Any, make: MakeEngine | None = None) -> None:
        use_one_thread()
        filter_native_logs()
        logging.basicConfig(level=settings.log_level.upper())
        from streamer.launch import make_engine, prepare_process  # noqa: PLC0415 - torch; other processes import this file
        from streamer.server.app import Server  # noqa: PLC0415

        self.name: str = serve.get_replica_context().replica_id.unique_id
        self._settings = settings
        self._directory = directory.options(_by_reference=True)  # references to pictures pass through Ray alone
        prepare_process()
        with StartLines(sys.stderr) as lines:
            made = (make or make_engine)(settings, lines)
        self._engine = made.engine
        self._server = Server(made, settings, place=self.name)
        self._sockets: dict[str, RelayedSocket] = {}
        self._avatars: OrderedDict[str, Avatar] = OrderedDict()
        self._telling: asyncio.Task[None] | None = None
        self._tell_now = asyncio.Event()

    async def converse(self, conversation: str, scope: dict[str, Any]) -> AsyncIterator[Event]:
        """The server's side of one page's WebSocket, until either side closes it. conversation: its name for `hear`."""
        self._begin_telling()
        socket = self._sockets[conversation] = RelayedSocket()
        task = asyncio.get_running_loop().create_task(self._server.app(scope, socket.incoming.get, socket.send))  # type: ignore[arg-type]
        task.add_done_callback(lambda _: socket.outgoing.put_nowait(None))
        silence = asyncio.get_running_loop().create_task(socket.end_silence())
        try:
            yield "open", self.name
            while (event := await socket.outgoing.get()) is not None:
                yield event
                if event[0] == "text" and event[1].startswith((READY, ANSWER)):
                    self._tell_now.set()  # it has come here, or is live and may come back at any ingress from now on
        finally:
            silence.cancel()
            socket.hear(None)
            del self._sockets[conversation]
            await asyncio.wait([task], timeout=1.0)

    async def hear(self, conversation: str, text: str | None) -> None:
        """A message of a page, see `RelayedSocket.hear`. Messages of one conversation come one after another."""
        if (socket := self._sockets.get(conversation)) is not None:
            socket.hear(text)

    async def http(self, scope: dict[str, Any], body: bytes) -> AsyncIterator[dict[str, Any]]:
        """The answer to a request, as ASGI messages, the first with the replica's name. body: all of it.

        Where the request began a connection of an encoder or a player, this ends with that, so that Serve does not end
        the replica before.
        """
        self._begin_telling()
        answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(4)
        parts: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return parts.pop() if parts else await asyncio.get_running_loop().create_future()

        async def answer() -> None:
            try:
                await self._server.app(scope, receive, answers.put)  # type: ignore[arg-type]
            finally:
                await answers.put(None)

        task = asyncio.get_running_loop().create_task(answer())
        location = None
        try:
            while (message := await answers.get()) is not None:
                if message.get("status") == 201:
                    location = dict(message["headers"]).get(b"location", b"").decode("latin-1")
                yield {**message, "replica": self.name} if "status" in message else message
            if location is not None and self._server.whip is not None:
                self._tell_now.set()  # an encoder may come back at any ingress from now on
                await self._server.whip.wait_ended(location)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def let_go(self, location: str) -> None:
        """See `WhipRoutes.let_go`."""
        await self._server.whip.let_go(location)

    async def release(self, name: str) -> None:
        """See `WhipRoutes.release`."""
        await self._server.whip.release(name)

    async def sessions(self) -> tuple[str, list[tuple[float, dict[str, Any]]]]:
        """The replica's name, and when each session's page or encoder came, with its state in the control API."""
        return self.name, self._server.control.api.dated_states()

    async def carry(self, secret: str) -> Record[bytes] | None:
        """What the session of a page needs elsewhere, as of now; None where there is no such session. Its picture is in
        the directory by then.
        """
        session = self._server.conversations.carried().get(secret)
        if session is None:
            return None
        await self._tell()
        return self._record(session)

    def _record(self, session: Session) -> Record[bytes]:
        """For the directory, which cannot read what the session needs, and so needs none of what it is made of."""
        from streamer.server.carried_session import carry  # noqa: PLC0415 - see `__init__`

        carried, file = carry(session), session.controls.backdrop_file
        name = picture_name(carried.key, session.pictures.avatar, self._settings)
        background = "" if file is None else file.name
        is_busy = bool(carried.film) or session.pictures.is_busy
        return Record(
            session.id, self.name, pickle.dumps(carried), name, background, is_busy, session.since, session.moves
        )

    async def adopt(self, secret: str, record: Record[bytes]) -> str:
        """Go on with a session of another replica, see `Conversations.adopt`. Returns this replica's name.

        Raises NotKeptError where its picture is not in the directory any more, and KagamiError where the engine has no
        place.
        """
        carried: CarriedSession = pickle.loads(record.carried)  # of another replica, which this one trusts
        avatar = await self._avatar(record.picture) if record.picture else None
        background = await self._background(record.background) if record.background else None
        await self._server.conversations.adopt(secret, carried, avatar, background)
        return self.name

    async def _avatar(self, picture: str) -> Avatar:
        """The avatar of a picture that was prepared here or elsewhere. Raises NotKeptError."""
        if picture not in self._avatars:
            (reference,) = await self._directory.picture.remote(picture)
            if reference is None:
                raise NotKeptError
            characters = pickle.loads(await reference)
            self._avatars[picture] = await asyncio.wrap_future(self._engine.pictures.rebuild(characters))
        self._avatars.move_to_end(picture)
        while len(self._avatars) > MAX_AVATARS:
            self._avatars.popitem(last=False)
        return self._avatars[picture]

    async def _background(self, name: str) -> tuple[Backdrop, BackdropFile] | None:
        """A page's own background, with its file; None where it is not in the directory: the page sends it again."""
        (reference,) = await self._directory.picture.remote(name)
        if reference is None:
            return None
        from streamer.server.session_controls import BackdropFile  # noqa: PLC0415 - see `__init__`

        file = BackdropFile(name, await reference)
        return await self._server.load_backdrop(file.data), file

    def _begin_telling(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._keep_telling())

    async def _keep_telling(self) -> None:
        while True:
            try:
                await self._tell()
            except Exception:  # the directory is being replaced; sessions go on without it
                _log.warning("the directory of sessions did not take a report", exc_info=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TELL_PERIOD_S):
                    await self._tell_now.wait()
            self._tell_now.clear()

    async def _tell(self) -> None:
        """Tell the directory of all sessions, and send it the prepared pictures and the backgrounds that it has not."""
        worn: dict[str, Avatar] = {}
        files: dict[str, bytes] = {}
        records = {}
        for secret, session in self._server.conversations.carried().items():
            if session.is_awaited:
                continue  # until its page comes it is the former replica's
            record = records[digest(secret)] = self._record(session)
            if (file := session.controls.backdrop_file) is not None:
                files[file.name] = file.data
            if record.picture not in ("", UNKEPT):
                worn[record.picture] = self._avatars[record.picture] = session.pictures.avatar
        for name in await self._directory.tell.remote(self.name, records):
            data = files.get(name) or await asyncio.to_thread(pickle.dumps, worn[name].characters)
            await self._directory.keep.remote(name, data)

    async def metrics(self) -> tuple[str, str]:
        """The replica's name, and its metrics for Prometheus."""
        return self.name, (await self._server.metrics_text()).decode()

    async def load(self) -> tuple[str, int, int]:
        """The replica's name, its sessions, and the most of them."""
        return self.name, self._engine.session_count, self._engine.max_sessions

    def record_routing_stats(self) -> dict[str, Any]:
        """Called by Serve once in a period, for `SessionRouter`."""
        live, capacity, admitted = self._engine.load()
        return asdict(Load(live, capacity, admitted))

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Called by Serve once in a period, for `wanted_by_load`."""
        live, capacity, _ = self._engine.load()
        return {"live": float(live), "capacity": float(capacity)}

    def check_health(self) -> None:
        """Called by Serve once in a period; where it raises, the replica is replaced. Raises NoReplicaError."""
        if not self._engine.is_running:
            raise NoReplicaError

    async def __del__(self) -> None:
        """Called by Serve when the replica ends in order."""
        if self._telling is not None:
            self._telling.cancel()
        await self._server.close()
        await asyncio.to_thread(self._engine.close)


def picture_name(key: tuple[str, ...], avatar: Avatar, settings: Settings) -> str:
    """The name of a prepared picture in the directory: a hash of its files and of all that it was prepared with. "" for
    what every session starts with, and UNKEPT for a picture of several people, which is prepared again.
    """
    from streamer.launch import framing_of  # noqa: PLC0415 - see `EngineReplica`
    from streamer.server.session_pictures import START  # noqa: PLC0415

    if set(key) == {START} and avatar.is_framed(framing_of(settings)) and avatar.person == settings.person:
        return ""
    if not avatar.characters or avatar.scene is not None:
        return UNKEPT
    framing = None if avatar.layout is None else avatar.layout.framing
    return hashlib.sha256(repr((key, framing, avatar.person, settings.size)).encode()).hexdigest()

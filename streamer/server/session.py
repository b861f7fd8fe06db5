"""The session of one page: its peer connection (one at a time), its engine session, its controls and its picture.

All of it runs on the event loop and only passes messages and mailboxes on; camera frames are decoded, tracked, drawn
and encoded in other threads and processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial

from msgspec import UNSET

from streamer.engine.engine_session import EngineSession
from streamer.errors import (
    ConnectionLostError,
    KagamiError,
    NegotiationError,
    SessionError,
    TooFastError,
)
from streamer.frames import AvatarFrame
from streamer.generation.avatar import Avatar
from streamer.runtime.background_tasks import BackgroundTasks
from streamer.server import messages, page_messages, server_messages
from streamer.server.ice_servers import page_ice_servers
from streamer.server.session_connection import SessionConnection
from streamer.server.session_controls import SessionControls
from streamer.server.session_film import SessionFilm
from streamer.server.session_pictures import SessionPictures
from streamer.server.session_services import SessionServices
from streamer.server.state_message import state_message
from streamer.server.stats_message import stats_message
from streamer.webrtc.offer import Role
from streamer.webrtc.peer import Peer

STATS_PERIOD_S = 1.0
STATE_PERIOD_S = 0.2
TRACKER_END_TIMEOUT_S = 5.0  # how long an offer waits for the tracker of somebody who has left
TRACKER_POLL_S = 0.05
_log = logging.getLogger(__name__)

Send = Callable[[server_messages.ServerMessage], Awaitable[None]]


class Session:
    """The session of one page, from `ready` until its WebSocket closes, or until another WebSocket goes on in it.

    send: sends one message to the page. on_end: called once if the session cannot go on; `failure` is set by then.
    address: of the page, for the limiters. role: of the page or encoder; a viewer gets the frames of the newest session
    and takes no engine session. id: its secret name; None: a new one.
    """

    def __init__(
        self,
        services: SessionServices,
        send: Send,
        on_end: Callable[[], object],
        address: str,
        role: Role = "call",
        id: str | None = None,
    ) -> None:
        self.id = id or secrets.token_urlsafe(16)
        self.role: Role = role
        self.is_viewer = role == "view"
        self.is_resumed = False  # whether it goes on where another page, or another server, left it
        self.since = time.time()  # when its page or encoder came, in seconds of the wall clock
        self.moves = 0  # from one server to another
        self.is_awaited = False  # it came from another server, and its page has not followed yet
        self.failure: KagamiError | None = None
        self.on_message: Callable[[server_messages.ServerMessage], object] = lambda _: None
        self.controls = SessionControls(services.settings, services.backdrop)
        self.controls.acts.on_programs_change = self._on_programs_change
        self.pictures = SessionPictures(
            services, self.id, self.send, lambda: self.controls.current.framing, self._check_room, self._wear
        )
        self.film = SessionFilm(services.films, self.send)
        self._engine = services.engine
        self._settings = services.settings
        self._executors = services.executors
        self._limiters = services.limiters
        self._send_to_page = send
        self._on_end = on_end
        self._address = address
        self._engine_session: EngineSession | None = None
        self._connection = SessionConnection(
            services.engine, services.settings, role, self.send, self._on_connected, self._on_connection_lost
        )
        self._tracker_task: asyncio.Task[None] | None = None
        self._report_task: asyncio.Task[None] | None = None
        self._tasks = BackgroundTasks()
        self._last_state: server_messages.State | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()

    @property
    def is_in_use(self) -> bool:
        """True once an offer of the page was answered, and while it has a film."""
        return self._connection.peer is not None or self._engine_session is not None or self.film.is_wanted

    @property
    def engine_session(self) -> EngineSession | None:
        return self._engine_session

    @property
    def is_live(self) -> bool:
        """True while it has a place in the engine."""
        return self._engine_session is not None

    @property
    def newest_frame(self) -> AvatarFrame | None:
        """The frame that was drawn last; None before the first one."""
        return None if self._engine_session is None else self._engine_session.newest_frame

    @property
    def state(self) -> server_messages.State | None:
        """What the page is told of its tracking; None while it is not live."""
        if self._engine_session is None:
            return None
        session = self._engine_session
        return state_message(session.state, session.characters, session.sound.speaks, session.is_recorded)

    async def statistics(self) -> server_messages.Stats | None:
        """What the page is told of its speed; None without a peer connection."""
        peer, viewer_meter = self._connection.peer, self._connection.viewer_meter
        if peer is None:
            return None
        work = partial(stats_message, self._engine, self._engine_session, viewer_meter, peer)
        return await self._executors.measure(work)

    def detach(self, on_end: Callable[[], object]) -> None:
        """The page is gone: send nothing any more, and idle until `attach` or `close`; call `disconnect` after it.

        on_end: called once if the session cannot go on meanwhile.
        """
        self._send_to_page, self._on_end = drop, on_end
        self.controls.acts.end_all()

    def attach(self, send: Send, on_end: Callable[[], object], address: str) -> None:
        """Go on with a page that came back; `begin` answers its `hello`. For the arguments see the class."""
        self._send_to_page, self._on_end, self._address = send, on_end, address
        self._last_state = None
        self.since = self.since if self.is_awaited else time.time()
        self._connection.expect_offer()
        self.is_resumed, self.is_awaited = True, False
        if self._engine_session is not None:  # with a place, also where another server answered its offers
            self._begin_reports()

    async def begin(self) -> None:
        """Answer the page's `hello` with `ready`."""
        avatar = self.pictures.avatar
        await self.send(
            server_messages.Ready(
                session=self.id,
                ice_servers=page_ice_servers(self._settings),
                video={"width": avatar.width, "height": avatar.height, "fps": self._settings.fps},
                picture=self.pictures.description,
                controls=self.controls.values,
                mood=self.controls.mood.values,
                resumed=self.is_resumed,
            )
        )
        if (film := self.film.news()) is not None:
            await self.send(film)
        if self.controls.acts.by_programs:
            await self._send_programs()

    async def send(self, message: server_messages.ServerMessage) -> None:
        """Send a message to the page, if there is one now, after `on_message` was called with it."""
        self.on_message(message)
        await self._send_to_page(message)

    async def handle(self, message: page_messages.PageMessage) -> None:
        """Handle one message. Raises KagamiError, after which the session goes on unless `failure` is set."""
        if isinstance(message, page_messages.Offer):
            await self._connect(message)
        elif isinstance(message, messages.Candidate):
            await self._connection.add_candidate(message)
        elif isinstance(message, page_messages.Control):
            self.controls.change(message)
            if self._engine_session is not None:
                self.pictures.show()
            if message.straighten is not UNSET and message.straighten:
                await self.send(await self.controls.straighten(self._executors))
        elif isinstance(message, page_messages.Act):
            self.controls.acts.change(message)
        elif isinstance(message, page_messages.MoodText):
            await self.send(await self.controls.mood.change(message, self._executors))
        elif isinstance(message, page_messages.Remember):
            await self.send(await self.controls.acts.remember(self._executors))
        elif isinstance(message, page_messages.Person):
            await self._limiters.uploads.wait(self._address)
            self.pictures.choose_person(message.person)

    async def close(self) -> None:
        """Close the peer connection, leave the engine and end the tasks; may be called again."""
        self._closed = True
        self.film.close()
        self.controls.close()
        if self._engine_session is not None:  # first, since a connection that still gathers takes seconds to close
            self._engine.leave(self._engine_session)
        own_tasks = (self._report_task, self._tracker_task, *self.pictures.close(), *self._tasks)
        tasks = [task for task in own_tasks if task is not None]
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):  # the engine session below must end all the same
                _log.error("a task of a session failed", exc_info=result)
        await self.disconnect()
        if self._engine_session is not None:
            await self._executors.join(self._engine_session.join)

    async def disconnect(self) -> None:
        """Close the peer connection, if there is one. The engine session stays, and the page may send another offer."""
        await self._connection.close()

    async def _connect(self, offer: page_messages.Offer) -> None:
        """Answer an offer with a new peer connection, which replaces the one before.

        The first offer takes an engine session, and gives it back if it cannot be answered. The tracker starts once
        the connection stands, so that offers alone start no process.
        """
        try:
            await self._limiters.offers.wait(self._address)
        except TooFastError as error:
            raise NegotiationError(str(error)) from error  # the page offers again after a while
        await self.disconnect()
        is_new = self._engine_session is None
        session = await self.enter_engine()
        try:
            answer = await self._connection.open(offer.sdp, session)
        except BaseException:
            if is_new:
                self._leave_engine()
            raise
        await self.send(server_messages.Answer(answer))
        self._begin_reports()

    async def enter_engine(self) -> EngineSession | None:
        """The engine session, admitted now if there is none yet; None for a viewer.

        Raises ServerFullError, OverloadError, EngineClosedError.
        """
        if self.is_viewer:
            return None
        if self._engine_session is None:
            deadline = time.monotonic() + TRACKER_END_TIMEOUT_S
            while self._engine.waits_for_trackers and time.monotonic() < deadline:
                await asyncio.sleep(TRACKER_POLL_S)
            self._engine_session = self._engine.admit(
                self.pictures.avatar, self.controls.current, self._on_engine_failure, since=self.since
            )
            self.controls.join(self._engine_session)
            self.pictures.show()
        return self._engine_session

    def _leave_engine(self) -> None:
        """Give an engine session back that has not started."""
        if self._engine_session is not None:
            self._engine.leave(self._engine_session)
            self._engine_session = None
            self.controls.join(None)

    async def _start_tracker(self, session: EngineSession) -> None:
        try:
            await self._limiters.trackers.wait(self._address)
        except TooFastError as error:
            self._fail(error)
        else:
            session.start()

    def _on_connected(self) -> None:
        if self._engine_session is not None and self._tracker_task is None:
            self._tracker_task = self._loop.create_task(self._start_tracker(self._engine_session))

    def _on_connection_lost(self, peer: Peer) -> None:
        if not self._closed:
            self._tasks.spawn(self._close_lost(peer))

    def _on_programs_change(self) -> None:
        if not self._closed:
            self._tasks.spawn(self._send_programs())

    async def _send_programs(self) -> None:
        """Tell the page which faces programs hold."""
        await self.send(server_messages.Acts(self.controls.acts.by_programs))

    async def _close_lost(self, peer: Peer) -> None:
        """Close a peer connection that failed. The session goes on, and the page may send another offer."""
        if peer is not self._connection.peer:
            return
        told = self._send_to_page
        await self.disconnect()
        if not self._connection.is_in_use and self._send_to_page == told:  # else another offer or page came meanwhile
            await self.send(server_messages.Error.of(ConnectionLostError()))

    def _check_room(self, avatar: Avatar) -> None:
        """Raises ServerFullError for an avatar with more characters than there is room for."""
        if self._engine_session is not None:
            self._engine.check_room(self._engine_session, avatar)

    async def _wear(self, avatar: Avatar) -> None:
        """Have this avatar drawn from now on. Returns once its first frame begins; at once where nothing is drawn."""
        if self._engine_session is not None:
            await asyncio.wrap_future(self._engine_session.wear(avatar))

    def _on_engine_failure(self, failure: KagamiError) -> None:
        """Called by the engine session, in the thread in which it failed."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._fail, failure)

    def _fail(self, failure: KagamiError) -> None:
        if self.failure is None and not self._closed:
            self.failure = failure
            self._on_end()

    def _begin_reports(self) -> None:
        if self._report_task is None:
            self._report_task = self._loop.create_task(self._send_reports())
            self._report_task.add_done_callback(self._on_reports_end)

    async def _send_reports(self) -> None:
        """Send the state whenever it changes and the statistics once in STATS_PERIOD_S, until the session closes."""
        stats_due = 0.0
        while not self._closed:
            await asyncio.sleep(STATE_PERIOD_S)
            now = time.monotonic()
            if (state := self.state) is not None:
                if (problem := self._connection.problem()) is not None:
                    self._fail(problem)
                if state != self._last_state:
                    self._last_state = state
                    await self.send(state)
            if self.is_viewer:
                await self._send_watched_size()
            if now >= stats_due and (statistics := await self.statistics()) is not None:
                stats_due = now + STATS_PERIOD_S
                await self.send(statistics)

    def _on_reports_end(self, task: asyncio.Task[None]) -> None:
        """Without reports the page would show an old state for ever: a session whose reports break off ends."""
        if not task.cancelled() and task.exception() is not None:
            self._fail(SessionError())

    async def _send_watched_size(self) -> None:
        """Send a viewer the size of the newest avatar if it changed: frames twice as high as that have alpha below."""
        newest = self._engine.newest
        if newest is not None and newest is not self.pictures.avatar:
            self.pictures.avatar = newest
            await self.send(server_messages.PictureStatus("ready", self.pictures.name, newest.width, newest.height))


async def drop(message: server_messages.ServerMessage) -> None:
    """Send nothing: there is no page."""

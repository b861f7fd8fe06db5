"""The WebSocket conversation with one page, from its `hello` to its `bye` (docs/protocol.md)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from starlette.websockets import WebSocket, WebSocketDisconnect

from streamer.errors import (
    EngineClosedError,
    ForbiddenError,
    KagamiError,
    OverloadError,
    ServerFullError,
    SessionError,
    SilentPageError,
    TakenOverError,
)
from streamer.generation.avatar import Avatar
from streamer.rigging.backdrop import Backdrop
from streamer.server import page_messages, server_messages
from streamer.server.access import address_of, check_token, is_from_this_machine
from streamer.server.carried_session import CarriedSession, restore
from streamer.server.kept_sessions import KEEP_S, MAX_KEPT, KeptSessions
from streamer.server.message_channel import MessageReceiver, MessageSender
from streamer.server.session import Send, Session, drop
from streamer.server.session_controls import BackdropFile
from streamer.server.session_events import SessionEvents
from streamer.server.session_services import SessionServices
from streamer.server.websocket_start import may_begin, serve_by
from streamer.webrtc.offer import Role

MAX_EXTRA_PAGES = 64  # open WebSockets beyond `max_sessions`: pages that have not started, viewers
MAX_SILENT_PER_ADDRESS = 32  # open WebSockets of one address whose page has not started
HELLO_TIMEOUT_S = 10.0
OFFER_TIMEOUT_S = 600.0  # from `hello` to the first offer; the page opens its WebSocket again when this closes it
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Conversation:
    """One open WebSocket.

    address: of the page. eviction: the error with which its place is given to another page. secret: under which its
    session is kept when the WebSocket closes without `bye`. released: set once the session is kept or closed.
    """

    socket: WebSocket
    sender: MessageSender
    address: str
    session: Session | None = None
    task: asyncio.Task[None] | None = None
    eviction: KagamiError | None = None
    secret: str | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_silent(self) -> bool:
        """True while no offer of this page was answered, and it has no film."""
        return self.eviction is None and (self.session is None or not self.session.is_in_use)

    def evict(self, error: KagamiError) -> None:
        self.eviction = error
        if self.task is not None:
            self.task.cancel()


class Conversations:
    """All open WebSockets: each is served in a task of its own.

    A newcomer takes the place of the oldest page that is silent, where places are short: pages that show an avatar are
    never closed for another, and no number of silent ones shuts anybody out.

    sessions: those with a page, by their secret id, the newest last. events: what happens in them. keep_s: how long a
    session is kept whose page went without `bye`.
    """

    def __init__(self, services: SessionServices, keep_s: float = KEEP_S) -> None:
        self.sessions: dict[str, Session] = {}
        self.events = SessionEvents()
        self.encoders: dict[str, Session] = {}  # those that `publish` a camera, by the secret under which they are kept
        most = max(MAX_KEPT, services.engine.max_sessions)  # all go at once where a proxy or an ingress is replaced
        self._kept: KeptSessions[Session] = KeptSessions(keep_s, most)
        self._services = services
        self._open: dict[Conversation, None] = {}  # in the order of their beginning
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    async def close(self) -> None:
        """Send `bye` to every page, close its WebSocket and wait until every session has ended."""
        self._closing = True
        tasks = [each.task for each in self._open if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._kept.close()

    async def websocket_endpoint(self, socket: WebSocket) -> None:
        """Accept a WebSocket and serve it until the page leaves, or close it with an error if it may not come in."""
        if not await may_begin(socket, self._services.limiters, lambda: not self._closing):
            return
        await socket.accept()
        address, sender = address_of(socket), MessageSender(socket)
        conversation = Conversation(socket, sender, address)
        try:
            check_token(socket, self._services.settings.token)
            self._make_room(address)
        except KagamiError as error:
            await sender.send(server_messages.Error.of(error, fatal=True))
            await sender.close()
            return
        conversation.task = task = asyncio.get_running_loop().create_task(self.serve_page(conversation))
        self._open[conversation] = None
        task.add_done_callback(lambda _: self._open.pop(conversation, None))
        await serve_by(task)

    def _make_room(self, address: str) -> None:
        """Evict the oldest silent page if the address, or the server, has no place left for one more.

        Raises ServerFullError if no page is silent.
        """
        max_sessions = self._services.engine.max_sessions
        silent = [each for each in self._open if each.is_silent]
        of_address = [each for each in silent if each.address == address]
        if len(of_address) >= MAX_SILENT_PER_ADDRESS:
            of_address[0].evict(SilentPageError())
        elif sum(each.eviction is None for each in self._open) >= MAX_EXTRA_PAGES + max_sessions:
            if not silent:
                raise ServerFullError(max_sessions)
            silent[0].evict(SilentPageError())

    async def serve_page(self, conversation: Conversation) -> None:
        """Handle one page's messages until it leaves, `close` is called, or its session fails.

        An exception ends this conversation alone. Cancels its own task when the session cannot go on.
        """
        session: Session | None = None
        may_come_back = False
        sender = conversation.sender
        receiver = MessageReceiver(conversation.socket, sender)
        silence = asyncio.get_running_loop().call_later(OFFER_TIMEOUT_S, self._end_silence, conversation)
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                hello = await receiver.await_hello()
            session = await self._begin(conversation, hello)
            await session.begin()
            while not isinstance(message := await receiver.next_message(), page_messages.Bye):
                try:
                    await self.handle(session, message)
                except KagamiError as error:
                    await receiver.answer_error(error)
        except (WebSocketDisconnect, TimeoutError):
            may_come_back = True  # the page closed its WebSocket, or never sent `hello`
        except KagamiError as error:
            await sender.send(server_messages.Error.of(error, fatal=True))
        except asyncio.CancelledError:
            may_come_back = isinstance(conversation.eviction, TakenOverError)
            await self._say_why(conversation)
        except Exception:  # the session's boundary: no other session may end with this one
            _log.exception("a conversation broke")
            await sender.send(server_messages.Error.of(SessionError(), fatal=True))
        finally:
            silence.cancel()
            try:
                if session is not None:
                    await self._end(conversation, session, may_come_back)
            finally:
                conversation.released.set()
            await sender.close()

    async def _begin(self, conversation: Conversation, hello: page_messages.Hello) -> Session:
        """The session of a page that said `hello`: new, or the one to which it comes back. Raises ForbiddenError."""
        if hello.watch and not is_from_this_machine(conversation.socket):
            raise ForbiddenError("The output view opens only on the server's own machine: open the page without it.")
        session, task, send = None, conversation.task, conversation.sender.send
        assert task is not None
        if isinstance(hello.resume, str) and not hello.watch:
            session = await self._take_kept(hello.resume)
            conversation.secret = hello.resume
        if session is not None:
            session.attach(send, task.cancel, conversation.address)
        else:
            session = self.make_session(send, task.cancel, conversation.address, "view" if hello.watch else "call")
        conversation.session = session
        self.sessions[session.id] = session
        self.events.publish(session, None)
        return session

    def make_session(
        self, send: Send, on_end: Callable[[], object], address: str, role: Role = "call", id: str | None = None
    ) -> Session:
        """A new session with the server's picture and background; `sessions` does not have it yet. For the arguments
        see `Session`.
        """
        session = Session(self._services, send, on_end, address, role, id)
        session.on_message = partial(self.events.publish, session)
        return session

    def carried(self) -> dict[str, Session]:
        """Each session that `carry` may take to another server, by the secret of its page or encoder, also while that
        is gone for a moment.
        """
        shown = {
            each.secret: each.session for each in self._open if each.secret is not None and each.session is not None
        }
        return {**self._kept.sessions, **shown, **self.encoders}

    async def adopt(
        self,
        secret: str,
        carried: CarriedSession,
        avatar: Avatar | None,
        background: tuple[Backdrop, BackdropFile] | None = None,
    ) -> None:
        """Go on with a session of another server: if it was live it has a place in the engine from now on, and it is
        kept for the next `hello` with this secret. For the arguments see `restore`.

        Raises ServerFullError, OverloadError, EngineClosedError.
        """
        session = self.make_session(drop, lambda: None, "", carried.role, carried.session)
        try:
            await restore(session, carried, avatar, background)
        except BaseException:
            await session.close()
            raise
        self.keep(secret, session)

    def keep(self, secret: str, session: Session) -> None:
        """Keep a session whose page or encoder is gone for its return, and its place until somebody needs it."""
        session.detach(lambda: self._kept.drop(secret))
        self._kept.keep(secret, session)

    def take(self, secret: str) -> Session | None:
        """The session that is kept under this secret, which is kept no longer; None without."""
        return self._kept.take(secret)

    async def _say_why(self, conversation: Conversation) -> None:
        """Send the page the reason why its conversation was cancelled."""
        send, session = conversation.sender.send, conversation.session
        if self._closing:
            await send(server_messages.Goodbye(str(EngineClosedError())))
        elif session is not None and session.failure is not None:
            await send(server_messages.Error.of(session.failure, fatal=True))
        elif conversation.eviction is not None:
            await send(server_messages.Error.of(conversation.eviction, fatal=True))

    async def _end(self, conversation: Conversation, session: Session, may_come_back: bool) -> None:
        """Keep the session of a page that is gone for its return, or close it."""
        self.sessions.pop(session.id, None)
        self.events.publish(session, None)
        secret, conversation.secret = conversation.secret, None  # nobody takes over what ends already
        if secret is None or not may_come_back or self._closing or not session.is_in_use:
            await session.close()
            return
        self.keep(secret, session)
        conversation.released.set()  # before the connection is closed, which may take seconds
        await session.disconnect()

    async def handle(self, session: Session, message: page_messages.PageMessage) -> None:
        """Handle one message; where the engine has no place left, kept sessions give theirs."""
        while True:
            try:
                await session.handle(message)
            except (ServerFullError, OverloadError):
                if not await self._kept.close_oldest():
                    raise
            else:
                if isinstance(message, page_messages.Control | page_messages.Act):
                    self.events.publish(session, message)
                return

    async def _take_kept(self, secret: str) -> Session | None:
        """The session that is kept under this secret, also if its former page has gone unnoticed."""
        for other in self._open:
            if other.secret == secret:
                other.evict(TakenOverError())
                await other.released.wait()
                break
        return self._kept.take(secret)

    def _end_silence(self, conversation: Conversation) -> None:
        if conversation.is_silent and conversation.task is not None:
            conversation.task.cancel()

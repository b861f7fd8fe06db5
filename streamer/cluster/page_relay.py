"""The way of one page's messages through the ingress, to whichever replica its session is on at the time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamer.cluster.errors import NoReplicaError, RelayedError, ReplicaGoneError, SlowReplicaError
from streamer.cluster.relayed_socket import PING_PERIOD_S
from streamer.cluster.replicas import Link, Location, Replicas
from streamer.cluster.session_directory import Record
from streamer.errors import KagamiError, OverloadError, ServerFullError
from streamer.runtime.background_tasks import BackgroundTasks
from streamer.server import page_messages, server_messages
from streamer.server.conversation import HELLO_TIMEOUT_S
from streamer.server.message_channel import MessageSender

RECOVER_S = 40.0  # how long a session whose replica died waits for another one, before its page is told to come back
DIRECTORY_S = 20.0  # of these, how long it waits for a directory that does not answer
RETRY_S = 0.25
OLD_MEDIA_S = 5.0  # for which a replica goes on drawing for a session that moved, until the new one answers an offer
READY_TIMEOUT_S = 20.0  # for a replica to say `ready`
MAX_UNREAD = 64  # messages of a page that wait while its session is on its way; more stay with its WebSocket
BYE = '{"type": "bye"}'
_log = logging.getLogger(__name__)


class PageRelay:
    """Relays one WebSocket until the page leaves or its session ends. `move` takes its session to another replica.

    on_session: called with the session's name, its page's secret and the replica whenever it begins somewhere.
    """

    def __init__(
        self,
        replicas: Replicas,
        socket: WebSocket,
        scope: dict[str, Any],
        on_session: Callable[[str, str | None, str], None],
    ) -> None:
        self._replicas = replicas
        self._socket = socket
        self._sender = MessageSender(socket)
        self._scope = scope
        self._on_session = on_session
        self._hello = ""
        self._secret: str | None = None
        self._link: Link | None = None
        self._record: Record[bytes] | None = None  # with which the session was last taken elsewhere
        self._switching = asyncio.Lock()
        self._offer: str | None = None  # the page's last one; None once a candidate of an older one would be wrong
        self._said: asyncio.Queue[str | None] = asyncio.Queue(MAX_UNREAD)  # by the page; None: it has gone
        self._tasks = BackgroundTasks()
        self._leaving = BackgroundTasks()  # from conversations that have ended; they end before this does
        self._answered = asyncio.Event()
        self.session = ""  # its name, once it has begun
        self.moves = 0

    @property
    def replica(self) -> str | None:
        """Where its session is."""
        return None if self._link is None else self._link.replica

    async def settled(self) -> str | None:
        """Where its session is, once it is on its way from one replica to another no longer."""
        async with self._switching:
            return self.replica

    async def run(self) -> None:
        """Relay until either side has closed."""
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                self._hello = await self._socket.receive_text()
            self._secret = _secret_of(self._hello)
            self._tasks.spawn(self._read())
            async with self._switching:
                await self._recover(None)
            self._tasks.spawn(self._keep_alive())
            await self._relay()
        except (WebSocketDisconnect, TimeoutError):
            pass
        except KagamiError as error:
            await self._sender.send(server_messages.Error.of(error, fatal=True))
        finally:
            await self._close()

    async def move(self, without: Collection[str] = (), spares: bool = True) -> bool:
        """Take the session to another replica: it is prepared there first, then the page is told to offer anew, and the
        former replica draws until the new one has answered. False where no other has room, or there is no session:
        until the new replica has said `ready`, the session is the former one's, with all that it has.

        spares: a session with something that cannot come along stays: a film that is being made, a picture that is
        being prepared. False as well.
        """
        async with self._switching:
            link = self._link
            if link is None or self._secret is None:
                return False
            try:
                record = await self._replicas.carry(link.replica, self._secret)
                if record is None or (record.is_busy and spares):
                    return False
                target = await self._replicas.adopt(self._secret, record, {link.replica, *without})
                await self._connect(target, is_copy=True)
            except (KagamiError, WebSocketDisconnect) as error:
                _log.info("a session did not move: %s", error)
                return False
            self._record = record
            self.moves += 1
            self._leaving.spawn(self._end_after_answer(link, self._answered))
            return True

    async def _connect(self, replica: str | None, without: Collection[str] = (), is_copy: bool = False) -> None:
        """Begin a conversation with a replica, with the page's own `hello`, in place of the present one as soon as the
        replica says `ready`. is_copy: the replica has the session for this alone, and is to end it where it fails.

        Raises ReplicaGoneError, SlowReplicaError, and RelayedError where it refuses the page, after which the present
        conversation goes on. Raises WebSocketDisconnect where the page has gone: it may have come back by another
        WebSocket, whose place this `hello` would take.
        """
        link = await self._replicas.open(self._scope, replica, without)
        events = link.events()
        try:
            if self._socket.client_state is not WebSocketState.CONNECTED:
                raise WebSocketDisconnect(1001)
            await link.send(self._hello)
            async with asyncio.timeout(READY_TIMEOUT_S):
                texts = await _until_ready(events)
        except (KagamiError, TimeoutError, WebSocketDisconnect) as error:
            self._leaving.spawn(_leave(link, BYE if is_copy else None))
            if isinstance(error, TimeoutError):
                raise SlowReplicaError(READY_TIMEOUT_S) from None
            raise
        self.session = json.loads(texts[0])["session"]
        if self._answered.is_set():  # else former replicas wait for the answer of this one
            self._answered = asyncio.Event()
        self._offer, self._link = None, link
        self._on_session(self.session, self._secret, link.replica)
        self._tasks.spawn(self._listen(link, events, texts))

    async def _relay(self) -> None:
        """Pass on what the page says, one message after another."""
        while (text := await self._said.get()) is not None:
            kind = _kind_of(text)
            if kind == "candidate" and self._offer is None:
                continue  # it belongs to a connection with the former replica
            if kind == "offer":
                self._offer = text
            former = self._link
            async with self._switching:
                if self._link is None:
                    return  # no replica was left, and the WebSocket is closed
                if self._link is not former and kind in ("offer", "candidate"):
                    continue  # meant for the former replica: the page offers anew
                try:
                    await self._link.send(text)
                except ReplicaGoneError:
                    await self._recover(self._link.replica)

    async def _keep_alive(self) -> None:
        """Give the replica signs of life, also while a move holds back what the page says."""
        while True:
            await asyncio.sleep(PING_PERIOD_S)
            if (link := self._link) is None:
                continue
            try:
                await link.send("")
            except ReplicaGoneError:
                await self._go_on_without(link)

    async def _go_on_without(self, dead: Link) -> None:
        """`_recover`, unless the session is on another replica already."""
        async with self._switching:
            if dead is self._link:
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await self._recover(dead.replica)

    async def _read(self) -> None:
        """Read what the page says, also while its session waits for a replica: else nobody learns that it has gone."""
        while (received := await self._socket.receive())["type"] != "websocket.disconnect":
            text = received.get("text")
            await self._said.put(
                text if text is not None else (received.get("bytes") or b"").decode("utf-8", "replace")
            )
        await self._said.put(None)

    async def _listen(self, link: Link, events: AsyncIterator[tuple[str, Any]], texts: Sequence[str]) -> None:
        """Pass on what the replica has said and says, until it closes the conversation or dies."""
        try:
            for text in texts:
                await self._socket.send_text(text)
            async for kind, value in events:
                if link is not self._link:
                    continue  # the session has moved, and this conversation ends in a moment
                if kind == "close":
                    break
                if self._keep_from_page(value, link):
                    continue
                await self._socket.send_text(value)
            if link is self._link:
                await self._sender.close()
        except ReplicaGoneError:
            await self._go_on_without(link)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the page has gone; `_relay` learns it, too
        except KagamiError:
            _log.warning("a session could not go on elsewhere; its page comes back by itself", exc_info=True)
            await self._sender.close()

    def _keep_from_page(self, text: str, link: Link) -> bool:
        """Look at a message of a replica; True where the page is not to see it, since another replica takes over."""
        kind = _kind_of(text)
        if kind == "answer":
            self._answered.set()
        elif kind == "error" and self._offer is not None and _refuses_offer(text):
            moves = self._secret is not None and self._replicas.has_room({link.replica})
            if moves:
                self._tasks.spawn(self._move_or_say(text))
            return moves
        return False

    async def _move_or_say(self, refusal: str) -> None:
        """Have another replica answer the page's offer, or show the page that this one has refused it."""
        if not await self.move():
            with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
                await self._socket.send_text(refusal)

    async def _recover(self, dead: str | None) -> None:
        """Go on with the session where it is, or on another replica than the dead one, or begin a new one there. Closes
        the WebSocket where none comes within RECOVER_S, since the page comes back by itself. dead: None where none is
        known to be. Raises RelayedError where a page that has just come is refused.
        """
        is_new, lost, self._link = self._link is None, self._link, None
        if lost is not None:
            self._leaving.spawn(_leave(lost, None))  # it may have been silent only
        begun = time.monotonic()
        failure: KagamiError = NoReplicaError()
        while time.monotonic() < begun + RECOVER_S and self._socket.client_state is WebSocketState.CONNECTED:
            home = None
            try:
                home, self._record, _ = await self._locate(time.monotonic() < begun + DIRECTORY_S)
                if home is not None and home != dead:
                    await self._connect(home)
                    return
                without = () if dead is None else (dead,)
                target = await self._adopted(self._record, without)
                await self._connect(target, without, is_copy=target is not None)
                return
            except (ReplicaGoneError, SlowReplicaError, ServerFullError, OverloadError, RelayedError) as error:
                if is_new and isinstance(error, RelayedError):
                    raise
                if str(error) != str(failure):
                    _log.warning("a session waits for a replica: %s", error)
                failure, dead = error, home or dead
            await asyncio.sleep(RETRY_S)  # in which a replica starts in place of the dead one
        reason = failure if isinstance(failure, SlowReplicaError | RelayedError) else NoReplicaError()
        await self._sender.send(server_messages.Error.of(reason, fatal=True))
        await self._sender.close()

    async def _locate(self, waits: bool) -> Location:
        """Where the session is; what it moved with before stands in for a record that is not there. waits: for the
        directory. Raises SlowReplicaError, ReplicaGoneError.
        """
        found = Location(None, None)
        if self._secret is not None:
            try:
                found = await self._replicas.locate(self._secret)
            except (SlowReplicaError, ReplicaGoneError):
                if waits:
                    raise
        return Location(found.home, found.record or self._record)

    async def _adopted(self, record: Record[bytes] | None, without: Collection[str]) -> str | None:
        """The replica that goes on with the session; None where nothing is known of it, or it cannot go on. Raises
        ReplicaGoneError, SlowReplicaError, ServerFullError, OverloadError.
        """
        if record is None or self._secret is None:
            return None
        try:
            return await self._replicas.adopt(self._secret, record, without)
        except (ReplicaGoneError, SlowReplicaError, ServerFullError, OverloadError):
            raise
        except KagamiError as error:
            _log.info("a session begins anew: %s", error)
            return None

    async def _end_after_answer(self, link: Link, answered: asyncio.Event) -> None:
        """End a conversation that another one has replaced, once the page has its new connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OLD_MEDIA_S):
                await answered.wait()
        await _leave(link, BYE)

    async def _close(self) -> None:
        self._tasks.cancel()
        self._answered.set()  # no answer comes any more
        if self._link is not None:
            self._leaving.spawn(_leave(self._link, None))
        await self._sender.close()
        await asyncio.gather(*self._leaving)


def new_conversation() -> str:
    """A name for a conversation, which nobody guesses."""
    return secrets.token_urlsafe(12)


async def _until_ready(events: AsyncIterator[tuple[str, Any]]) -> list[str]:
    """`ready`, and after it what a replica said before. Raises RelayedError where it refuses the page or its `hello`
    instead, and ReplicaGoneError where it ends the conversation without a word.
    """
    before: list[str] = []
    async for kind, value in events:
        if kind == "close":
            break
        if _kind_of(value) == "ready":
            return [value, *before]
        if _kind_of(value) == "error":
            error = json.loads(value)
            raise RelayedError(error["code"], error["message"])
        before.append(value)
    raise ReplicaGoneError("The engine has closed this connection: it is opened again by itself.")


async def _leave(link: Link, word: str | None) -> None:
    """End a conversation: by `BYE` with the session that is there, by None as a page that may come back."""
    with contextlib.suppress(KagamiError):
        await link.send(word)


def _refuses_offer(text: str) -> bool:
    """Whether an error is for an offer that finds no place. A fatal one ends the conversation, and its page sees it."""
    error = json.loads(text)
    return error["code"] == "full" and not error["fatal"]


def _kind_of(text: str) -> str:
    """The type of a message; "" of one that is none."""
    with contextlib.suppress(ValueError, RecursionError):
        fields = json.loads(text)
        if isinstance(fields, dict):
            return str(fields.get("type", ""))
    return ""


def _secret_of(hello: str) -> str | None:
    """The secret with which a page may come back, from its first message; None without a usable one."""
    with contextlib.suppress(KagamiError):
        message = page_messages.parse_message(hello)
        if isinstance(message, page_messages.Hello) and isinstance(message.resume, str) and not message.watch:
            return message.resume
    return None

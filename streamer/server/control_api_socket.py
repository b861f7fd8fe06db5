"""The control API over a WebSocket: calls with an id for their answers, and events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamer.errors import KagamiError, ProtocolError, SessionError, TooFastError
from streamer.runtime.background_tasks import BackgroundTasks
from streamer.server.control_api import Caller, Values
from streamer.server.control_api_access import ControlAccess
from streamer.server.control_api_calls import EventName, Subscribe, parse_call, parse_object
from streamer.server.rate_limits import RateLimiters
from streamer.server.websocket_start import may_begin, serve_by

MAX_SOCKETS = 16
MAX_PENDING = 16  # calls of one WebSocket that are being done
MAX_QUEUED = 64  # answers and events that wait for a slow reader, which is dropped beyond that
MAX_ERRORS = 50  # wrong messages of one WebSocket, after which it is closed
MAX_ID_CHARACTERS = 64
SEND_TIMEOUT_S = 10.0
POLICY_VIOLATION = 1008  # WebSocket close code
_log = logging.getLogger(__name__)


class TooSlowError(KagamiError):
    """A program does not read what it is sent."""

    code = "too-slow"


class ApiEvent(Protocol):
    """See `control_api.Event`."""

    @property
    def name(self) -> EventName: ...
    @property
    def handle(self) -> str: ...
    @property
    def values(self) -> Values: ...


class Api(Protocol):
    """What one WebSocket calls: `ControlApi`, or what reaches several servers in its place."""

    @property
    def newest_handle(self) -> str | None: ...
    async def call(self, do: str, fields: Mapping[str, Any], caller: Caller, session: str | None = None) -> Values: ...
    async def watch(self, events: frozenset[EventName], handle: str | None) -> None: ...
    def listen(self, listener: Callable[[ApiEvent], None]) -> Callable[[], None]: ...
    def release_holder(self, holder: Hashable) -> None: ...


class ControlSockets:
    """All WebSockets of programs. What one of them holds ends with it, since nobody else could end it.

    make_api: makes what a WebSocket calls.
    """

    def __init__(self, make_api: Callable[[WebSocket], Api], access: ControlAccess, limiters: RateLimiters) -> None:
        self._make_api = make_api
        self._access = access
        self._limiters = limiters
        self._open = BackgroundTasks()
        self._closing = False

    async def close(self) -> None:
        """Close all; may be called again."""
        self._closing = True
        self._open.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def endpoint(self, socket: WebSocket) -> None:
        """Serve a WebSocket until it closes."""
        if await may_begin(socket, self._limiters, lambda: not self._closing and len(self._open) < MAX_SOCKETS):
            connection = ControlSocket(socket, self._make_api(socket), self._access)
            await serve_by(self._open.spawn(connection.serve()))


class ControlSocket:
    """One WebSocket of a program."""

    def __init__(self, socket: WebSocket, api: Api, access: ControlAccess) -> None:
        self._socket = socket
        self._api = api
        self._access = access
        self._queue: asyncio.Queue[str] = asyncio.Queue(MAX_QUEUED)
        self._pending = BackgroundTasks()
        self._errors = 0
        self._events: frozenset[EventName] = frozenset()
        self._session: str | None = None  # of the events; None: of whichever is the newest
        self._failure: KagamiError | None = None
        self._task: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer calls and send events until the WebSocket closes, or this task is cancelled."""
        self._task = asyncio.current_task()
        await self._socket.accept()
        try:
            caller = Caller(self._access.check(self._socket), self)
        except KagamiError as error:
            await self._end(error)
            return
        sending = asyncio.get_running_loop().create_task(self._send_queued())
        unlisten = self._api.listen(self._on_event)
        try:
            while True:
                await self._receive(caller)
        except WebSocketDisconnect:
            pass
        except asyncio.CancelledError:
            if self._failure is None:
                raise
        except Exception:  # this WebSocket's boundary: nothing else may end with it
            _log.exception("a WebSocket of the control API broke")
            self._failure = SessionError("Something broke in this connection and it was closed: open it again.")
        finally:
            unlisten()
            self._api.release_holder(self)
            tasks = [sending, *self._pending]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end(self._failure)

    async def _receive(self, caller: Caller) -> None:
        """Take one message and do what it says. Raises WebSocketDisconnect."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1000))
        number: Any = None
        try:
            self._access.count(caller.address)
            text = received.get("text")
            if text is None:
                raise ProtocolError("The message is binary: send JSON text.")
            fields = parse_object(text)
            number = _take_id(fields)
            do, session = _take_text(fields, "do"), _take_text(fields, "session")
            if do is None:
                raise ProtocolError("The message lacks its field 'do': see docs/control-api.md.")
            if do == "subscribe":
                await self._subscribe(number, fields, session)
                return
            if len(self._pending) >= MAX_PENDING:
                raise TooFastError(f"More than {MAX_PENDING} calls wait for their answers: wait for some of them.")
        except KagamiError as error:
            self._refuse(number, error)
            return
        self._pending.spawn(self._do(number, do, fields, caller, session))

    async def _do(self, number: Any, do: str, fields: dict[str, Any], caller: Caller, session: str | None) -> None:
        try:
            self._put({"id": number, "ok": await self._api.call(do, fields, caller, session)})
        except KagamiError as error:
            self._refuse(number, error)
        except Exception:
            _log.exception("a call of the control API broke")
            self._refuse(number, SessionError("Something broke in this call: try it again."))

    async def _subscribe(self, number: Any, fields: dict[str, Any], session: str | None) -> None:
        request = parse_call("subscribe", fields, Subscribe)
        assert isinstance(request, Subscribe)
        await self._api.watch(frozenset(request.events), session)
        self._events, self._session = frozenset(request.events), session
        self._put({"id": number, "ok": {"events": sorted(self._events)}})

    def _on_event(self, event: ApiEvent) -> None:
        if event.name in self._events and (event.name == "sessions" or self._is_wanted(event)):
            self._put({"event": event.name, "session": event.handle, **event.values})

    def _is_wanted(self, event: ApiEvent) -> bool:
        return event.handle == (self._session or self._api.newest_handle)

    def _refuse(self, number: Any, error: KagamiError) -> None:
        self._put({"id": number, "error": {"code": error.code, "message": str(error)}})
        self._errors += 1
        if self._errors >= MAX_ERRORS:
            self._stop(ProtocolError("Too many wrong messages came and the connection was closed: open it again."))

    def _put(self, message: dict[str, Any]) -> None:
        """Send this after what waits already; a reader for whom too much waits is dropped."""
        try:
            self._queue.put_nowait(json.dumps(message))
        except asyncio.QueueFull:
            self._stop(TooSlowError("What is sent was not read in time and the connection was closed: open it again."))

    def _stop(self, failure: KagamiError) -> None:
        if self._failure is None and self._task is not None:
            self._failure = failure
            self._task.cancel()

    async def _send_queued(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                text = await self._queue.get()
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self._socket.send_text(text)
                except OSError:  # TimeoutError is one
                    self._stop(TooSlowError("What is sent was not read in time: open the connection again."))
                    return

    async def _end(self, failure: KagamiError | None) -> None:
        """Close the WebSocket, after why."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            if self._socket.application_state is WebSocketState.CONNECTED:
                async with asyncio.timeout(1.0):
                    if failure is not None:
                        error = {"code": failure.code, "message": str(failure)}
                        await self._socket.send_text(json.dumps({"id": None, "error": error}))
                    await self._socket.close(1000 if failure is None else POLICY_VIOLATION)


def _take_id(fields: dict[str, Any]) -> Any:
    number = fields.pop("id", None)
    if isinstance(number, str) and len(number) <= MAX_ID_CHARACTERS:
        return number
    if number is None or (isinstance(number, int) and abs(number) < 2**53):
        return number
    raise ProtocolError(f"The field 'id' must be a number or at most {MAX_ID_CHARACTERS} characters.")


def _take_text(fields: dict[str, Any], name: str) -> str | None:
    text = fields.pop(name, None)
    if text is None or isinstance(text, str):
        return text
    raise ProtocolError(f"The field '{name}' has the wrong type: see docs/control-api.md.")

"""The messages of one page's WebSocket: sent one after another, and received as docs/protocol.md has them."""

from __future__ import annotations

import asyncio
import contextlib
import json

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamer.errors import KagamiError, ProtocolError, TooManyErrorsError
from streamer.server import page_messages, server_messages
from streamer.server.message_order import MessageOrder

SEND_TIMEOUT_S = 10.0


class MessageSender:
    """Sends messages to one page, one after another. A page that has gone, or accepts no data, is not an error."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._lock = asyncio.Lock()

    async def send(self, message: server_messages.ServerMessage) -> None:
        """Send one message, or drop it if the WebSocket is closed or takes longer than SEND_TIMEOUT_S."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):  # TimeoutError is an OSError
            async with self._lock:
                if self._socket.application_state is WebSocketState.CONNECTED:
                    # Not wait_for: in Python 3.11 it swallows a cancellation that arrives as the send completes.
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self._socket.send_text(json.dumps(msgspec.to_builtins(message)))

    async def close(self) -> None:
        """Close the WebSocket; may be called again."""
        with contextlib.suppress(RuntimeError, OSError):
            if self._socket.application_state is WebSocketState.CONNECTED:
                await self._socket.close()


class MessageReceiver:
    """Receives one page's messages. Malformed, early and too frequent ones are answered with an error and dropped."""

    def __init__(self, socket: WebSocket, sender: MessageSender) -> None:
        self._socket = socket
        self._sender = sender
        self._order = MessageOrder()

    async def await_hello(self) -> page_messages.Hello:
        """The page's `hello`. Raises WebSocketDisconnect, also on `bye`, and TooManyErrorsError."""
        while True:
            message = await self.next_message()
            if isinstance(message, page_messages.Hello):
                return message
            if isinstance(message, page_messages.Bye):
                raise WebSocketDisconnect(1000)

    async def next_message(self) -> page_messages.PageMessage:
        """The next message that is well-formed and in order. Raises WebSocketDisconnect, TooManyErrorsError."""
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", 1000))
            try:
                self._order.count_message()
                text = received.get("text")
                message = page_messages.parse_message(text if text is not None else received.get("bytes", b""))
                self._order.check(message)
                return message
            except ProtocolError as error:
                await self.answer_error(error)

    async def answer_error(self, error: KagamiError) -> None:
        """Send an error that the conversation survives. Raises TooManyErrorsError at the MAX_ERRORS-th one."""
        await self._sender.send(server_messages.Error.of(error))
        if self._order.count_error():
            raise TooManyErrorsError

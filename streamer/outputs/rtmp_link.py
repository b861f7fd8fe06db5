"""Publishes FLV to a server by RTMP or RTMPS.

FFmpeg's own RTMP is not used: PyAV opens and closes an output while it holds the interpreter's lock and without a
time limit, so that one silent server would stop the whole process (docs/decisions/server-and-media.md).
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from streamer.errors import MediaServerError
from streamer.outputs import amf0
from streamer.outputs.link import LOST, no_answer
from streamer.outputs.rtmp_messages import (
    AUDIO,
    COMMAND,
    DATA,
    OUR_CHUNK_SIZE,
    PING_REQUEST,
    PING_RESPONSE,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    VIDEO,
    ChunkReader,
    Message,
    RtmpSyntaxError,
    to_chunks,
)
from streamer.stream_address import RtmpAddress

CONNECT_TIMEOUT_S = 10.0  # from the first packet until the server takes the stream
SEND_BUFFER_BYTES = 256 * 1024  # in the system: what waits there is delay that nobody sees
END_FLUSH_S = 0.2  # for what ends the stream, when it is closed
HANDSHAKE_BYTES = 1536
_CONTROL, _COMMANDS, _SOUND, _PICTURES = 2, 3, 4, 6  # chunk streams, as FFmpeg and OBS number them
_FLV_HEADER_BYTES, _TAG_HEADER_BYTES, _TAG_END_BYTES = 13, 11, 4
_FORBIDDEN_KEY = "it refuses the stream key, or somebody uses it already"


class RtmpLink:
    """One connection that publishes one stream. tls: for RTMPS, the system's certificates if None."""

    container = "flv"

    def __init__(self, address: RtmpAddress, tls: ssl.SSLContext | None = None) -> None:
        self.sent = 0
        self._address = address
        self._tls = tls
        self._socket: socket.socket | None = None
        self._aborted = False
        self._out = bytearray()
        self._flv = bytearray()
        self._has_flv_header = False
        self._reader = ChunkReader()
        self._stream = 0  # the server's number of it
        self._calls = 0
        self._answers: dict[float, tuple[str, list[Any]]] = {}  # name and arguments, by the number of the call
        self._publishes = False

    @property
    def pending(self) -> int:
        return len(self._out)

    def connect(self) -> None:
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        try:
            self._open(deadline)
            self._shake_hands(deadline)
            self._publish(deadline)
            assert self._socket is not None
            self._socket.setblocking(False)
        except ssl.SSLCertVerificationError as error:
            raise MediaServerError(f"its certificate is not to be trusted ({error.verify_message})") from error
        except OSError as error:
            raise (MediaServerError(LOST) if self._aborted else no_answer(error)) from error

    def write(self, data: bytes) -> None:
        """FLV, in pieces of any length."""
        self._flv += data
        if not self._has_flv_header:
            if len(self._flv) < _FLV_HEADER_BYTES:
                return
            del self._flv[:_FLV_HEADER_BYTES]
            self._has_flv_header = True
        while len(self._flv) >= _TAG_HEADER_BYTES:
            end = _TAG_HEADER_BYTES + int.from_bytes(self._flv[1:4], "big")
            if len(self._flv) < end + _TAG_END_BYTES:
                return
            kind = self._flv[0]
            milliseconds = int.from_bytes(self._flv[4:7], "big") | self._flv[7] << 24
            body = bytes(self._flv[_TAG_HEADER_BYTES:end])
            del self._flv[: end + _TAG_END_BYTES]
            if kind in (AUDIO, VIDEO, DATA):
                body = amf0.encode("@setDataFrame") + body if kind == DATA else body
                channel = _PICTURES if kind == VIDEO else _SOUND
                self._out += to_chunks(kind, body, channel, self._stream, milliseconds)

    def flush(self) -> None:
        assert self._socket is not None
        try:
            self._receive_what_came()
            while self._out:
                count = self._socket.send(memoryview(self._out)[:SEND_BUFFER_BYTES])
                del self._out[:count]
                self.sent += count
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            raise MediaServerError(LOST) from error

    def abort(self) -> None:
        self._aborted = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is not connected yet, or not any more
                # That of TLS would take the connection away from the thread that uses it.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        if self._socket is None:
            return
        try:
            if self._publishes and not self._out:
                self._call("FCUnpublish", None, self._address.key)
                self._call("deleteStream", None, self._stream)
                self._socket.settimeout(END_FLUSH_S)
                self._socket.sendall(self._out)
        except OSError:
            pass  # the server ends the stream when the connection ends
        finally:
            self._socket.close()
            self._socket = None

    def _open(self, deadline: float) -> None:
        """Raises OSError, MediaServerError."""
        failure: OSError = TimeoutError()
        places = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
        for number, (family, kind, protocol, _, place) in enumerate(places):
            if self._socket is not None:
                self._socket.close()
            try:
                self._socket = socket.socket(family, kind, protocol)
                self._await(deadline, len(places) - number)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket.connect(place)
                break
            except OSError as error:
                failure = error
        else:
            raise failure
        if self._address.secure:
            context = self._tls or ssl.create_default_context()
            secure = context.wrap_socket(
                self._socket, server_hostname=self._address.host, do_handshake_on_connect=False
            )
            self._socket = secure  # which `abort` ends, also while it shakes hands
            self._await(deadline)
            secure.do_handshake()

    def _await(self, deadline: float, shares: int = 1) -> None:
        """Let the next call of the socket wait until the deadline. shares: how many calls have that time together.

        Raises TimeoutError, MediaServerError.
        """
        assert self._socket is not None
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._aborted:
            raise MediaServerError(LOST)
        self._socket.settimeout(left / shares)

    def _shake_hands(self, deadline: float) -> None:
        """The plain handshake of section 5.2. Raises OSError, MediaServerError."""
        assert self._socket is not None
        ours = bytes(8) + os.urandom(HANDSHAKE_BYTES - 8)
        self._await(deadline)
        self._socket.sendall(b"\x03" + ours)
        answer = b""
        while len(answer) < 1 + 2 * HANDSHAKE_BYTES:
            answer += self._receive(deadline, 1 + 2 * HANDSHAKE_BYTES - len(answer))
            if answer[0] != 3:
                raise MediaServerError("it does not speak RTMP")
        self._socket.sendall(answer[1 : 1 + HANDSHAKE_BYTES])

    def _publish(self, deadline: float) -> None:
        """Raises OSError, MediaServerError."""
        address = self._address
        self._out += to_chunks(SET_CHUNK_SIZE, OUR_CHUNK_SIZE.to_bytes(4, "big"), _CONTROL)
        about = {"app": address.app, "type": "nonprivate", "flashVer": "FMLE/3.0 (compatible; Kagami)"}
        call = self._call("connect", about | {"tcUrl": address.url})
        self._answer(call, deadline, "it refuses the application that the address names")
        self._call("releaseStream", None, address.key)
        self._call("FCPublish", None, address.key)
        result = self._answer(self._call("createStream", None), deadline, "it refuses the stream")
        if len(result) < 2 or not isinstance(result[1], float) or not 0 <= result[1] < 1 << 32:
            raise MediaServerError("its answer cannot be used")
        self._stream = int(result[1])
        self._call("publish", None, address.key, "live", stream=self._stream)
        self._until(lambda: self._publishes, deadline)

    def _call(self, name: str, *values: Any, stream: int = 0) -> float:
        """Queue a command. Returns its number."""
        self._calls += 1
        self._out += to_chunks(COMMAND, amf0.encode(name, self._calls, *values), _COMMANDS, stream)
        return float(self._calls)

    def _answer(self, call: float, deadline: float, refusal: str) -> list[Any]:
        """What the server answers to a call. Raises OSError, MediaServerError."""
        self._until(lambda: call in self._answers, deadline)
        name, values = self._answers.pop(call)
        if name != "_result":
            raise MediaServerError(refusal)
        return values

    def _until(self, condition: Callable[[], bool], deadline: float) -> None:
        assert self._socket is not None
        while not condition():
            self._await(deadline)
            if self._out:
                self._socket.sendall(self._out)
                self._out.clear()
            else:
                self._take(self._receive(deadline, 4096))

    def _receive(self, deadline: float, count: int) -> bytes:
        """At least one byte, while the connection is made. Raises OSError, MediaServerError."""
        assert self._socket is not None
        self._await(deadline)
        data = self._socket.recv(count)
        if not data:
            raise MediaServerError(
                LOST if self._aborted else "it closes the connection: are application and stream key right?"
            )
        return data

    def _receive_what_came(self) -> None:
        """Raises OSError, MediaServerError."""
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            while data := self._socket.recv(4096):
                self._take(data)
            raise MediaServerError(LOST)

    def _take(self, data: bytes) -> None:
        """Raises MediaServerError."""
        try:
            messages = self._reader.feed(data)
        except RtmpSyntaxError as error:
            raise MediaServerError("it does not speak RTMP") from error
        for message in messages:
            if message.kind == COMMAND:
                self._on_command(amf0.decode(message.body))
            elif message.kind == USER_CONTROL:
                self._on_control(message)

    def _on_command(self, values: list[Any]) -> None:
        if len(values) < 2:
            return
        name, number, *rest = values
        if name in ("_result", "_error") and isinstance(number, float) and len(self._answers) < self._calls:
            self._answers[number] = name, rest
        elif name == "onStatus" and len(rest) >= 2 and isinstance(rest[1], dict):
            code = rest[1].get("code")
            if code == "NetStream.Publish.Start":
                self._publishes = True
            elif code in ("NetStream.Publish.BadName", "NetStream.Publish.Denied"):
                raise MediaServerError(_FORBIDDEN_KEY)
            elif rest[1].get("level") == "error":
                raise MediaServerError("it refuses the stream")

    def _on_control(self, message: Message) -> None:
        if message.body[:2] == PING_REQUEST.to_bytes(2, "big"):
            self._out += to_chunks(USER_CONTROL, PING_RESPONSE.to_bytes(2, "big") + message.body[2:6], _CONTROL)

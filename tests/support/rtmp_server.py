"""An RTMP server that answers as a test tells it, in a thread: FFmpeg's own takes every stream."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Any, Self

from streamer.outputs import amf0
from streamer.outputs.rtmp_link import HANDSHAKE_BYTES
from streamer.outputs.rtmp_messages import COMMAND, ChunkReader, Message, to_chunks

TIMEOUT_S = 20.0


class RtmpServer:
    """Takes one connection after another on a free port of this machine.

    answers: by the name of a command, what is sent for it; missing: the usual. None: the connection is closed.
    reads: whether it speaks at all. tls: of RTMPS.
    messages: what came. connections: those that came.
    """

    def __init__(
        self, answers: dict[str, bytes | None] | None = None, reads: bool = True, tls: ssl.SSLContext | None = None
    ) -> None:
        self.answers = answers or {}
        self.reads = reads
        self._tls = tls
        self.messages: list[Message] = []
        self.commands: list[list[Any]] = []
        self.connections: list[socket.socket] = []
        self.arrived = threading.Condition()
        self._is_paused = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="rtmp-server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.drop()
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()

    def drop(self) -> None:
        """End all connections."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def pause(self) -> None:
        """Read no more of what comes, until connections are dropped."""
        self._is_paused.set()

    def connections_come(self, count: int) -> None:
        """Wait until there were so many."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.connections) >= count, TIMEOUT_S)

    def wait_for(self, kind: int, count: int = 1) -> list[Message]:
        """The messages of a kind, when there are as many."""

        def found() -> list[Message]:
            return [message for message in self.messages if message.kind == kind]

        with self.arrived:
            assert self.arrived.wait_for(lambda: len(found()) >= count, TIMEOUT_S)
            return found()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                with self.arrived:
                    self.connections.append(connection)
                    self.arrived.notify_all()
                self._speak(connection)

    def _speak(self, connection: socket.socket) -> None:
        if not self.reads:
            return
        began = self._exactly(connection, 1 + HANDSHAKE_BYTES)
        connection.sendall(b"\x03" + bytes(HANDSHAKE_BYTES) + began[1:])
        self._exactly(connection, HANDSHAKE_BYTES)
        reader = ChunkReader()
        while not self._is_paused.is_set() and (data := connection.recv(65536)):
            for message in reader.feed(data):
                with self.arrived:
                    self.messages.append(message)
                    self.arrived.notify_all()
                if message.kind == COMMAND and not self._answer(connection, amf0.decode(message.body)):
                    connection.shutdown(socket.SHUT_RDWR)
                    connection.close()
                    return

    def _answer(self, connection: socket.socket, values: list[Any]) -> bool:
        self.commands.append(values)
        name, number = values[0], values[1]
        usual = {
            "connect": command("_result", number, {}, {"code": "NetConnection.Connect.Success"}),
            "createStream": command("_result", number, None, 1.0),
            "publish": status("NetStream.Publish.Start", "status"),
        }
        answer = self.answers.get(name, usual.get(name, b""))
        if answer is not None:
            connection.sendall(answer)
        return answer is not None

    def _exactly(self, connection: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data


def command(name: str, number: float, *values: Any) -> bytes:
    return to_chunks(COMMAND, amf0.encode(name, number, *values), 3)


def status(code: str, level: str) -> bytes:
    return to_chunks(COMMAND, amf0.encode("onStatus", 0, None, {"level": level, "code": code}), 5, 1)

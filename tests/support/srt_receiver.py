"""A player that listens for one SRT stream on a free port of this machine, in a thread."""

from __future__ import annotations

import ctypes
import socket
import threading
from typing import Self

from streamer.outputs import srt_library as srt

TIMEOUT_S = 30.0
PACKET_BYTES = 1500


class SrtReceiver:
    """Takes one connection, and from it so many bytes, then ends it and listens no more.

    passphrase: without which nobody may send. data: what came, complete when `wait` returns.
    """

    def __init__(self, count: int, passphrase: str) -> None:
        self.data = b""
        self._count = count
        self._library = srt.srt_library()
        self._listening = self._library.srt_create_socket()
        assert srt.set_option(self._listening, srt.PASSPHRASE, passphrase.encode())
        place = srt.native_address(("127.0.0.1", 0), socket.AF_INET)
        assert self._library.srt_bind(self._listening, place, len(place)) == 0
        assert self._library.srt_listen(self._listening, 1) == 0
        bound, size = ctypes.create_string_buffer(16), ctypes.c_int(16)
        assert self._library.srt_getsockname(self._listening, bound, ctypes.byref(size)) == 0
        self.port = int.from_bytes(bound.raw[2:4], "big")
        self._thread = threading.Thread(target=self._receive, name="srt-receiver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._library.srt_close(self._listening)  # which ends a wait for a connection
        self.wait()

    def wait(self) -> None:
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()

    def _receive(self) -> None:
        connection = self._library.srt_accept(self._listening, None, None)
        self._library.srt_close(self._listening)
        if connection < 0:
            return
        packet = ctypes.create_string_buffer(PACKET_BYTES)
        while len(self.data) < self._count:
            size = self._library.srt_recv(connection, packet, PACKET_BYTES)
            if size <= 0:
                break
            self.data += packet.raw[:size]
        self._library.srt_close(connection)

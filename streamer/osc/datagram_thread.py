"""Reads UDP sockets in a thread, so that a flood costs neither an event loop nor more than a little of a core."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

from streamer.osc.osc_server import DatagramPort

DROPPED_AT_ONCE = 32  # datagrams dropped at one port, after which the thread pauses and the system drops what follows
PAUSE_S = 0.005
MAX_AT_ONCE = 256  # datagrams read at one port, after which it is the next one's turn


class DatagramThread:
    """Reads from `start` until `close`, which closes the sockets. name: of the thread."""

    def __init__(self, name: str) -> None:
        self._ports: list[tuple[socket.socket, DatagramPort]] = []
        self._closed = threading.Event()
        self._woken, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def add(self, bound: socket.socket, port: DatagramPort) -> None:
        """Read a socket that does not block. To be called before `start`."""
        self._ports.append((bound, port))

    def start(self) -> None:
        """To be called once."""
        self._thread.start()

    def close(self) -> None:
        """Read nothing any more, and close all sockets; may be called again, and where it was never started."""
        self._closed.set()
        with contextlib.suppress(OSError):  # it is closed already
            self._waker.send(b"\0")
        if self._thread.is_alive():
            self._thread.join()
        for bound in (self._woken, self._waker, *(bound for bound, _ in self._ports)):
            bound.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            for bound, port in self._ports:
                selector.register(bound, selectors.EVENT_READ, (bound, port))
            while not self._closed.is_set():
                ready = [key.data for key, _ in selector.select() if key.data is not None]
                if any([is_flooded(bound, port) for bound, port in ready]):
                    self._closed.wait(PAUSE_S)


def is_flooded(bound: socket.socket, port: DatagramPort) -> bool:
    """Have a port take what has arrived at a socket. Returns whether so much of it was dropped that a pause is due."""
    enough = port.dropped + DROPPED_AT_ONCE
    for _ in range(MAX_AT_ONCE):
        try:
            data, source = bound.recvfrom(port.largest + 1)
        except BlockingIOError:
            return False
        except OSError:  # what the system says of earlier datagrams; on Windows, also of one that is larger
            continue
        port.take(data, source)
        if port.dropped >= enough:
            return True
    return False

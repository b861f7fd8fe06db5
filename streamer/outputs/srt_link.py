"""Sends MPEG-TS to a server, or to a player that listens, by SRT."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import time
from collections import deque

from streamer.errors import MediaServerError
from streamer.outputs import srt_library as srt
from streamer.outputs.link import LOST, no_answer
from streamer.stream_address import SrtAddress

PAYLOAD_BYTES = 7 * 188  # of a packet: whole packets of MPEG-TS
POLL_S = 0.02  # between two looks at whether it is connected


class SrtLink:
    """One connection in the mode that SRT calls caller. Raises OutputError where libsrt is missing."""

    container = "mpegts"

    def __init__(self, address: SrtAddress) -> None:
        self.sent = 0
        self._address = address
        self._library = srt.srt_library()
        self._handle = -1
        self._aborted = False
        self._unsent = bytearray()  # less than a packet
        self._packets: deque[bytes] = deque()

    @property
    def pending(self) -> int:
        return PAYLOAD_BYTES * len(self._packets)

    def connect(self) -> None:
        """Try every address of the host, each for as long as the address says."""
        try:
            found = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise no_answer(error) from error
        for number, (family, _, _, _, place) in enumerate(found, 1):
            try:
                self._connect(family, str(place[0]))
                return
            except _NobodyThereError:
                if number == len(found):
                    raise
                self.close()

    def _connect(self, family: int, host: str) -> None:
        """Raises _NobodyThereError, after which another address may be tried, and MediaServerError."""
        self._handle = self._library.srt_create_socket()
        self._set_options()
        target = srt.native_address((host, self._address.port), family)
        if self._library.srt_connect(self._handle, target, len(target)) != 0:
            raise _NobodyThereError("it cannot be reached")
        deadline = time.monotonic() + self._address.connect_timeout_s + 1  # libsrt's own limit comes first
        while (state := self._library.srt_getsockstate(self._handle)) != srt.CONNECTED:
            if self._aborted:
                raise MediaServerError(LOST)
            if state >= srt.BROKEN or time.monotonic() > deadline:
                raise self._refusal()
            time.sleep(POLL_S)

    def write(self, data: bytes) -> None:
        self._unsent += data
        while len(self._unsent) >= PAYLOAD_BYTES:
            self._packets.append(bytes(self._unsent[:PAYLOAD_BYTES]))
            del self._unsent[:PAYLOAD_BYTES]

    def flush(self) -> None:
        if self._unsent:  # MPEG-TS comes in whole packets of 188 bytes: nothing waits for the next frame
            self._packets.append(bytes(self._unsent))
            self._unsent.clear()
        while self._packets:
            packet = self._packets[0]
            if self._library.srt_send(self._handle, packet, len(packet)) < 0:
                if self._library.srt_getlasterror(ctypes.byref(ctypes.c_int())) == srt.ASYNC_SEND_FAILED:
                    return
                raise MediaServerError(LOST)
            self.sent += len(packet)
            self._packets.popleft()
        if self._library.srt_getsockstate(self._handle) != srt.CONNECTED:
            raise MediaServerError(LOST)

    def abort(self) -> None:
        self._aborted = True

    def close(self) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with contextlib.suppress(OSError):
                self._library.srt_close(handle)

    def _set_options(self) -> None:
        """Raises MediaServerError."""
        address = self._address
        options: list[tuple[int, int | bytes]] = [
            (srt.SNDSYN, 0),
            (srt.RCVSYN, 0),
            (srt.SENDER, 1),
            (srt.CONNECT_TIMEOUT, round(address.connect_timeout_s * 1000)),
        ]
        if address.latency_s is not None:
            options.append((srt.LATENCY, round(address.latency_s * 1000)))
        if address.passphrase:
            options += [(srt.KEY_LENGTH, address.key_length), (srt.PASSPHRASE, address.passphrase.encode())]
        if address.stream_id:
            options.append((srt.STREAM_ID, address.stream_id.encode()))
        if not all([srt.set_option(self._handle, option, value) for option, value in options]):
            raise MediaServerError("this libsrt does not take the address's parameters")

    def _refusal(self) -> MediaServerError:
        reason = self._library.srt_getrejectreason(self._handle)
        if reason in (srt.WRONG_PASSPHRASE, srt.PASSPHRASE_MISSING):
            return MediaServerError("it refuses the passphrase")
        if reason >= srt.REJECTED_BY_SERVER:
            status = reason - srt.REJECTED_BY_SERVER
            return MediaServerError(f"it refuses the stream with status {status}: is the streamid right?")
        return _NobodyThereError("it does not answer (nobody listens there, or it refuses)")


class _NobodyThereError(MediaServerError):
    """Nothing has answered at one address of a host."""

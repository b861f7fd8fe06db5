"""libsrt, the library of the SRT protocol, by ctypes: PyAV's own FFmpeg is built without it.

Names and numbers are those of `srt.h` 1.4 and newer; calls of ctypes let other threads run.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from functools import cache

from streamer.errors import OutputError

# Options and states, of which only those that are used here.
SNDSYN, RCVSYN, SENDER, PASSPHRASE, KEY_LENGTH, CONNECT_TIMEOUT, LATENCY, STREAM_ID = 1, 2, 21, 26, 27, 36, 23, 46
CONNECTED, BROKEN = 5, 6  # of a socket; states above BROKEN are ends as well
ASYNC_SEND_FAILED = 6001  # the error of a send that would block
CRITICAL = 2  # the level of the library's own log, which goes to stderr
WRONG_PASSPHRASE, PASSPHRASE_MISSING = 10, 11  # of the reasons for a rejection
REJECTED_BY_SERVER = 1000  # and more: the reasons of servers, 1000 + a status of HTTP
_NAMES = {
    "linux": ("libsrt-gnutls.so.1.5", "libsrt-openssl.so.1.5", "libsrt.so.1.5", "libsrt.so.1", "libsrt.so"),
    "darwin": ("libsrt.dylib", "/opt/homebrew/lib/libsrt.dylib", "/usr/local/lib/libsrt.dylib"),
    "win32": ("srt.dll", "libsrt.dll"),
}
_GET_LIBRARY = {
    "linux": "run `sudo apt install libsrt1.5-gnutls` (Debian, Ubuntu; FFmpeg and OBS bring it, too) and start again.",
    "darwin": "run `brew install srt` and start again.",
    "win32": "put its srt.dll into a folder of PATH and start again.",
}


@cache
def srt_library(system: str = sys.platform) -> ctypes.CDLL:
    """The library, started. Raises OutputError where this system has none."""
    for name in _NAMES.get(system, ()):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.srt_startup()
        library.srt_setloglevel(CRITICAL)
        return library
    raise OutputError(f"SRT needs the library libsrt, which is not there: {_GET_LIBRARY.get(system, 'install it.')}")


def set_option(handle: int, option: int, value: int | bytes) -> bool:
    """Set an option of a socket before it connects. Returns whether the library takes it."""
    data = value if isinstance(value, bytes) else struct.pack("=i", value)
    return srt_library().srt_setsockflag(handle, option, data, len(data)) == 0


def native_address(place: tuple[str, int], family: int, system: str = sys.platform) -> bytes:
    """A `struct sockaddr`. place: address and port."""
    host, port = place
    packed = socket.inet_pton(family, host)
    size = 16 if family == socket.AF_INET else 28
    first = struct.pack("=BB", size, family) if system == "darwin" else struct.pack("=H", family)
    first += struct.pack(">H", port)
    return (first + packed if family == socket.AF_INET else first + bytes(4) + packed).ljust(size, b"\0")

"""AMF 0, the notation of RTMP's commands (Action Message Format, Adobe 2007): the kinds of values that servers send."""

from __future__ import annotations

import struct
from typing import Any

MAX_DEPTH = 8  # of objects in objects
_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED, _MAP, _END = 0, 1, 2, 3, 5, 6, 8, 9


def encode(*values: Any) -> bytes:
    """Numbers, booleans, strings up to 65,535 bytes, None, and dictionaries of these."""
    return b"".join(_encode(value) for value in values)


def _encode(value: Any) -> bytes:
    if value is None:
        return bytes([_NULL])
    if isinstance(value, bool):
        return bytes([_BOOLEAN, value])
    if isinstance(value, int | float):
        return struct.pack(">Bd", _NUMBER, value)
    if isinstance(value, str):
        return bytes([_STRING]) + _text(value)
    members = b"".join(_text(name) + _encode(member) for name, member in value.items())
    return bytes([_OBJECT]) + members + b"\0\0" + bytes([_END])


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def decode(data: bytes) -> list[Any]:
    """The values in a message, up to the first that is none of these kinds or is cut off."""
    values, at = [], 0
    try:
        while at < len(data):
            value, at = _decode(data, at, MAX_DEPTH)
            values.append(value)
    except (struct.error, IndexError, ValueError):
        pass
    return values


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    """A value and the place after it. Raises struct.error, IndexError, ValueError."""
    kind, at = data[at], at + 1
    if kind == _NUMBER:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if kind == _BOOLEAN:
        return bool(data[at]), at + 1
    if kind == _STRING:
        return _read_text(data, at)
    if kind in (_NULL, _UNDEFINED):
        return None, at
    if kind not in (_OBJECT, _MAP) or not depth:
        raise ValueError("an AMF value of an unknown kind")
    if kind == _MAP:
        at += 4  # the number of members, which the end mark says as well
    members: dict[str, Any] = {}
    while True:
        name, at = _read_text(data, at)
        if not name and data[at] == _END:
            return members, at + 1
        members[name], at = _decode(data, at, depth - 1)


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">H", data, at)
    text = data[at + 2 : at + 2 + length]
    if len(text) < length:
        raise ValueError("a cut string")
    return text.decode("utf-8", "replace"), at + 2 + length

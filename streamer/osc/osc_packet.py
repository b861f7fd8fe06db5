"""OSC 1.0 packets as bytes: messages and bundles, read without trust in what they say, and written.

https://opensoundcontrol.stanford.edu/spec-1_0.html. Numbers are big-endian, and every part fills words of 4 bytes.
Packets are read here, and not by python-osc, since that reads for ever where a bundle's element has a negative size.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

Argument = float | int | str | bool | bytes

MAX_ARGUMENTS = 64  # of a message; a VRM's root has 14
MAX_DEPTH = 4  # of bundles within bundles; no program sends any
_BUNDLE = b"#bundle\0"
_NOW = (1).to_bytes(8, "big")  # the time tag "immediately"
_NUMBERS = {"i": "i", "f": "f", "h": "q", "d": "d"}  # by their letters in `struct`
_INT = struct.Struct(">i")
_CONSTANTS = {"T": True, "F": False}


class DatagramError(ValueError):
    """A datagram is not what it should be. Its text says where."""


class OscMessage(NamedTuple):
    """One message. address: begins with a slash."""

    address: str
    arguments: tuple[Argument, ...]


def decode(packet: bytes) -> list[OscMessage]:
    """The messages of a packet in their order, those of bundles, too, whose time tags are not heeded.

    Types are i, f, s, b, h, d, T and F. Takes time in proportion to the packet's length. Raises DatagramError for
    anything else, and for a number that is not finite.
    """
    return list(_decode(packet, 0, len(packet), MAX_DEPTH))


def encode(address: str, *arguments: Argument) -> bytes:
    """A message. An int is sent with 32 bits, a float with 32. Raises struct.error for an int that is larger."""
    tags, values = ",", b""
    for argument in arguments:
        if isinstance(argument, bool):
            tags += "T" if argument else "F"
        elif isinstance(argument, int):
            tags, values = tags + "i", values + struct.pack(">i", argument)
        elif isinstance(argument, float):
            tags, values = tags + "f", values + struct.pack(">f", argument)
        elif isinstance(argument, str):
            tags, values = tags + "s", values + _text(argument)
        else:
            padding = bytes(-len(argument) % 4)
            tags, values = tags + "b", values + struct.pack(">i", len(argument)) + argument + padding
    return _text(address) + _text(tags) + values


def bundle(messages: Iterable[bytes]) -> bytes:
    """A bundle of messages, which is to be done at once."""
    return _BUNDLE + _NOW + b"".join(struct.pack(">i", len(each)) + each for each in messages)


def _text(text: str) -> bytes:
    data = text.encode()
    return data + bytes(4 - len(data) % 4)


def _decode(packet: bytes, at: int, end: int, depth: int) -> Iterator[OscMessage]:
    if not packet.startswith(_BUNDLE, at, end):
        yield _decode_message(packet, at, end)
        return
    if depth == 0:
        raise DatagramError("bundles are nested too deep")
    at += len(_BUNDLE) + len(_NOW)
    if at > end:
        raise DatagramError("a bundle ends in its time tag")
    while at < end:
        size = _size(packet, at, end)
        at += 4
        if size <= 0 or size % 4 or at + size > end:
            raise DatagramError(f"an element of a bundle has {size} bytes")
        yield from _decode(packet, at, at + size, depth - 1)
        at += size


def _decode_message(packet: bytes, at: int, end: int) -> OscMessage:
    address, at = _decode_text(packet, at, end)
    if not address.startswith("/"):
        raise DatagramError("an address begins with no slash")
    if at == end:  # some old programs leave out the type tags of a message without arguments
        return OscMessage(address, ())
    tags, at = _decode_text(packet, at, end)
    if not tags.startswith(","):
        raise DatagramError("the type tags begin with no comma")
    arguments: list[Argument] = []
    for part in _parts(tags):
        if isinstance(part, struct.Struct):
            if at + part.size > end:
                raise DatagramError("a number is cut off")
            numbers = part.unpack_from(packet, at)
            if not all(map(math.isfinite, numbers)):
                raise DatagramError("a number is not finite")
            arguments += numbers
            at += part.size
        elif part in _CONSTANTS:
            arguments.append(_CONSTANTS[part])
        elif part == "s":
            text, at = _decode_text(packet, at, end)
            arguments.append(text)
        elif part == "b":
            size = _size(packet, at, end)
            at += 4
            if size < 0 or at + size > end:
                raise DatagramError(f"a blob has {size} bytes")
            arguments.append(packet[at : at + size])
            at += size + -size % 4
        else:
            raise DatagramError(f"the type {part!r} is not read")
    return OscMessage(address, tuple(arguments))


@lru_cache(64)
def _parts(tags: str) -> tuple[str | struct.Struct, ...]:
    """The types after the comma, those of numbers that follow one another in one struct. Raises DatagramError for more
    than any program sends, whose compilation would cost far more than their reading.
    """
    if len(tags) > MAX_ARGUMENTS + 1:
        raise DatagramError(f"a message has more than {MAX_ARGUMENTS} arguments")
    runs = re.findall(f"[{''.join(_NUMBERS)}]+|.", tags[1:], re.S)
    return tuple(
        struct.Struct(">" + "".join(map(_NUMBERS.__getitem__, run))) if run[0] in _NUMBERS else run for run in runs
    )


def _size(packet: bytes, at: int, end: int) -> int:
    if at + _INT.size > end:
        raise DatagramError("a number is cut off")
    size: int = _INT.unpack_from(packet, at)[0]
    return size


def _decode_text(packet: bytes, at: int, end: int) -> tuple[str, int]:
    """A text, and where the next part begins."""
    stop = packet.find(b"\0", at, end)
    if stop < 0:
        raise DatagramError("a text is cut off")
    try:
        text = packet[at:stop].decode()
    except UnicodeDecodeError as error:
        raise DatagramError("a text is no UTF-8") from error
    after = stop + 4 - (stop - at) % 4
    if after > end:
        raise DatagramError("a text is not filled up to a whole word")
    return text, after

"""RTMP's messages and the chunks that carry them (Adobe's RTMP 1.0, sections 5 and 7), without a socket."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SET_CHUNK_SIZE, USER_CONTROL, WINDOW_SIZE, AUDIO, VIDEO, DATA, COMMAND = 1, 4, 5, 8, 9, 18, 20  # types of messages
PING_REQUEST, PING_RESPONSE = 6, 7  # of user control
FIRST_CHUNK_SIZE = 128  # bytes, until a peer sets another
OUR_CHUNK_SIZE = 4096  # bytes
MAX_MESSAGE_BYTES = 64 * 1024  # that a server may send: its commands have hundreds
MAX_CHUNK_STREAMS = 64  # that a server may use at a time
_EXTENDED = 0xFFFFFF  # in place of a timestamp that does not fit in three bytes
_HEADER_BYTES = (11, 7, 3, 0)  # by the format of a chunk


class RtmpSyntaxError(Exception):
    """What came is no RTMP, or more than is taken."""


@dataclass(frozen=True, slots=True)
class Message:
    kind: int
    body: bytes


def to_chunks(kind: int, body: bytes, channel: int, stream: int = 0, timestamp: int = 0) -> bytes:
    """A message in chunks of OUR_CHUNK_SIZE. channel: the chunk stream, 2 to 63. timestamp: milliseconds."""
    timestamp &= 0xFFFFFFFF
    extended = struct.pack(">I", timestamp) if timestamp >= _EXTENDED else b""
    head = struct.pack(">B", channel) + min(timestamp, _EXTENDED).to_bytes(3, "big") + len(body).to_bytes(3, "big")
    parts = [head, bytes([kind]), struct.pack("<I", stream), extended]
    for at in range(0, max(len(body), 1), OUR_CHUNK_SIZE):
        if at:
            parts += [bytes([0xC0 | channel]), extended]
        parts.append(body[at : at + OUR_CHUNK_SIZE])
    return b"".join(parts)


@dataclass(slots=True)
class _ChunkStream:
    """What chunks leave out because it is as in the chunk before. body: of a message that is not complete."""

    length: int = 0
    kind: int = 0
    extended: bool = False
    body: bytearray = field(default_factory=bytearray)


class ChunkReader:
    """Puts the messages of a byte stream together. Raises RtmpSyntaxError."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._chunk_size = FIRST_CHUNK_SIZE
        self._streams: dict[int, _ChunkStream] = {}

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now; a change of the chunks' size is among them, and is done already."""
        self._data += data
        messages: list[Message] = []
        while (length := self._read_chunk(messages)) > 0:
            del self._data[:length]
        return messages

    def _read_chunk(self, messages: list[Message]) -> int:
        """Bytes of the first chunk, which has been read; 0 while it is not complete."""
        data = self._data
        if not data:
            return 0
        form, channel, at = data[0] >> 6, data[0] & 63, 1
        if channel < 2:  # the number of the chunk stream follows in one byte or two
            at = 2 + channel
            channel = 64 + int.from_bytes(data[1:at], "little")
        if len(data) < at + _HEADER_BYTES[form]:
            return 0
        known = self._streams.get(channel)
        stream = known or _ChunkStream()
        if known is None and (form != 0 or len(self._streams) >= MAX_CHUNK_STREAMS):
            raise RtmpSyntaxError
        length, kind, extended = stream.length, stream.kind, stream.extended
        if form < 3:
            extended = int.from_bytes(data[at : at + 3], "big") == _EXTENDED
        if form < 2:
            length, kind = int.from_bytes(data[at + 3 : at + 6], "big"), data[at + 6]
        at += _HEADER_BYTES[form] + 4 * extended
        if length > MAX_MESSAGE_BYTES:
            raise RtmpSyntaxError
        read = len(stream.body) if form == 3 else 0  # another form begins another message
        count = min(self._chunk_size, length - read)
        if len(data) < at + count:
            return 0
        del stream.body[read:]
        stream.length, stream.kind, stream.extended = length, kind, extended
        self._streams[channel] = stream
        stream.body += data[at : at + count]
        if len(stream.body) >= length:
            message = Message(kind, bytes(stream.body))
            stream.body.clear()
            self._note(message)
            messages.append(message)
        return at + count

    def _note(self, message: Message) -> None:
        if message.kind == SET_CHUNK_SIZE:
            size = int.from_bytes(message.body[:4], "big")
            if not 1 <= size < 1 << 31:
                raise RtmpSyntaxError
            self._chunk_size = size

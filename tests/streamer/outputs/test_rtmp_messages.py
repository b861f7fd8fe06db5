"""RTMP's messages in chunks."""

from __future__ import annotations

import random

import pytest

from streamer.outputs.rtmp_messages import (
    COMMAND,
    MAX_MESSAGE_BYTES,
    OUR_CHUNK_SIZE,
    SET_CHUNK_SIZE,
    VIDEO,
    ChunkReader,
    Message,
    RtmpSyntaxError,
    to_chunks,
)

SIZE = to_chunks(SET_CHUNK_SIZE, OUR_CHUNK_SIZE.to_bytes(4, "big"), 2)


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("timestamp", [0, 40, 0xFFFFFE, 0xFFFFFF, 1 << 32])
def test_messages_come_back_whatever_the_pieces(step: int, timestamp: int) -> None:
    bodies = [random.Random(n).randbytes(n) for n in (1, OUR_CHUNK_SIZE, OUR_CHUNK_SIZE + 1, 3 * OUR_CHUNK_SIZE)]
    data = SIZE + b"".join(to_chunks(VIDEO, body, 6, 1, timestamp) for body in bodies)
    reader = ChunkReader()
    messages = [message for at in range(0, len(data), step) for message in reader.feed(data[at : at + step])]
    assert messages[1:] == [Message(VIDEO, body) for body in bodies]


def test_headers_that_leave_out_what_is_as_before_are_read() -> None:
    first = to_chunks(COMMAND, b"abc", 3)
    second = bytes([0x80 | 3, 0, 0, 1]) + b"def"  # a time alone
    third = bytes([0xC0 | 3]) + b"ghi"
    fourth = bytes([0x40 | 3, 0, 0, 1, 0, 0, 1, VIDEO]) + b"j"
    wide = bytes([0, 6]) + to_chunks(COMMAND, b"k", 3)[1:]  # chunk stream 70
    messages = ChunkReader().feed(first + second + third + fourth + wide)
    assert [message.body for message in messages] == [b"abc", b"def", b"ghi", b"j", b"k"]
    assert messages[3].kind == VIDEO


@pytest.mark.parametrize(
    "data",
    [
        bytes([0xC0 | 3, 1]),  # as before, but there was none
        to_chunks(COMMAND, bytes(MAX_MESSAGE_BYTES + 1), 3),
        to_chunks(SET_CHUNK_SIZE, bytes(4), 2),
        b"".join(to_chunks(COMMAND, b"a" * 200, channel)[:140] for channel in range(2, 64))
        + b"".join(bytes([0, n]) + to_chunks(COMMAND, b"a" * 200, 3)[1:140] for n in range(9)),
    ],
)
def test_what_is_no_rtmp_or_too_much_is_refused(data: bytes) -> None:
    with pytest.raises(RtmpSyntaxError):
        ChunkReader().feed(data)

"""The same warning of a library is logged once in a while, not once a frame."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from aiortc import rtcrtpreceiver
from aiortc.codecs import get_capabilities
from aiortc.jitterbuffer import JitterFrame

from streamer.runtime.log_limits import PAGE_LOGGERS, PERIOD_S, RepeatLimit, limit_repeats


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("library", logging.WARNING, "file", 1, message, arguments, None)


def test_a_message_passes_once_in_a_period_and_tells_what_was_dropped() -> None:
    now = 0.0
    limit = RepeatLimit(lambda: now)
    assert [limit.filter(record("frame %d is damaged", number)) for number in range(1000)] == [True] + [False] * 999
    assert limit.filter(record("another message"))
    now = PERIOD_S
    later = record("frame %d is damaged", 1000)
    assert limit.filter(later)
    assert later.getMessage() == "frame 1000 is damaged (and 999 times more before)"


@pytest.fixture
def limited() -> Iterator[None]:
    limit_repeats()
    yield
    for name in PAGE_LOGGERS:
        logging.getLogger(name).filters.clear()


@pytest.mark.usefixtures("limited")
async def test_frames_that_cannot_be_decoded_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    codec = next(each for each in get_capabilities("video").codecs if each.name == "VP8")
    parameters = SimpleNamespace(name=codec.name, mimeType=codec.mimeType)
    damaged: queue.Queue[object] = queue.Queue()
    for number in range(100):
        damaged.put((parameters, JitterFrame(b"\xff" * 200, number)))
    damaged.put(None)
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(rtcrtpreceiver.decoder_worker, loop, damaged, asyncio.Queue(), threading.Event())
    assert len([each for each in caplog.messages if "failed to decode" in each]) == 1

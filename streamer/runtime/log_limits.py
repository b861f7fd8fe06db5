"""Bounds how often libraries may log the same message, so that a page that sends damage cannot fill the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

PERIOD_S = 10.0
# Those of aiortc that warn about what a page sent; the first one does so for every frame that cannot be decoded.
PAGE_LOGGERS = ("aiortc.rtcrtpreceiver", "aiortc.rtcrtpsender", "aiortc.rtcdtlstransport", "aiortc.rtcpeerconnection")


class RepeatLimit(logging.Filter):
    """Passes one record in PERIOD_S for each message, whatever its arguments, and tells with it how many were dropped.

    clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed_at: dict[str, float] = {}  # by message template, of which a library has a fixed number
        self._dropped: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is passed. Its message is extended by the number of dropped ones."""
        template, now = str(record.msg), self._clock()
        if now - self._passed_at.get(template, -PERIOD_S) < PERIOD_S:
            self._dropped[template] = self._dropped.get(template, 0) + 1
            return False
        self._passed_at[template] = now
        dropped = self._dropped.pop(template, 0)
        if dropped:
            record.msg = f"{template} (and {dropped} times more before)"
        return True


def limit_repeats() -> None:
    """Install a limit on each of PAGE_LOGGERS, once."""
    for name in PAGE_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RepeatLimit) for each in logger.filters):
            logger.addFilter(RepeatLimit())

"""A single-slot mailbox: the newest item replaces an unread one, so nothing queues.

One stands between every two stages of the live engine. Any thread may put; one thread, or one coroutine, takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxClosed(Exception):
    """The mailbox is closed: no item will follow."""


class Mailbox(Generic[T]):
    """Single-slot, latest-wins.

    puts: number of items put. drops: number of items replaced before they were taken. on_put: called after each put, in
    the thread that puts and outside of the lock.
    """

    def __init__(self, on_put: Callable[[], None] | None = None) -> None:
        self.puts = 0
        self.drops = 0
        self._on_put = on_put
        self._ready = threading.Condition()
        self._items: list[T] = []  # at most one; a list, because None may be an item
        self._closed = False
        self._is_nudged = False
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    @property
    def closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Put `item`, replacing an unread one. Never blocks; does nothing after `close`."""
        with self._ready:
            if self._closed:
                return
            self.puts += 1
            self.drops += len(self._items)
            self._items = [item]
            self._wake()
        if self._on_put:
            self._on_put()

    def poll(self) -> T | None:
        """Take the item, or return None at once if there is none."""
        with self._ready:
            return self._items.pop() if self._items else None

    def nudge(self) -> None:
        """Let the `get` that waits, or the next one, return at once, with or without an item."""
        with self._ready:
            self._is_nudged = True
            self._ready.notify_all()

    def get(self, timeout: float | None = None) -> T | None:
        """Take the newest item, waiting up to `timeout` seconds for one (None: without limit).

        Returns None on timeout and after a `nudge`. Raises MailboxClosed.
        """
        with self._ready:
            self._ready.wait_for(lambda: self._items or self._closed or self._is_nudged, timeout)
            self._is_nudged = False
            if self._closed:
                raise MailboxClosed
            return self._items.pop() if self._items else None

    async def receive(self) -> T:
        """Take the newest item, waiting for it on the event loop; one coroutine at a time. Raises MailboxClosed."""
        loop = asyncio.get_running_loop()
        while True:
            with self._ready:
                if self._closed:
                    raise MailboxClosed
                if self._items:
                    return self._items.pop()
                waiting = loop.create_future()
                self._waiter = (loop, waiting)
            await waiting

    def close(self) -> None:
        """Drop an unread item and wake the waiting reader. Idempotent."""
        with self._ready:
            self._closed = True
            self._items = []
            self._wake()

    def _wake(self) -> None:
        self._ready.notify_all()
        if self._waiter:
            (loop, waiting), self._waiter = self._waiter, None
            with contextlib.suppress(RuntimeError):  # the loop is closed, and with it the waiting coroutine
                loop.call_soon_threadsafe(_resolve, waiting)


def _resolve(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)

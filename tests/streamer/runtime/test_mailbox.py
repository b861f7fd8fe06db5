"""The single-slot mailbox between threads and the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from streamer.runtime.mailbox import Mailbox, MailboxClosed


def test_put_replaces_an_unread_item_and_counts_the_drop() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for number in range(5):
        mailbox.put(number)
    assert (mailbox.get(), mailbox.poll()) == (4, None)
    assert (mailbox.puts, mailbox.drops) == (5, 4)


def test_get_returns_none_on_timeout() -> None:
    assert Mailbox[int]().get(timeout=0.01) is None


def test_none_is_a_valid_item() -> None:
    mailbox: Mailbox[None] = Mailbox()
    mailbox.put(None)
    assert len(mailbox) == 1
    mailbox.get()
    assert len(mailbox) == 0


def test_close_wakes_a_waiting_thread_and_drops_the_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    ended = []

    def wait() -> None:
        with pytest.raises(MailboxClosed):
            mailbox.get()
        ended.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    mailbox.close()
    mailbox.close()
    thread.join(10)
    mailbox.put(1)
    assert ended == [True] and len(mailbox) == 0 and mailbox.puts == 0


def test_on_put_is_called_outside_the_lock() -> None:
    seen: list[int | None] = []
    mailbox: Mailbox[int] = Mailbox(on_put=lambda: seen.append(mailbox.poll()))
    mailbox.put(7)
    assert seen == [7]


async def test_receive_gets_an_item_put_by_a_thread() -> None:
    mailbox: Mailbox[int] = Mailbox()
    waiting = asyncio.create_task(mailbox.receive())
    await asyncio.sleep(0)
    await asyncio.to_thread(mailbox.put, 3)
    assert await waiting == 3


async def test_cancelled_receive_loses_no_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    waiting = asyncio.create_task(mailbox.receive())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    mailbox.put(1)
    assert await mailbox.receive() == 1


async def test_close_wakes_a_waiting_coroutine() -> None:
    mailbox: Mailbox[int] = Mailbox()
    waiting = asyncio.create_task(mailbox.receive())
    await asyncio.sleep(0)
    await asyncio.to_thread(mailbox.close)
    with pytest.raises(MailboxClosed):
        await waiting


def test_put_works_after_the_event_loop_of_a_reader_is_closed() -> None:
    mailbox: Mailbox[int] = Mailbox()

    async def leave_waiting() -> None:
        waiting = asyncio.ensure_future(mailbox.receive())
        await asyncio.sleep(0)
        assert not waiting.done()

    asyncio.run(leave_waiting())
    mailbox.put(1)
    assert mailbox.poll() == 1


def test_a_nudge_ends_one_wait_and_takes_no_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.nudge()
    assert mailbox.get() is None
    mailbox.put(1)
    mailbox.nudge()
    assert mailbox.get() == 1 and mailbox.get(0) is None


async def test_items_of_many_threads_are_taken_or_counted_as_drops_exactly_once() -> None:
    mailbox: Mailbox[int] = Mailbox()
    numbers = 2000

    def put() -> None:
        for number in range(numbers):
            mailbox.put(number)

    threads = [threading.Thread(target=put) for _ in range(3)]
    for thread in threads:
        thread.start()
    taken = 0
    while any(thread.is_alive() for thread in threads) or len(mailbox):
        try:
            await asyncio.wait_for(mailbox.receive(), 0.2)
            taken += 1
        except TimeoutError:
            pass
    assert taken + mailbox.drops == mailbox.puts == 3 * numbers

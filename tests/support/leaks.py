"""What a process has open, to be compared before and after: UDP sockets, threads, exceptions that nobody handles."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil


def udp_sockets() -> int:
    return len(psutil.Process().net_connections("udp"))


@contextmanager
def unhandled_errors() -> Iterator[list[dict[str, Any]]]:
    """What asyncio reports meanwhile, such as exceptions of tasks that nobody awaits."""
    loop, reports = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    yield reports
    gc.collect()
    loop.set_exception_handler(None)


def running_threads() -> list[str]:
    """Names of the threads, without those of the executor, which asyncio keeps."""
    return [thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]

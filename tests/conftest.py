"""Several processes share the tests (`pytest -n auto`); tests of real time run while no other test does.

A test marked `realtime` measures delays, rates or what an avatar shows at a moment. It holds a lock exclusively that
all other tests share.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
import torch

from streamer.runtime import fork_server
from tests.support.control_uses import ControlUses
from tests.support.process_lock import process_lock

# What the processes of many tests need; the fork server of a test process imports it once, when the first one starts.
PRELOADED = [
    "streamer.rigging.picture_process",
    "streamer.rigging.views",
    "streamer.tracking.person_tracker",
    "streamer.tracking.tracker_process",
    "tests.support.fakes",
]


def pytest_configure(config: pytest.Config) -> None:
    fork_server.preload(PRELOADED)
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # it takes no other number later, as a program under test may set
    if hasattr(config, "workerinput"):
        torch.set_num_threads(1)  # each of the processes has one core
    else:
        config.pluginmanager.register(ControlUses())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if not hasattr(item.config, "workerinput") or sys.platform == "win32":  # one process alone; or no flock
        return (yield)
    folder = item.config.rootpath / ".pytest_cache"
    folder.mkdir(exist_ok=True)
    with process_lock(folder / "realtime", exclusive=item.get_closest_marker("realtime") is not None):
        return (yield)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread of torch: more would only slow down small tensors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

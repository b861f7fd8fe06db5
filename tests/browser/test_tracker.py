"""The row "Tracker" of the card "What moves the character", which only a server shows that receives trackers."""

from __future__ import annotations

import json
import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import await_frames, go_live
from tests.browser.conftest import OpenPage
from tests.browser.kagami import STUB, KagamiServer
from tests.support.stub_forks import ANY_TRACKER_PORT

PERIOD_S = 1 / 60
DRIVES = re.compile(r"^iFacialMocap, \d+ times a second$")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KagamiServer]:
    log = tmp_path_factory.mktemp("tracker") / "log.txt"
    with KagamiServer(Path(log), ANY_TRACKER_PORT, program=STUB) as started:
        yield started


@pytest.fixture(scope="module")
def port(server: KagamiServer) -> int:
    """The UDP port at which it receives."""
    with urllib.request.urlopen(f"{server.url}api/config") as answer:
        (tracker,) = json.load(answer)["trackers"]
    return int(tracker["port"])


@contextmanager
def phone(port: int) -> Iterator[None]:
    """Sends a head that looks straight ahead, as iFacialMocap does."""
    end = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not end.wait(PERIOD_S):
                sender.sendto(b"jawOpen-10|=head#0,0,0,0,0,0|", ("127.0.0.1", port))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def without_camera(open_page: OpenPage, server: KagamiServer) -> Page:
    """A page that is live with its camera switched off."""
    page = open_page(server.url)
    page.locator("#camera-on").uncheck()
    go_live(page)
    return page


def test_tracker_drives_a_page_without_a_camera(open_page: OpenPage, server: KagamiServer, port: int) -> None:
    page = open_page(server.url)
    state, switch = page.locator("#tracker-state"), page.get_by_role("switch", name="Tracker", exact=True)
    expect(state).to_have_text("Listens when you start")
    page.locator("#camera-on").uncheck()
    go_live(page)
    silent = f"No data arrives at port {port}: start the tracker and give it this computer’s address"
    expect(state).to_have_text(silent)
    expect(page.locator("#calibrate")).to_be_disabled()
    expect(page.locator("#tracker-level")).to_be_hidden()
    with phone(port):
        expect(state).to_have_text(DRIVES)
        expect(page.locator("#tracker-level")).to_be_visible()
        await_frames(page)
        page.locator("#camera-on").check()
        expect(page.locator("#camera-state")).to_have_text("Rests: the tracker moves the character")
        page.locator("#camera-on").uncheck()
        expect(page.locator("#calibrate")).to_be_enabled()
        switch.uncheck()
        expect(state).to_have_text("Off")
        expect(page.locator("#calibrate")).to_be_disabled()
        page.reload()
        expect(switch).not_to_be_checked()
        switch.check()
        expect(state).to_have_text(DRIVES)
    expect(state).to_have_text(silent)


def test_tracker_goes_to_the_page_that_switches_it_on(open_page: OpenPage, server: KagamiServer, port: int) -> None:
    with phone(port):
        pages = [without_camera(open_page, server) for _ in range(2)]
        states = [page.locator("#tracker-state") for page in pages]
        switches = [page.locator("#tracker-on") for page in pages]
        for _ in range(2):
            expect(states[1]).to_have_text(DRIVES)
            expect(states[0]).to_have_text("Moves another page: switch it on to have it here")
            expect(switches[0]).not_to_be_checked()
            switches[0].click()  # which waits for nothing: the server says whether it is on
            for each in (states, switches):
                each.reverse()


def test_page_shows_no_tracker_where_none_is_received(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.locator("#camera-state")).to_have_text("Opens when you start")
    expect(page.locator("#tracker-source")).to_be_hidden()

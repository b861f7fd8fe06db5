"""A page of a server that records says so before the start and while it does, and its sessions are in the folder."""

from __future__ import annotations

from pathlib import Path

import av
from playwright.sync_api import expect

from tests.browser.actions import await_frames, go_live
from tests.browser.conftest import OpenPage
from tests.browser.kagami import STUB, KagamiServer


def test_page_tells_that_its_server_records(open_page: OpenPage, tmp_path: Path) -> None:
    folder = tmp_path / "takes"
    folder.mkdir()
    with KagamiServer(tmp_path / "log.txt", "--record", str(folder), program=STUB) as server:
        page = open_page(server.url)
        expect(page.locator("#server-records")).to_be_visible()
        expect(page.locator("#server-recording")).to_be_hidden()
        go_live(page)
        expect(page.get_by_text("Recorded on the server")).to_be_visible()
        await_frames(page, 5)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#server-recording")).to_be_hidden()
    (path,) = folder.iterdir()
    with av.open(str(path)) as video:
        assert sum(1 for _ in video.decode(video=0)) >= 5


def test_page_of_a_server_that_does_not_record_says_nothing_of_it(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    await_frames(page)
    expect(page.locator("#server-recording")).to_be_hidden()
    expect(page.locator("#server-records")).to_be_hidden()

"""Further views of the character on the page: added, told, refused, taken away, and added again in a new session."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.actions import (
    await_frames,
    await_live,
    expect_alert,
    expect_in_use,
    go_live,
    hold_requests,
    png_file,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import STUB, KagamiServer

BLACK, RED, GREEN = (0, 0, 0), (200, 20, 20), (20, 200, 20)


def add_view(page: Page, name: str, colour: tuple[int, int, int] = GREEN) -> None:
    page.locator("#view-file").set_input_files(png_file(name, colour))


def expect_views(page: Page, *names: str) -> None:
    expect(page.locator("#views li:not([data-pending]) img")).to_have_count(len(names))
    for index, name in enumerate(names):
        expect(page.locator("#views img").nth(index)).to_have_attribute("alt", f"View {name}")


def test_views_are_added_while_live_and_their_notes_shown(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    stage, add = page.locator("#picture-stage"), page.get_by_role("button", name="Add a view")
    held = hold_requests(page, "api/view", "PUT")
    with page.expect_file_chooser() as chooser:
        add.click()
    chooser.value.set_files(png_file("left.png", GREEN))
    expect(stage).to_have_text("Preparing…")
    await_frames(page)  # of the former character, meanwhile
    wait_until(lambda: len(held) == 1, page)
    held[0].continue_()
    page.unroute_all()
    expect(stage).to_have_text("In use")
    expect(page.locator("#picture-name")).to_have_text("stub.png")
    expect_views(page, "left.png")
    expect(page.locator("#picture-notes")).to_have_text("left.png is a view.")
    for name in ("right.png", "laugh.png"):
        add_view(page, name)
        expect(page.get_by_role("button", name=f"Take the view {name} away")).to_be_visible()
        expect(page.locator("#views [data-pending]")).to_have_count(0)
    expect_views(page, "left.png", "right.png", "laugh.png")
    expect(add).to_be_hidden()
    add_view(page, "fifth.png")
    expect_alert(page, "A character has at most 4 pictures: take one away before you add another.")
    expect_views(page, "left.png", "right.png", "laugh.png")


def test_view_is_taken_away_by_keyboard_and_the_focus_stays_there(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    for names in (["left.png"], ["left.png", "right.png"]):
        add_view(page, names[-1])
        expect_views(page, *names)
    page.get_by_role("button", name="Take the view left.png away").focus()
    page.keyboard.press("Enter")
    expect_views(page, "right.png")
    expect(page.locator("#picture-notes")).to_have_text("right.png is a view.")
    expect(page.locator("#add-view")).to_be_focused()


def test_refused_view_is_told_and_the_character_stays(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    add_view(page, "left.png")
    expect_views(page, "left.png")
    add_view(page, "black.png", BLACK)
    expect_alert(page, "black.png is black.")
    page.locator("#view-file").set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect_alert(
        page,
        "notes.txt is not a picture that can be used: choose a PNG, JPEG, WebP, AVIF, HEIC, GIF, BMP or TIFF file.",
    )
    expect_views(page, "left.png")


def test_another_picture_has_no_views(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    add_view(page, "left.png")
    expect_views(page, "left.png")
    page.locator("#file").set_input_files(png_file("red.png", RED))
    expect_in_use(page, "red.png")
    expect(page.locator("#views img")).to_have_count(0)
    expect(page.locator("#picture-notes")).to_be_hidden()


def test_picture_and_views_are_added_again_when_the_server_restarts(open_page: OpenPage, tmp_path: Path) -> None:
    with KagamiServer(tmp_path / "log.txt", program=STUB) as server:
        page = open_page(server.url)
        page.locator("#file").set_input_files(png_file("red.png", RED))
        expect_in_use(page, "red.png")
        for names in (["left.png"], ["left.png", "right.png"]):
            add_view(page, names[-1])
            expect_views(page, *names)
        go_live(page)
        server.stop()
        expect(page.locator("#status")).to_have_text("Reconnecting…")
        server.start()
        await_live(page)
        expect(page.locator("#picture-notes li")).to_have_count(2)
        expect_views(page, "left.png", "right.png")
        expect(page.locator("#picture-name")).to_have_text("red.png")


def test_views_fit_a_phone(open_page: OpenPage, stub: KagamiServer, tmp_path: Path) -> None:
    page = open_page(stub.url, viewport={"width": 320, "height": 780}, is_mobile=True, has_touch=True)
    expect(page.locator("#status")).to_have_text("Ready")
    for names in (["a.png"], ["a.png", "b.png"], ["a.png", "b.png", "c.png"]):
        add_view(page, names[-1])
        expect_views(page, *names)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320
    page.locator("#picture-card").screenshot(path=tmp_path / "views.png")

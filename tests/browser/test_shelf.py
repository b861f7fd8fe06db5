"""The shelf: pictures are kept on this device, worn by a click or a key, renamed, removed and put in order."""

from __future__ import annotations

import re

import cv2
import numpy as np
from playwright.sync_api import Page, Request, Route, expect

from streamer.server.samples import SAMPLES, SMALL_SIDE
from tests.browser.actions import (
    answer_held,
    await_frames,
    colour_of,
    expect_alert,
    go_live,
    hold_requests,
    is_close,
    png_file,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

RED, GREEN, BLUE = (200, 30, 30), (20, 160, 40), (30, 40, 200)
_FILL = """
async () => {
  const { ShelfStore, MAX_ENTRIES } = await import('./shelf_store.js');
  const shelf = new ShelfStore();
  await shelf.load();
  const [first] = shelf.entries;
  for (let i = 1; i < MAX_ENTRIES; i += 1) {
    await shelf.put({ ...first, id: first.id + i, order: i, name: `copy ${i}` });
  }
}
"""
_ROWS = """(count) => {
  const tiles = document.getElementById('tiles');
  while (tiles.children.length < count) {
    tiles.append(tiles.lastElementChild.cloneNode(true));
  }
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const tops = [...tiles.children].map((tile) => tile.offsetTop);
    done([[...new Set(tops)].map((top) => tops.filter((each) => each === top).length), tiles.children[0].offsetWidth]);
  })));
}"""
_OWN = "#tiles .tile[data-key^=own]"


def expect_worn(page: Page, name: str) -> None:
    expect(page.locator("#picture-name")).to_have_text(name)
    expect(page.locator("#picture-stage")).not_to_have_text("Preparing…")


def put(page: Page, name: str, colour: tuple[int, int, int]) -> None:
    """Choose a file and wait until it is worn and on the shelf."""
    count = page.locator(_OWN).count()
    page.locator("#file").set_input_files(png_file(name, colour))
    expect_worn(page, name)
    expect(page.locator(_OWN)).to_have_count(count + 1)


def names(page: Page) -> list[str]:
    return [str(tile.get_attribute("aria-label")) for tile in page.locator(_OWN).all()]


def open_shelf(open_page: OpenPage, stub: KagamiServer) -> Page:
    page = open_page(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    expect(page.locator("#tiles .tile")).to_have_count(len(SAMPLES))
    return page


def test_one_click_on_the_shelf_wears_a_sample(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    for small in page.locator("#tiles img").all():
        assert small.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == SMALL_SIDE
    go_live(page)
    page.get_by_role("button", name="Cartoon").click()
    expect_worn(page, "Cartoon")
    expect(page.get_by_role("button", name="Cartoon")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(_OWN)).to_have_count(0)
    page.reload()
    expect_worn(page, "Cartoon")
    page.get_by_role("button", name="Portrait").click()  # what the server was started with
    expect_worn(page, "stub.png")


def expect_another_choice_stays(page: Page, held: list[Route]) -> None:
    """What is chosen while a sample is awaited is worn, also after the sample has come."""
    wait_until(lambda: len(held) == 1, page)
    page.get_by_role("button", name="Anime").click()
    expect_worn(page, "Anime")
    answer_held(page, held[0])
    expect_worn(page, "Anime")


def test_a_sample_that_is_slow_to_come_gives_way_to_a_later_choice(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    held = hold_requests(page, "api/samples/cartoon", "GET")
    page.get_by_role("button", name="Cartoon").click()
    expect_another_choice_stays(page, held)


def test_a_choice_stays_though_a_reload_was_about_to_restore_another(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    page.get_by_role("button", name="Cartoon").click()
    expect_worn(page, "Cartoon")
    held = hold_requests(page, "api/samples/cartoon", "GET")
    page.reload()
    expect_another_choice_stays(page, held)


def test_tiles_stand_in_even_rows(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    found = {}
    for count in (len(SAMPLES), *range(len(SAMPLES) + 1, 11)):
        for width in (320, 360, 390, 480, 844, 1024, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            rows, side = page.evaluate(_ROWS, count)
            assert sum(rows) == count and min(rows) > max(rows) / 2, f"{count} tiles at {width} px: {rows}"
            assert 44 <= side <= 84, f"{count} tiles at {width} px are {side} px wide"
            found[count, width] = rows
    assert found[6, 1440] == [6] and found[7, 320] == [4, 3] and found[10, 390] == [5, 5] and found[10, 844] == [10]


def is_upload(request: Request) -> bool:
    """Whether a request gives the server a picture, and does not merely show one."""
    return "api/picture" in request.url and request.method != "GET"


def test_pictures_survive_a_reload_and_swap_by_keys_while_live(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    put(page, "red.png", RED)
    put(page, "blue.png", BLUE)
    page.locator("#file").set_input_files(png_file("the same again.png", RED))
    expect_worn(page, "the same again.png")
    expect(page.locator(_OWN)).to_have_count(2)
    page.keyboard.press("2")
    expect_worn(page, "blue.png")
    page.reload()
    expect_worn(page, "blue.png")
    assert names(page) == ["red.png", "blue.png"]
    go_live(page)
    wait_until(lambda: is_close(colour_of(page), BLUE), page)
    held = hold_requests(page, "api/picture", "PUT")
    page.keyboard.press("1")
    expect(page.locator("#picture-stage")).to_have_text("Preparing…")
    await_frames(page)  # of the former character, meanwhile
    wait_until(lambda: len(held) == 1 or is_close(colour_of(page), RED), page)  # Chromium may let one pass
    for route in held:
        route.continue_()
    page.unroute_all()
    wait_until(lambda: is_close(colour_of(page), RED), page)
    expect_worn(page, "red.png")
    uploads: list[str] = []
    page.on("request", lambda request: uploads.append(request.method) if is_upload(request) else None)
    page.keyboard.press("2")
    wait_until(lambda: is_close(colour_of(page), BLUE), page)
    assert uploads == ["POST"], "the server keeps the picture, and it was sent again"


def test_last_of_several_choices_is_worn(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    for name, colour in (("red.png", RED), ("green.png", GREEN), ("blue.png", BLUE)):
        put(page, name, colour)
    page.reload()
    expect_worn(page, "blue.png")
    for key in "1231":
        page.keyboard.press(key)
    expect_worn(page, "red.png")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.get_by_role("button", name="red.png")).to_have_attribute("aria-pressed", "true")


def test_pictures_are_renamed_put_in_order_and_removed(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    for name, colour in (("red.png", RED), ("green.png", GREEN), ("blue.png", BLUE)):
        put(page, name, colour)
    page.locator(_OWN).nth(2).focus()
    for key in ("Alt+ArrowLeft", "Alt+ArrowLeft", "Alt+ArrowRight", "Alt+ArrowLeft"):  # faster than they are written
        page.keyboard.press(key)
    wait_until(lambda: names(page) == ["blue.png", "red.png", "green.png"], page)
    expect(page.locator(_OWN).nth(0)).to_be_focused()
    page.locator(_OWN).nth(1).drag_to(page.locator(_OWN).nth(2))
    wait_until(lambda: names(page) == ["blue.png", "green.png", "red.png"], page)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Name of blue.png").fill("Her Majesty")
    page.get_by_label("Name of blue.png").press("Tab")
    expect(page.locator("#picture-name")).to_have_text("Her Majesty")
    page.get_by_role("button", name="Move Her Majesty down").click()
    page.get_by_role("button", name="Remove red.png").click()
    page.get_by_role("switch", name="Show the samples").uncheck()
    page.get_by_role("button", name="Done").click()
    expected = ["green.png", "Her Majesty", "Portrait"]
    expect(page.locator("#tiles .tile")).to_have_count(len(expected))
    page.reload()
    expect_worn(page, "Her Majesty")
    expect(page.locator("#tiles .tile")).to_have_count(len(expected))
    assert [tile.get_attribute("aria-label") for tile in page.locator("#tiles .tile").all()] == expected


def test_views_are_kept_with_their_character(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    held = hold_requests(page, "api/thumbnail", "GET")  # until then the picture is not on the shelf
    page.locator("#file").set_input_files(png_file("red.png", RED))
    expect_worn(page, "red.png")
    page.locator("#view-file").set_input_files(png_file("left.png", GREEN))
    expect(page.locator("#views li:not([data-pending]) img")).to_have_count(1)
    page.locator("#file").set_input_files(png_file("blue.png", BLUE))
    expect_worn(page, "blue.png")
    expect(page.locator("#views li")).to_have_count(0)
    wait_until(lambda: len(held) == 2, page)
    for route in held:
        route.continue_()
    expect(page.locator(_OWN)).to_have_count(2)
    expect(page.get_by_role("button", name="blue.png")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect_worn(page, "blue.png")
    page.keyboard.press("1")
    expect_worn(page, "red.png")
    expect(page.locator("#views li:not([data-pending]) img")).to_have_attribute("alt", "View left.png")


def test_full_shelf_is_told_and_the_picture_is_worn(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    put(page, "red.png", RED)
    page.evaluate(_FILL)
    page.reload()
    expect_worn(page, "red.png")
    page.locator("#file").set_input_files(png_file("blue.png", BLUE))
    expect_alert(page, "The shelf is full (24 pictures): remove one to keep another.")
    expect(page.locator("#picture-name")).to_have_text("blue.png")
    assert "blue.png" not in names(page)


def test_window_without_storage_says_so_and_keeps_the_shelf_for_itself(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError'); };")
    page.goto(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    put(page, "red.png", RED)
    expect(page.get_by_text("This window keeps no pictures")).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("#picture-name")).not_to_have_text("red.png")
    page.keyboard.press("1")
    expect_worn(page, "red.png")


def test_long_name_is_shown_whole_on_hover_and_focus(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    long = "a very long name of a picture that nobody would ever type.png"
    put(page, long, RED)
    name = page.locator("#picture-name")
    cut = "(element) => element.scrollWidth > element.clientWidth"
    assert name.evaluate(cut)
    name.hover()
    assert not name.evaluate(cut)
    page.mouse.move(0, 0)
    name.focus()
    assert not name.evaluate(cut)
    page.locator(_OWN).hover()
    expect(page.locator("#tile-name")).to_have_text(long[:60])


def test_picture_that_the_browser_cannot_show_is_shown_by_the_server(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_shelf(open_page, stub)
    tiff = cv2.imencode(".tiff", np.full((128, 128, 3), RED[::-1], np.uint8))[1].tobytes()
    page.locator("#file").set_input_files({"name": "red.tiff", "mimeType": "image/tiff", "buffer": tiff})
    expect_worn(page, "red.tiff")
    expect(page.locator("#still")).to_have_attribute("src", re.compile("api/picture.*session="))
    width = "(image) => image.decode().then(() => image.naturalWidth)"
    assert page.locator("#still").evaluate(width) == SMALL_SIDE
    assert page.locator("#thumb").evaluate(width) == SMALL_SIDE
    assert page.locator(f"{_OWN} img").evaluate(width) == SMALL_SIDE

"""A film of a clip on the page: dropped, progress, cancelled, downloaded, refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import answer_held, expect_alert, go_live, hold_requests, pass_sockets, png_file, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import ROOT, KagamiServer

_DROP = """async ([files]) => {
  const data = new DataTransfer();
  for (const [name, type, bytes] of files) {
    data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name, { type }));
  }
  const event = (kind) => new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event('dragenter'));
  await new Promise(requestAnimationFrame);
  const shown = document.getElementById('drop-text').textContent;
  document.body.dispatchEvent(event('drop'));
  return shown;
}"""


_IN_FRONT = """(id) => {
  const element = document.getElementById(id);
  const { left, top, width, height } = element.getBoundingClientRect();
  return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""


def clip(content: bytes, name: str = "talk.mp4", kind: str = "video/mp4") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": content}


@pytest.fixture
def page(open_page: OpenPage, stub: KagamiServer) -> Page:
    opened = open_page(stub.url)
    opened.wait_for_selector("body[data-link=open]")
    return opened


def test_a_clip_becomes_a_film_that_is_seen_and_downloaded(page: Page) -> None:
    data = (ROOT / "assets" / "driver.mp4").read_bytes()
    page.locator("#clip-file").set_input_files(clip(data, "My holiday.mp4"))
    expect(page.locator("#film-name")).to_have_text("My holiday.mp4")
    expect(page.locator("#film-file")).to_have_text("My holiday-stub.mp4")
    expect(page.locator("#film-stage")).to_be_hidden()
    page.wait_for_function("() => document.getElementById('film-video').videoWidth > 0")
    expect(page.locator("#choose-clip")).to_be_hidden()  # until the film is saved
    page.locator("#clip-file").set_input_files(clip(data))
    expect_alert(page, "The film of My holiday.mp4 is not saved yet: download or remove it first.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").press("Enter")
    assert download.value.suggested_filename == "My holiday-stub.mp4"
    assert Path(download.value.path()).read_bytes() == data
    expect(page.locator("#choose-clip")).to_be_visible()
    page.get_by_role("button", name="Remove the film").click()
    expect(page.locator("#film-result")).to_be_hidden()
    expect(page.locator("#choose-clip")).to_be_focused()


def test_a_film_shows_how_long_it_takes_also_while_live_and_is_cancelled_by_key(page: Page) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Make a film from a clip").click()
    chooser.value.set_files(clip(b"forever"))
    expect(page.locator("#film-stage")).to_have_text("About 2 minutes left")
    expect(page.locator("#film-progress")).to_be_visible()
    expect(page.locator("#film-slow")).to_be_hidden()
    go_live(page)
    expect(page.locator("#film-slow")).to_be_visible()
    page.locator("#clip-file").set_input_files(clip(b"forever", "other.mp4"))
    expect_alert(page, "The film of talk.mp4 is being made: wait for it, or cancel it first.")
    page.get_by_role("button", name="Cancel the film").press("Enter")
    expect(page.locator("#film-work")).to_be_hidden()
    expect(page.locator("#choose-clip")).to_be_focused()


def test_a_cancelled_film_stays_away_whatever_the_server_has_told_meanwhile(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    page = open_page("about:blank")
    sockets = pass_sockets(page)
    held = hold_requests(page, "api/film", "DELETE")
    page.goto(stub.url)
    page.wait_for_selector("body[data-link=open]")
    page.locator("#clip-file").set_input_files(clip(b"forever"))
    expect(page.locator("#film-stage")).to_have_text("About 2 minutes left")
    page.get_by_role("button", name="Cancel the film").click()
    wait_until(lambda: len(held) == 1, page)
    told = {"type": "film", "stage": "drawing", "name": "talk.mp4", "suffix": "mp4", "done": 0.5, "seconds_left": 9}
    sockets[-1].send(json.dumps({**told, "size": None, "notes": [], "message": None}))
    sockets[-1].send(json.dumps({"type": "error", "code": "test", "message": "It has come.", "fatal": False}))
    expect_alert(page, "It has come.")
    expect(page.locator("#film-work")).to_be_hidden()
    answer_held(page, held[0])
    expect(page.locator("#choose-clip")).to_be_visible()


def test_a_film_on_a_phone_is_seen_when_it_begins_and_found_when_it_is_ready(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    page = open_page(stub.url, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page.wait_for_selector("body[data-link=open]")
    page.locator("#clip-file").set_input_files(clip(b"forever"))
    expect(page.locator("#film-stage")).to_have_text("About 2 minutes left")
    for shown in ("film-name", "film-stage", "cancel-film"):
        assert page.evaluate(_IN_FRONT, shown), f"{shown} is not seen"
    page.locator("#cancel-film").click()
    page.evaluate("() => { document.getElementById('film-card').scrollIntoView = () => {}; scrollTo(0, 0); }")
    page.locator("#clip-file").set_input_files(clip((ROOT / "assets" / "driver.mp4").read_bytes()))  # waits for the end
    expect_alert(page, "The film of talk.mp4 is ready.")
    page.evaluate("() => { delete document.getElementById('film-card').scrollIntoView; }")
    page.get_by_role("alert").get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    page.wait_for_function(_IN_FRONT, arg="save-film")


def test_what_cannot_be_a_film_is_one_sentence_with_the_name_of_the_file(page: Page) -> None:
    choose = page.locator("#clip-file")
    choose.set_input_files(clip(b"words", "notes.txt", "text/plain"))
    expect_alert(page, "notes.txt is not a video that can be used: choose an MP4, MOV, WebM or MKV file.")
    choose.set_input_files(clip(b""))
    expect_alert(page, "talk.mp4 is empty (0 bytes): record or download it again.")
    choose.set_input_files(clip(b"nobody"))
    expect_alert(page, "Nobody was found in talk.mp4: use another.")
    choose.set_input_files(clip(b"crash"))
    expect_alert(page, "talk.mp4 cannot be read by this server: save it as another MP4 and try again.")
    expect(page.locator("#choose-clip")).to_be_visible()


def test_a_dropped_clip_becomes_a_film_and_a_dropped_picture_the_avatar(page: Page) -> None:
    assert page.evaluate(_DROP, [[["talk.mp4", "video/mp4", "Zm9yZXZlcg=="]]]) == "Drop a clip to make a film of it"
    expect(page.locator("#film-name")).to_have_text("talk.mp4")
    expect(page.locator("#film-stage")).to_have_text("About 2 minutes left")
    page.get_by_role("button", name="Cancel the film").click()
    picture = base64.b64encode(png_file("cat.png", (20, 60, 220))["buffer"]).decode()
    assert page.evaluate(_DROP, [[["cat.png", "image/png", picture]]]) == "Drop a picture to become it"
    expect(page.locator("#picture-name")).to_have_text("cat.png")


def test_what_is_neither_picture_nor_clip_is_told_what_can_be_dropped(page: Page) -> None:
    invitation = "Drop a picture to become it, or a clip to make a film of it"
    assert page.evaluate(_DROP, [[["notes.txt", "text/plain", "YQ=="], ["voice.mp3", "audio/mpeg", ""]]]) == invitation
    expect_alert(
        page,
        "notes.txt is neither a picture nor a clip that can be used: choose a picture"
        " (PNG, JPEG, WebP, AVIF, HEIC, GIF, BMP or TIFF) or a clip (MP4, MOV, WebM or MKV).",
    )
    expect(page.locator("#picture-name")).to_have_text("stub.png")
    page.evaluate(_DROP, [[["notes.txt", "text/plain", "YQ=="], ["talk.mkv", "", "Zm9yZXZlcg=="]]])
    expect(page.locator("#film-name")).to_have_text("talk.mkv")
    page.get_by_role("button", name="Cancel the film").click()


def test_the_time_left_is_told_in_words(page: Page) -> None:
    words = page.evaluate("async () => [10, 60, 130, 5300, 7200].map((await import('./film.js')).timeLeft)")
    assert words == [
        "Less than a minute left", "About a minute left", "About 2 minutes left", "About 88 minutes left",
        "About 2 hours left",
    ]  # fmt: skip

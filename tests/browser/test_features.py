"""Controls of the page that no other test of a subject presses: each is clicked, and does what it says.

docs/page.md lists all features with their tests.
"""

from __future__ import annotations

import base64
import json

from playwright.sync_api import expect

from tests.browser.actions import (
    colour_of,
    expect_alert,
    expect_in_use,
    go_live,
    is_close,
    png_file,
    sent_controls,
    sent_messages,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

RED, GREEN = (200, 30, 30), (30, 180, 40)
_PASTE = """
(data) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }));
  document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
}
"""


def test_pictures_come_by_button_and_by_paste(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    with page.expect_file_chooser() as chooser:
        page.locator("#choose").click()
    chooser.value.set_files(png_file("red.png", RED))
    expect_in_use(page, "red.png")
    page.evaluate(_PASTE, base64.b64encode(png_file("", GREEN)["buffer"]).decode())
    expect_in_use(page, "pasted.png")


def test_addresses_are_copied_and_notices_dismissed(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    page.locator("#copy").click()
    expect_alert(page, "The address is ")
    page.locator("#notice-close").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_files_of_settings_come_by_button(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    page.on("filechooser", lambda _: None)  # catches choosers from here on: asked for at the key, it may come too late
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    page.locator("#motion-more summary").click()
    page.get_by_role("button", name="I look at the camera now").click()
    wait_until(lambda: any(message.get("straighten") for message in messages), page)

    page.get_by_role("radio", name="Own").focus()  # its button alone opens the chooser here
    with page.expect_file_chooser():
        page.keyboard.press("Space")
    with page.expect_file_chooser() as chooser:
        page.locator("#choose-background").click()
    chooser.value.set_files(png_file("wall.png", GREEN))
    wait_until(lambda: is_close(colour_of(page), GREEN), page)
    page.get_by_role("button", name="Remove the background").click()

    presets = {"format": "kagami-presets", "version": 1, "presets": {"Calm": {"head": 0.5, "frame": "face"}}}
    page.locator("#presets summary").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import").click()
    chooser.value.set_files(
        {"name": "presets.json", "mimeType": "application/json", "buffer": json.dumps(presets).encode()}
    )
    page.locator("#preset").select_option("Calm")
    wait_until(lambda: sent_controls(messages).get("head") == 0.5, page)
    expect(page.get_by_role("radio", name="Face")).to_be_checked()


def test_frames_and_colours_are_clicked(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    for label, value in {"Face": "face", "Whole": "whole"}.items():
        page.locator(f"label:has(> input[name=frame][value={value}])").click()
        expect(page.get_by_role("radio", name=label)).to_be_checked()
        wait_until(lambda value=value: sent_controls(messages).get("frame") == value, page)  # type: ignore[misc]
    page.locator("#aspect").select_option("own")
    page.locator("#frame-width").fill("320")
    page.locator("#frame-height").fill("240")
    page.locator("#frame-height").press("Enter")
    wait_until(lambda: sent_controls(messages).get("aspect") == "320x240", page)
    page.get_by_role("radio", name="Bright").check(force=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("radio", name="System").check(force=True)
    page.locator("#speed summary").click()
    expect(page.locator("#stages tr").first).to_be_visible()
    page.locator("#help").click()
    page.locator("#close-shortcuts").click()
    expect(page.locator("#shortcuts")).to_be_hidden()


def test_tools_of_the_editor_are_clicked(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    page.locator("#place-points").click()
    expect(page.locator("#editor")).to_be_visible()
    stage = page.locator("#editor-stage")
    view = "(stage) => stage.viewBox.baseVal.width"
    whole = stage.evaluate(view)
    page.locator("#editor-larger").click()
    assert stage.evaluate(view) < whole
    page.locator("#editor-smaller").click()
    page.locator("#editor-fit").click()
    assert abs(stage.evaluate(view) - whole) < 0.01
    handles = page.locator("#editor-stage .handle")
    for group in ("face", "lids", "arms", "legs"):
        box = page.locator(f"#editor-groups input[value={group}]")
        before, was = handles.count(), box.is_checked()
        box.click()
        assert box.is_checked() != was
        assert (handles.count() > before) != was, group
        box.click()
    page.locator("#editor-groups input[value=face]").check()
    page.locator('#editor-stage [data-name="forehead"]').focus()
    on = page.locator("#editor-on")
    was = on.is_checked()
    on.click()
    assert on.is_checked() != was
    with page.expect_file_chooser() as chooser:
        page.locator("#editor-load").click()
    chooser.value.set_files({"name": "no.json", "mimeType": "application/json", "buffer": b"{"})
    expect(page.locator("#editor-message")).to_contain_text("This file is not JSON")
    page.locator("#editor-cancel").click()
    expect(page.locator("#editor")).to_be_hidden()

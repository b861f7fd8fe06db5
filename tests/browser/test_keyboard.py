"""The page by keyboard: visible focus, roving focus in the toolbar, shortcuts and their switch."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.actions import await_live, go_live, sent_controls, sent_messages, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

_FOCUSED = "() => document.activeElement.id"
_FOCUSED_OUTLINE = """
() => {
  const focused = document.activeElement;
  const outlined = focused.matches('.segments input') ? focused.nextElementSibling : focused;
  return [focused.id || focused.value || focused.tagName, getComputedStyle(outlined).outlineStyle];
}
"""
_TAB_STOPS = "() => [...document.querySelectorAll('#dock button')].filter((b) => b.tabIndex === 0).map((b) => b.id)"
_KEYS_SHOWN = "() => document.querySelectorAll('[aria-keyshortcuts]').length"


def press(page: Page, *keys: str) -> str:
    """Press the keys; returns the id of the element that has the focus then."""
    for key in keys:
        page.keyboard.press(key)
    focused: str = page.evaluate(_FOCUSED)
    return focused


def test_tab_reaches_every_control_with_a_visible_focus(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(_FOCUSED_OUTLINE)
        if name == "BODY":
            break
        assert outline == "solid", f"focus on {name} cannot be seen"
        reached.append(name)
    expected = [
        "help",
        "start",
        "choose",
        "add-view",
        "camera",
        "show-self",
        "reset",
        "head",
        "face",
        "body",
        "light",
        "teeth",
        "original",
    ]
    expected += ["reset-framing", "whole", "aspect", "zoom", "shift_x", "shift_y", "keep_in_frame", "copy"]
    assert [name for name in reached if name in expected] == expected


def test_arrow_keys_move_through_the_enabled_buttons_of_the_toolbar(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.locator("#start").focus()
    assert press(page, "ArrowRight") == "mirror"  # those between need a live session
    assert press(page, "ArrowRight") == "full"
    assert press(page, "ArrowRight") == "start"
    assert press(page, "ArrowLeft") == "full"
    assert press(page, "Home") == "start"
    assert press(page, "End") == "full"
    outline = page.evaluate(_FOCUSED_OUTLINE)
    assert outline == ["full", "solid"]
    assert press(page, "Tab") == "picture-name", "the toolbar is one tab stop"
    assert press(page, "Shift+Tab") == "full", "Tab returns to the button that had the focus"

    go_live(page)
    page.locator("#start").focus()
    assert [press(page, "ArrowLeft") for _ in range(3)] == ["calibrate", "pause", "mic"]
    assert press(page, "Home", "ArrowRight") == "pause"
    assert page.evaluate(_TAB_STOPS) == ["pause"]
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#pause")).to_be_disabled()
    expect(page.locator("#start")).to_be_enabled()  # not until another session stands
    assert page.evaluate(_TAB_STOPS) == ["start"], "a disabled button is no tab stop"
    page.locator("#full").press("Enter")
    expect(page.locator("#full")).to_have_attribute("aria-pressed", "true")


def test_shortcuts_run_their_actions_and_are_listed(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for key in "SMPCXBURF":
        expect(dialog.locator("kbd", has_text=key).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("s")
    await_live(page)
    for key in "xcpb":
        page.keyboard.press(key)
    expected = {"mirror": False, "calibrate": True, "paused": True, "background": "blur"}
    wait_until(lambda: sent_controls(messages) == expected, page)
    page.keyboard.press("s")
    page.wait_for_selector("body[data-live=idle]")


def test_shortcuts_can_be_switched_off_and_stay_off(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    assert page.evaluate(_KEYS_SHOWN) == 14
    page.get_by_role("button", name="Keyboard shortcuts").click()
    switch = page.get_by_role("switch", name="Keyboard shortcuts")
    switch.uncheck()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()

    for _ in range(2):
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
        assert page.evaluate(_KEYS_SHOWN) == 0
        expect(page.locator("#mirror")).to_have_attribute("title", "Mirror")
        for key in "sxb?":
            page.keyboard.press(key)
        page.wait_for_timeout(300)
        expect(page.locator("body")).to_have_attribute("data-live", "idle")
        expect(page.locator("#mirror")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("radio", name="Original")).to_be_checked()
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.reload()
        page.wait_for_selector("body[data-view]")

    page.locator("#file").set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect(page.get_by_role("alert")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_be_hidden()

    page.get_by_role("button", name="Keyboard shortcuts").click()
    switch.check()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("x")
    expect(page.locator("#mirror")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#mirror")).to_have_attribute("title", "Mirror (X)")

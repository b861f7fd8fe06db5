"""Faces and gestures by click and by key, and faces of one's own that are remembered on this device."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.actions import expect_alert, go_live, sent_messages, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

FACES = (
    "smile", "laugh", "surprise", "sadness", "anger", "sleepy", "wink-left", "wink-right", "kiss", "puff", "tongue",
    "blush",
)  # fmt: skip
SLOTS = ("7", "8", "9", "0")
Messages = list[dict[str, object]]


def acts(messages: Messages) -> list[tuple[object, object]]:
    """Name and state of each face and gesture that the page asked for."""
    return [(message["name"], message.get("on")) for message in messages if message["type"] == "act"]


def open_live(open_page: OpenPage, stub: KagamiServer) -> tuple[Page, Messages]:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    expect(page.locator("#act-smile")).to_be_disabled()
    go_live(page)
    return page, messages


def test_faces_are_put_on_and_taken_off_and_gestures_play(open_page: OpenPage, stub: KagamiServer) -> None:
    page, messages = open_live(open_page, stub)
    for name in FACES:
        page.locator(f"#act-{name}").click()
        expect(page.locator(f"#act-{name}")).to_have_attribute("aria-pressed", "true")
    for name in FACES:
        page.locator(f"#act-{name}").click()
        expect(page.locator(f"#act-{name}")).to_have_attribute("aria-pressed", "false")
    page.locator("#act-nod").click()
    page.locator("#act-shake").click()
    page.keyboard.press("v")
    wait_until(lambda: len(acts(messages)) == 2 * len(FACES) + 3, page)
    on, off = [(name, True) for name in FACES], [(name, False) for name in FACES]
    assert acts(messages) == [*on, *off, ("nod", None), ("shake", None), ("wave", None)]
    page.locator("#act-wave").click()
    expect(page.locator("#notice")).to_be_hidden()


def test_a_number_with_shift_makes_a_face_while_it_is_held(open_page: OpenPage, stub: KagamiServer) -> None:
    page, messages = open_live(open_page, stub)
    page.keyboard.down("Shift")
    page.keyboard.down("Digit1")
    expect(page.locator("#act-smile")).to_have_attribute("aria-pressed", "true")
    page.keyboard.down("Digit3")
    expect(page.locator("#act-surprise")).to_have_attribute("aria-pressed", "true")
    page.keyboard.up("Shift")
    page.keyboard.up("Digit1")
    expect(page.locator("#act-smile")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#act-surprise")).to_have_attribute("aria-pressed", "true")
    page.keyboard.up("Digit3")
    expect(page.locator("#act-surprise")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Shift+Digit7")  # nothing is remembered there, and nothing is by a key
    page.locator("#help").click()
    page.locator("#use-shortcuts").click()
    page.locator("#close-shortcuts").click()
    page.keyboard.press("Shift+Digit1")
    page.keyboard.press("n")
    assert acts(messages) == [("smile", True), ("surprise", True), ("smile", False), ("surprise", False)]


def test_faces_of_ones_own_are_remembered_and_kept_over_a_reload(open_page: OpenPage, stub: KagamiServer) -> None:
    page, messages = open_live(open_page, stub)
    for slot in SLOTS:
        own = page.locator(f"#act-own-{slot}")
        expect(own).to_have_text(f"Remember as {slot}")
        own.click()
        expect(own).to_have_text(f"Face {slot}")
        own.click()
        expect(own).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator("#act-own-7")).to_be_enabled()
    expect(page.locator("#act-own-7")).to_have_attribute("aria-pressed", "false")
    page.keyboard.down("Shift")
    page.keyboard.down("Digit7")
    expect(page.locator("#act-own-7")).to_have_attribute("aria-pressed", "true")
    page.keyboard.up("Digit7")
    page.keyboard.up("Shift")
    worn = next(message for message in messages if message["type"] == "act")
    assert worn["name"] == "own-7" and isinstance(worn["weights"], dict) and worn["turn"]
    for slot in SLOTS:
        page.locator(f"#forget-own-{slot}").click()
        expect(page.locator(f"#act-own-{slot}")).to_be_focused()
        expect(page.locator(f"#act-own-{slot}")).to_have_text(f"Remember as {slot}")
    page.reload()
    expect(page.locator("#act-own-7")).to_have_text("Remember as 7")


def test_a_face_that_is_not_seen_is_told_and_can_be_tried_again(open_page: OpenPage, stub: KagamiServer) -> None:
    page, _ = open_live(open_page, stub)
    page.locator("#pause").click()
    expect(page.locator("#status")).to_have_text("Paused")
    page.locator("#act-own-8").click()
    expect_alert(page, "No face is seen now: go live, look at the camera and try again.")
    expect(page.locator("#act-own-8")).to_have_text("Remember as 8")
    expect(page.locator("#act-own-8")).to_be_enabled()

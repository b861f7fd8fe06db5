"""What a busy computer gives up is told in words, and what it shall keep is chosen. The stub is never busy, so that
what it gives up is put into its messages on their way.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.actions import changing_messages, go_live, sent_controls, sent_messages, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

# The page counts 25 frames in each second, also on a machine that shows fewer, which it would tell instead.
_FLUENT = """
async () => {
  const { Meter } = await import('/meter.js');
  Object.defineProperty(Meter.prototype, 'fps', { get: () => [25, 25, 25, 25, 25], set: () => undefined });
}
"""
EDGES = "The computer is busy: the shape of the head is refined less often."
BODY = "The computer is busy: hands and body are followed less often."


def test_what_a_busy_computer_gives_up_is_told_in_words(open_page: OpenPage, stub: KagamiServer) -> None:
    given_up: list[str] = []

    def change(message: dict[str, Any]) -> None:
        if message["type"] == "stats":
            message["given_up"] = given_up

    page = open_page("about:blank")
    page.route_web_socket("**/*", changing_messages(change))
    page.goto(stub.url)
    page.evaluate(_FLUENT)
    go_live(page)
    page.locator("#speed summary").click()
    under_the_stage, in_the_card = page.locator("#slow-words"), page.locator("#given-up li")
    given_up.append("edges")
    expect(in_the_card).to_have_text([EDGES])
    assert under_the_stage.text_content() != EDGES  # hardly seen, and told in the card alone
    given_up.append("body")
    expect(in_the_card).to_have_text([EDGES, BODY])
    expect(under_the_stage).to_have_text(BODY)
    given_up.clear()
    expect(in_the_card).to_have_count(0)
    expect(under_the_stage).not_to_have_text(BODY)


def test_what_a_busy_computer_keeps_is_chosen_and_remembered(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    page.locator("#speed summary").click()
    for label, value in {"Best": "best", "Balanced": "balanced", "Fast": "fast"}.items():
        page.locator(f"label:has(> input[name=speed][value={value}])").click()
        wait_until(lambda value=value: sent_controls(messages).get("speed") == value, page)  # type: ignore[misc]
        expect(page.get_by_role("radio", name=label)).to_be_checked()
    page.reload()
    expect(page.locator("input[name=speed][value=fast]")).to_be_checked()

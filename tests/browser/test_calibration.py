"""Calibration on request: a countdown, words of the server, and "Again"."""

from __future__ import annotations

from itertools import groupby

import pytest
from playwright.sync_api import expect

from tests.browser.actions import (
    expect_alert,
    go_live,
    record_texts,
    sent_controls,
    sent_messages,
    shown_texts,
    stop_clock,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

_REPORT = """
async (messages) => {
  const { CalibrationControl } = await import('/calibration.js');
  const notices = [];
  const store = {
    state: { live: 'live', calibration: { stage: 'asked' }, recording: null },
    set(changes) { Object.assign(this.state, changes); },
    notify: ({ text }) => notices.push(text),
    dismiss() {},
  };
  const control = new CalibrationControl(store, () => {});
  messages.forEach(([phase, message]) => control.handleState({ phase, message }));
  return [notices, store.state.calibration];
}
"""
_CALM = "This is your resting face now."
_DISTURBED = "Your face did not rest: the calmest moments were taken as your resting face."


def test_calibration_counts_down_tells_of_a_smile_and_can_be_repeated(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.clock.install()
    page.goto(stub.url)
    go_live(page)
    left, words = page.locator("#countdown-left"), "Look at the screen with a relaxed face."
    stop_clock(page)
    page.get_by_role("button", name="Calibrate").click()
    expect(left).to_have_text("3")
    expect(page.locator("#countdown-words")).to_have_text(words)
    page.clock.run_for(1000)
    expect(left).to_have_text("2")
    page.keyboard.press("Escape")
    expect(page.locator("#countdown")).to_be_hidden()
    page.wait_for_selector("body[data-phase=live]")
    record_texts(page, "#hint")
    page.keyboard.press("c")
    page.clock.run_for(3000)
    hints = ["You smile: relax your face.", "Look at the screen with a relaxed face, and hold still for a moment."]
    expect_alert(page, _CALM)
    told = [text.strip() for text in shown_texts(page)]  # and between, on a busy machine, that no camera picture comes
    assert [text for text, _ in groupby(text for text in told if text in hints)][-2:] == hints
    assert page.locator("#hint-progress").evaluate("(bar) => bar.value") > 0.5, "its progress was not told"
    assert sent_controls(messages) == {"calibrate": True}
    page.get_by_role("alert").get_by_role("button", name="Again").click()
    expect(page.locator("#countdown")).to_be_visible()
    page.clock.run_for(3000)
    wait_until(lambda: sum("calibrate" in message for message in messages) == 2, page)


@pytest.mark.parametrize(
    ("messages", "notices"),
    [
        ([("live", None), ("calibrating", "You move."), ("calibrating", None), ("live", None)], [_CALM]),
        ([("calibrating", None), ("calibrating", "You move."), ("live", None)], [_DISTURBED]),
        ([("calibrating", None), ("paused", None), ("live", None)], []),
        (
            [("calibrating", None), ("stalled", "Anew."), ("lost", "No face."), ("calibrating", None), ("live", None)],
            [_CALM],
        ),
    ],
)
def test_result_of_a_calibration_is_told_once(
    open_page: OpenPage, stub: KagamiServer, messages: list[tuple[str, str | None]], notices: list[str]
) -> None:
    assert open_page(stub.url).evaluate(_REPORT, messages) == [notices, None]

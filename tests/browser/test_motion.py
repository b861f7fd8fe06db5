"""The card "Motion" of the page: strengths of single parts, turns of head and gaze, and what resets them."""

from playwright.sync_api import expect

from tests.browser.actions import go_live, sent_controls, sent_messages, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

SLIDERS = {
    "Voice": "voice", "Eyes": "eyes", "Brows": "brows", "Mouth": "mouth", "Hands": "hands", "Turn": "yaw",
    "Nod": "pitch", "Tilt": "roll", "Aside": "gaze_x", "Up": "gaze_y", "Motion": "smoothing",
}  # fmt: skip


def test_parts_and_turns_reach_the_server_by_keyboard_and_each_is_reset(
    open_page: OpenPage, stub: KagamiServer
) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    page.locator("#motion-more summary").press("Enter")
    expected: dict[str, float] = {}
    for label, name in SLIDERS.items():
        slider = page.get_by_role("slider", name=label, exact=True)
        assert slider.get_attribute("id") == name
        before = float(slider.input_value())
        slider.press("ArrowRight")
        expected[name] = float(slider.input_value())
        assert expected[name] > before
    wait_until(lambda: sent_controls(messages) == expected, page)
    expect(page.locator("#yaw-value")).to_have_text("+1°")
    expect(page.locator("#eyes-value")).to_have_text("105%")

    page.get_by_role("button", name="Reset Turn", exact=True).press("Enter")
    wait_until(lambda: sent_controls(messages)["yaw"] == 0, page)
    expect(page.get_by_role("slider", name="Turn", exact=True)).to_be_focused()
    expect(page.locator("#yaw-reset")).not_to_be_visible()
    assert page.locator("#eyes-reset").is_visible() and not page.locator("#head-reset").is_visible()


def test_rows_of_sliders_line_up(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    page.locator("#motion-more summary").click()
    edges = page.evaluate(
        """() => [...document.querySelectorAll('.slider')].filter((row) => row.checkVisibility()).map((row) => {
          const [bar, value] = ['input', 'output'].map((part) => row.querySelector(part).getBoundingClientRect());
          return [bar.left, bar.right, value.right, bar.height < 30 && row.querySelector('label').scrollHeight < 30];
        })"""
    )
    assert len(edges) >= 16 and all(edge == edges[0] for edge in edges) and edges[0][3]

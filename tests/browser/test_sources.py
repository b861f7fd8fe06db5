"""The card "What moves the character": each source is switched on and off, and says how it is with it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.actions import (
    await_frames,
    await_live,
    changing_messages,
    expect_alert,
    go_live,
    sent_messages,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

_OPENED = """
window.opened = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) => {
  opened.push(...Object.keys(wanted).filter((kind) => wanted[kind]));
  return open(wanted);
};
"""
_REFUSE = """
([kind, name]) => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wanted) => (
    wanted[kind] ? Promise.reject(new DOMException('', name)) : open(wanted));
}
"""
_SENT = """
async () => {
  const { peers } = window;
  return peers.at(-1).getSenders().map(({ track }) => track?.readyState ?? 'none');
}
"""
_PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) { super(...options); peers.push(this); }
};
"""
_MOTION = """
async () => {
  const { motion } = await import('/picture_motion.js');
  const picture = (grey) => new Uint8ClampedArray(400).fill(grey);
  return [motion(picture(90), picture(90)), motion(picture(90), picture(93)), motion(picture(90), picture(200))];
}
"""
_LEVEL = "(id) => Number(getComputedStyle(document.getElementById(id)).getPropertyValue('--level'))"
Messages = list[dict[str, object]]


def open_sources(open_page: OpenPage, stub: KagamiServer) -> tuple[Page, Messages]:
    """A page that keeps its peer connections and the kinds of device that it opens; and what it sends."""
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.add_init_script(_OPENED + _PEERS)
    page.goto(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    return page, messages


def senders(page: Page) -> list[str]:
    """State of the track that is sent as picture, and as sound."""
    states: list[str] = page.evaluate(_SENT)
    return states


def test_camera_goes_and_comes_back_in_the_same_session(open_page: OpenPage, stub: KagamiServer) -> None:
    page, messages = open_sources(open_page, stub)
    state, camera = page.locator("#camera-state"), page.get_by_role("switch", name="Camera", exact=True)
    expect(state).to_have_text("Opens when you start")
    go_live(page)
    expect(state).to_have_text("Follows your face")
    wait_until(lambda: page.evaluate(_LEVEL, "camera-level") > 0, page)
    camera.uncheck()
    expect(state).to_have_text("Off: the character idles")
    expect(page.locator("#status")).to_have_text("Live")
    for hidden in ("#self", "#hint", "#camera-level", "#resolution"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("#calibrate")).to_be_disabled()
    wait_until(lambda: senders(page) == ["none", "live"], page)  # silence keeps the place on the server
    assert page.evaluate("() => document.getElementById('preview').srcObject") is None, "the camera stays open"
    await_frames(page)
    camera.check()
    expect(state).to_have_text("Follows your face")
    wait_until(lambda: senders(page) == ["live", "none"], page)
    assert [message["type"] for message in messages].count("offer") == 1
    assert page.evaluate("opened") == ["video", "video"]


def test_page_is_live_without_any_device_and_remembers_it(open_page: OpenPage, stub: KagamiServer) -> None:
    page, _ = open_sources(open_page, stub)
    page.locator("#camera-on").uncheck()
    expect(page.locator("#camera-state")).to_have_text("Off")
    expect(page.locator("#check-camera")).to_be_hidden()
    go_live(page)
    for _ in ("at first", "after a reload"):
        await_frames(page)
        expect(page.locator("#status")).to_have_text("Live")
        assert senders(page) == ["none", "live"] and page.evaluate("opened") == []
        page.reload()
        await_live(page)
    page.locator("#microphone-on").check()
    expect(page.locator("#camera-state")).to_have_text("Off: the voice takes over")
    expect(page.locator("#voice-value")).to_have_text("All")
    expect(page.locator("#mic")).to_have_attribute("aria-pressed", "true")
    page.reload()
    await_live(page)
    expect(page.locator("#mic")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#microphone-on")).to_be_checked()
    assert page.evaluate("opened") == ["audio"]


def test_microphone_says_whether_it_hears(open_page: OpenPage, stub: KagamiServer) -> None:
    page, _ = open_sources(open_page, stub)
    state, microphone = page.locator("#microphone-state"), page.get_by_role("switch", name="Microphone", exact=True)
    expect(state).to_have_text("Off")
    microphone.check()
    expect(state).to_have_text("Opens when you start")
    assert page.evaluate("opened") == [], "it opens before the start"
    go_live(page)
    expect(state).to_have_text("Hears a sound")  # Chromium's fake microphone beeps
    page.get_by_role("button", name="Microphone").click()
    expect(microphone).not_to_be_checked()
    expect(state).to_have_text("Off")
    page.evaluate(_REFUSE, ["audio", "NotAllowedError"])
    microphone.click()
    expect_alert(page, "The microphone is blocked: allow it for this page")
    expect(state).to_have_text("Blocked by the browser")
    expect(microphone).not_to_be_checked()


def test_who_has_no_camera_is_offered_to_go_on_by_voice(open_page: OpenPage, stub: KagamiServer) -> None:
    page, _ = open_sources(open_page, stub)
    page.evaluate(_REFUSE, ["video", "NotFoundError"])
    page.get_by_role("button", name="Start").click()
    expect_alert(page, "No camera was found: plug one in, or pick another, then try again.")
    expect(page.locator("#camera-state")).to_have_text("Not found")
    page.get_by_role("button", name="Use my voice alone").click()
    await_live(page)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#mic")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#camera-on")).not_to_be_checked()


def test_card_says_what_the_server_sees_and_hears(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    phase = {"now": "lost"}

    def change(message: dict[str, object]) -> None:
        if message["type"] == "state":
            message |= {"phase": phase["now"], "speaks": phase["now"] == "lost"}

    page.route_web_socket("**/ws*", changing_messages(change))
    page.goto(stub.url)
    go_live(page)
    expect(page.locator("#camera-state")).to_have_text("Your face is not seen")
    expect(page.locator("#camera-source")).to_have_attribute("data-state", "trouble")
    page.get_by_role("switch", name="Microphone", exact=True).check()
    expect(page.locator("#microphone-state")).to_have_text("Hears your voice")
    phase["now"] = "paused"
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#camera-state")).to_have_text("Paused: it is not read")
    expect(page.locator("#microphone-state")).to_have_text("Hears a sound")


def test_faces_that_are_on_are_taken_off_in_the_card(open_page: OpenPage, stub: KagamiServer) -> None:
    page, _ = open_sources(open_page, stub)
    state = page.locator("#keys-state")
    go_live(page)
    expect(state).to_have_text("Hold Shift and a number")
    for name in ("smile", "kiss"):
        page.locator(f"#act-{name}").click()
    expect(state).to_have_text("2 faces are on")
    page.get_by_role("button", name="Take off: Smile").click()
    expect(state).to_have_text("One face is on")
    expect(page.locator("#act-smile")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#keys-on")).to_be_focused()
    page.get_by_role("button", name="Take off: Kiss").click()
    page.get_by_role("switch", name="Keys").uncheck()
    expect(state).to_have_text("Off: faces by click alone")
    page.keyboard.press("x")
    expect(page.locator("#mirror")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#use-shortcuts")).not_to_be_checked()


def test_motion_of_a_picture_is_a_share_of_large_motion(open_page: OpenPage, stub: KagamiServer) -> None:
    still, slight, large = open_page(stub.url).evaluate(_MOTION)
    assert still == 0 and 0.3 < slight < 0.7 and large == 1

"""What the page checks before the start, and its choice of cameras and microphones."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import await_frames, await_live, expect_alert, go_live, sent_messages, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

_JUDGE = """
async ([middle, around]) => {
  const { judgeLight } = await import('/light_check.js');
  const picture = new ImageData(64, 48);
  picture.data.fill(255);
  for (let y = 0; y < 48; y += 1) for (let x = 0; x < 64; x += 1) {
    const isInside = x >= 20 && x < 44 && y >= 9 && y < 36;
    picture.data.fill(isInside ? middle : around, 4 * (y * 64 + x), 4 * (y * 64 + x) + 3);
  }
  return judgeLight(picture);
}
"""
_LOUDNESS = "async (samples) => (await import('/level.js')).loudness(Float32Array.from(samples))"
_DEVICES = """
(devices) => {
  const listed = devices.map(([kind, deviceId, label]) => ({ kind, deviceId, label }));
  navigator.mediaDevices.enumerateDevices = async () => listed;
  navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
}
"""
_HELD_LISTS = """
() => {
  const asked = [];
  navigator.mediaDevices.enumerateDevices = () => new Promise((done) => asked.push(done));
  window.answer = async (number, label) => {
    asked[number]([{ kind: 'videoinput', deviceId: label, label }]);
    await new Promise((rendered) => requestAnimationFrame(() => requestAnimationFrame(rendered)));
  };
  for (let events = 0; events < 2; events += 1) {
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
  }
}
"""
_PAINTED_CAMERA = """
(level) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
  const context = canvas.getContext('2d');
  setInterval(() => { context.fillStyle = `rgb(${level} ${level} ${level})`; context.fillRect(0, 0, 320, 240); }, 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
}
"""
_HELD_DEVICES = """
() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.held = [];
  navigator.mediaDevices.getUserMedia = (wanted) => new Promise((done) => {
    const each = { track: null, give: async () => {
      const stream = await open(wanted);
      [each.track] = stream.getTracks();
      done(stream);
      await new Promise((rendered) => requestAnimationFrame(() => requestAnimationFrame(rendered)));
      return each.track.readyState;
    } };
    held.push(each);
  });
}
"""
_FACES = """
(count) => {
  window.FaceDetector = class { async detect() {
    return Array.from({ length: count }, (_, i) => ({ boundingBox: new DOMRect(100 + 20 * i, 60, 80, 100) }));
  } };
}
"""


@pytest.mark.parametrize(
    ("middle", "around", "verdict"),
    [(120, 130, "good"), (30, 40, "dark"), (2, 5, "black"), (60, 220, "backlit"), (130, 220, "good"), (40, 30, "dark")],
)
def test_light_is_judged_in_the_middle_and_around(
    open_page: OpenPage, stub: KagamiServer, middle: int, around: int, verdict: str
) -> None:
    assert open_page(stub.url).evaluate(_JUDGE, [middle, around]) == verdict


def test_loudness_is_in_decibels(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    assert page.evaluate(_LOUDNESS, [1, -1]) == pytest.approx(1)
    assert page.evaluate(_LOUDNESS, [0.1, -0.1]) == pytest.approx(2 / 3)
    assert page.evaluate(_LOUDNESS, [0, 0]) == 0


def test_preview_says_what_it_sees_and_sends_nothing(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    page.goto(stub.url)
    page.evaluate(_PAINTED_CAMERA, 20)
    page.get_by_role("button", name="Preview").click()
    words = page.locator("#check-words")
    expect(words).to_contain_text("It is too dark: turn on a light in front of you.")
    expect(words).to_contain_text("Whether your face is seen well is checked after the start.")
    await_frames(page, 3, "#check-video")
    assert {message["type"] for message in messages} == {"hello"} and set(requests) == {"GET"}
    assert page.locator("body[data-live=idle]").count() == 1
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#check")).to_be_hidden()
    assert page.evaluate("() => document.getElementById('preview').srcObject") is None, "the camera stays open"


@pytest.mark.parametrize(
    ("faces", "text"),
    [
        (0, "No face is seen: turn to the camera."),
        (1, "Your face is seen."),
        (2, "Two people are seen: one of them is followed."),
    ],
)
def test_preview_counts_faces_where_the_browser_finds_them(
    open_page: OpenPage, stub: KagamiServer, faces: int, text: str
) -> None:
    page = open_page("about:blank")
    page.add_init_script(f"({_FACES})({faces})")
    page.goto(stub.url)
    page.evaluate(_PAINTED_CAMERA, 120)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#check-words")).to_contain_text(text)
    expect(page.locator("#check-words")).to_contain_text("The light is good.")


def test_start_goes_on_with_the_camera_of_the_preview(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    page.get_by_role("button", name="Preview").click()
    await_frames(page, 2, "#check-video")
    track = page.evaluate("() => document.getElementById('preview').srcObject.getTracks()[0].id")
    go_live(page)
    assert page.evaluate("() => document.getElementById('preview').srcObject.getTracks()[0].id") == track
    expect(page.locator("#check")).to_be_hidden()
    expect(page.get_by_role("button", name="Preview")).to_be_hidden()


def test_resolution_is_chosen_and_kept(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    page.get_by_role("button", name="Preview").click()
    await_frames(page, 2, "#check-video")
    page.evaluate(
        "() => { const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        " window.asked = []; navigator.mediaDevices.getUserMedia = (each) => (window.asked.push(each), open(each)); }"
    )
    page.get_by_label("Resolution").select_option("1280x720")
    wait_until(lambda: len(page.evaluate("() => window.asked")) == 1, page)
    asked: dict[str, Any] = page.evaluate("() => window.asked[0].video")
    assert (asked["width"]["ideal"], asked["height"]["ideal"]) == (1280, 720)
    page.reload()
    expect(page.get_by_label("Resolution")).to_have_value("1280x720")


def test_microphone_is_chosen_and_its_level_shown(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    level = page.locator("#level")
    expect(level).to_be_hidden()
    page.get_by_role("button", name="Listen").click()
    expect(level).to_be_visible()
    loudest = "() => Number(getComputedStyle(document.getElementById('level')).getPropertyValue('--level'))"
    wait_until(lambda: page.evaluate(loudest) > 0.3, page)  # Chromium's fake microphone beeps
    choices = page.locator("#microphone option")
    wait_until(lambda: choices.count() >= 2, page)
    chosen = choices.nth(1).get_attribute("value")
    page.locator("#microphone").select_option(chosen)
    page.get_by_role("button", name="Close").click()
    expect(level).to_be_hidden()
    go_live(page)
    assert page.get_by_role("button", name="Microphone").get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="Microphone").click()
    expect(level).to_be_visible()
    page.reload()
    expect(page.locator("#microphone")).to_have_value(str(chosen))


def test_device_that_comes_late_gives_way_to_what_is_wanted_by_then(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.evaluate(_HELD_DEVICES)

    def give(number: int) -> str:
        """Have a device open that was asked for; returns whether it is kept: `live` or `ended`."""
        page.wait_for_function("(number) => held.length > number", arg=number)
        state: str = page.evaluate("(number) => held[number].give()", number)
        return state

    page.get_by_role("button", name="Listen").click()
    page.get_by_role("button", name="Close").click()
    assert give(0) == "ended", "the microphone opens after it was closed"
    expect(page.locator("#level")).to_be_hidden()
    for name in ("Preview", "Close", "Preview"):
        page.get_by_role("button", name=name).click()
    assert give(1) == "ended"
    assert give(2) == "live"
    expect(page.locator("#check")).to_be_visible()
    for resolution in ("1280x720", "1920x1080"):
        page.get_by_label("Resolution").select_option(resolution)
    assert give(4) == "live"
    assert give(3) == "ended", "an earlier choice replaces a later one"
    shown = "() => document.getElementById('preview').srcObject.getTracks()[0] === held[4].track"
    assert page.evaluate(shown)
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Resolution").select_option("640x480")
    assert give(5) == "ended"
    assert give(6) == "live"
    await_live(page)
    await_frames(page, 2)


def test_lists_of_devices_that_come_late_do_not_replace_newer_ones(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    option = page.locator("#camera option")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.evaluate(_HELD_LISTS)
    page.evaluate("() => Promise.all([2, 3].map((number) => answer(number, 'New')))")  # of the second event
    expect(option).to_have_text(["New"])
    page.evaluate("() => Promise.all([0, 1].map((number) => answer(number, 'Old')))")
    expect(option).to_have_text(["New"])


def test_own_virtual_camera_is_never_offered(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    camera = page.locator("#camera")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    devices = [["videoinput", "a", "Kagami"], ["videoinput", "b", "Webcam"], ["videoinput", "c", "OBS Virtual Camera"]]
    page.evaluate(_DEVICES, devices)
    expect(camera.locator("option")).to_have_text(["Webcam", "OBS Virtual Camera"])
    camera.select_option("OBS Virtual Camera")
    expect(camera).to_have_value("c")
    page.evaluate(_DEVICES, devices[:1])  # the others are gone
    expect(camera.locator("option")).to_have_text(["Default camera"])
    listed = page.evaluate(
        "async () => (await (await import('/media_devices.js')).listCameras(true)).map(({ label }) => label)"
    )
    assert listed == []
    page.evaluate(_DEVICES, devices)
    listed = page.evaluate(
        "async () => (await (await import('/media_devices.js')).listCameras(true)).map(({ label }) => label)"
    )
    assert listed == ["Webcam"], "the virtual camera of OBS, to which this server writes"


def test_start_does_not_open_the_avatars_own_camera(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    page.evaluate(
        "() => { const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        " navigator.mediaDevices.getUserMedia = async (each) => { const stream = await open(each);"
        " Object.defineProperty(stream.getVideoTracks()[0], 'label', { value: 'Kagami' }); return stream; };"
        " navigator.mediaDevices.enumerateDevices = async () => []; }"
    )
    page.get_by_role("button", name="Start").click()
    expect_alert(page, "The only camera is the one that shows the avatar: plug in another, then try again.")
    page.wait_for_selector("body[data-live=idle]")


def test_microphone_that_is_unplugged_is_said(open_page: OpenPage, stub: KagamiServer) -> None:
    page: Page = open_page(stub.url)
    page.evaluate(
        "() => { const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        " navigator.mediaDevices.getUserMedia = async (each) => { const stream = await open(each);"
        " if (each.audio) window.microphone = stream.getTracks()[0]; return stream; }; }"
    )
    go_live(page)
    page.get_by_role("button", name="Microphone").click()
    expect(page.locator("#level")).to_be_visible()
    page.evaluate("() => { window.microphone.stop(); window.microphone.dispatchEvent(new Event('ended')); }")
    expect_alert(page, "The microphone went away: plug it in again or pick another, then switch it on.")
    expect(page.get_by_role("button", name="Microphone")).to_have_attribute("aria-pressed", "false")

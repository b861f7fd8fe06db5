"""The page with a live session of the stub server: controls, pictures, sound, recording, the output for OBS."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.browser.actions import (
    await_frames,
    await_live,
    colour_of,
    expect_alert,
    expect_in_use,
    go_live,
    hold_requests,
    is_close,
    png_file,
    sent_controls,
    sent_messages,
    wait_until,
)
from tests.browser.conftest import CONDITION_TIMEOUT_MS, OpenPage
from tests.browser.kagami import STUB, KagamiServer

RED, BLUE = (200, 30, 30), (30, 40, 200)
_VIDEO_SIZE = "() => [document.getElementById('avatar').videoWidth, document.getElementById('avatar').videoHeight]"
_DROP = """
async ([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type: 'image/png'}));
  for (const type of ['dragenter', 'dragover', 'drop']) {
    document.body.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
    await new Promise((done) => setTimeout(done, 300));
  }
}
"""


def sessions(server: KagamiServer) -> int:
    with urllib.request.urlopen(f"{server.url}api/health", timeout=60) as answer:
        return int(json.load(answer)["sessions"])


def test_start_and_stop(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    await_frames(page, 10)
    expect(page.locator("#self")).to_be_visible()
    assert page.locator("#preview").evaluate("(video) => new DOMMatrix(getComputedStyle(video).transform).a") == 1
    assert page.locator("#preview").evaluate("(video) => getComputedStyle(video).scale") == "-1 1", (
        "the preview is not mirrored"
    )
    expect(page.locator("#speed-summary")).to_contain_text("fps")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#self")).to_be_hidden()
    wait_until(lambda: sessions(stub) == 0, page)
    go_live(page)
    await_frames(page)


def test_speed_card_shows_latency_by_part_and_stage(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    page.locator("#speed").locator("summary").click()
    expect(page.locator("#latency")).to_contain_text("about")
    expect(page.locator("#latency-parts li")).to_have_count(4)
    expect(page.locator("#stages tr").first).to_be_visible()
    names = page.locator("#stages th").all_inner_texts()
    assert {"See you", "Wait for a turn", "Draw the avatar"} <= set(names) and names[-1] == "Frame in to frame out"
    for row in page.locator("#stages tr").all():
        percentiles = [float(text) for text in row.locator("td").all_inner_texts()]
        assert len(percentiles) == 3 and percentiles == sorted(percentiles), "p50, p95, p99"
    expect(page.locator("#memory")).to_contain_text("MB")
    expect(page.locator("#spread-fps")).to_be_hidden()  # with one session there is no spread
    go_live(open_page(stub.url))
    expect(page.locator("#spread-fps")).to_be_visible()
    expect(page.locator("#sessions")).to_have_text("2")
    parts = [int(text.split()[-2]) for text in page.locator("#latency-parts li").all_inner_texts()]
    assert len(parts) == 4 and all(part >= 0 for part in parts)


STRENGTHS = ("head", "face", "body", "light", "eyes", "brows", "mouth", "hands")
MOTION_SWITCHES = {"teeth": True, "follow_body": True, "smoothing": 1}
TURNS = ("yaw", "pitch", "roll", "gaze_x", "gaze_y")


def test_controls_reach_the_server_and_are_remembered(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    for name, presses in (("Head", 4), ("Face", 2), ("Body", 1), ("Light", 1)):
        page.get_by_role("slider", name=name).focus()
        for _ in range(presses):
            page.keyboard.press("ArrowRight")
    page.get_by_role("switch", name="My teeth and tongue").uncheck()
    page.get_by_role("switch", name="My body and hands").uncheck()
    page.get_by_role("switch", name="Show my camera to me").uncheck()
    expect(page.locator("#self")).to_be_hidden()
    page.get_by_role("button", name="Mirror").click()
    page.get_by_role("button", name="Calibrate").click()
    page.get_by_role("radio", name="Colour").check()
    page.locator("#colour").fill("#336699")
    expected = {"head": 1.2, "face": 1.1, "body": 1.05, "light": 1.05, "mirror": False, "calibrate": True}
    expected |= {"teeth": False, "follow_body": False, "background": "colour", "colour": "#336699"}
    wait_until(lambda: sent_controls(messages) == expected, page)
    expect(page.locator("#head-value")).to_have_text("120%")

    page.get_by_role("button", name="Stop").click()  # a session that goes on after a reload has its controls still
    messages.clear()
    page.reload()
    del expected["calibrate"]
    wait_until(lambda: sent_controls(messages) == expected, page)
    expect(page.locator("#head-value")).to_have_text("120%")
    page.get_by_role("button", name="Reset", exact=True).click()
    wait_until(
        lambda: (
            sent_controls(messages)
            == expected | MOTION_SWITCHES | dict.fromkeys(STRENGTHS, 1) | dict.fromkeys(TURNS, 0)
        ),
        page,
    )
    expect(page.get_by_role("switch", name="My teeth and tongue")).to_be_checked()


def test_proportions_reach_the_server_and_are_reset(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    page.locator("#proportions summary").click()
    for name, key in (("Shoulders", "ArrowRight"), ("Torso", "Home"), ("Arms", "ArrowLeft"), ("Legs", "End")):
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press(key)
    wait_until(lambda: sent_controls(messages) == {"shoulders": 1.01, "torso": 0.5, "arms": 0.99, "legs": 1.5}, page)
    expect(page.locator("#legs-value")).to_have_text("150%")
    page.get_by_role("button", name="Reset proportions").click()
    wait_until(lambda: sent_controls(messages) == {"shoulders": 1, "torso": 1, "arms": 1, "legs": 1}, page)


def test_pictures_switch_while_live_without_a_stall(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    stage = page.locator("#picture-stage")
    held = hold_requests(page, "api/picture", "PUT")
    page.locator("#file").set_input_files(png_file("red.png", RED))
    expect(stage).to_have_text("Preparing…")
    await_frames(page)  # of the old picture, meanwhile
    wait_until(lambda: len(held) == 1, page)
    held[0].continue_()
    page.unroute_all()
    expect(stage).to_have_text("In use")
    expect(page.locator("#picture-name")).to_have_text("red.png")
    wait_until(lambda: is_close(colour_of(page), RED), page)

    blue = png_file("blue.png", BLUE)
    page.evaluate(_DROP, ["blue.png", base64.b64encode(blue["buffer"]).decode()])
    wait_until(lambda: is_close(colour_of(page), BLUE), page)
    expect(page.locator("#drop")).to_be_hidden()


def test_picture_chosen_before_the_start_is_used_from_the_first_frame(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.locator("#file").set_input_files(png_file("red.png", RED))
    expect_in_use(page, "red.png")
    go_live(page)
    assert is_close(colour_of(page), RED)


def test_microphone_comes_back_with_the_avatar(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    muted = "() => document.getElementById('avatar').srcObject.getAudioTracks()[0].muted"
    microphone = page.get_by_role("button", name="Microphone")
    expect(microphone).to_have_attribute("aria-pressed", "false")
    microphone.click()
    expect(microphone).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: not page.evaluate(muted), page)
    assert page.locator("#avatar").evaluate("(video) => video.muted"), (
        "the page would play the delayed voice to its own speaker"
    )


def test_frame_changes_the_video_and_a_recording_goes_on_in_another_file(
    open_page: OpenPage, stub: KagamiServer, tmp_path: Path
) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    page.get_by_role("button", name="Record to a file").click()
    expect(page.locator("#recording")).to_be_visible()
    await_frames(page, 10)
    with page.expect_download() as waiting:
        page.get_by_label("Shape").select_option("16:9")
    waiting.value.save_as(tmp_path / "first.video")
    with av.open(str(tmp_path / "first.video")) as video:
        assert {(frame.width, frame.height) for frame in video.decode(video=0)} == {(512, 512)}
    expect(page.locator("#recording")).to_be_visible()
    wait_until(lambda: page.evaluate(_VIDEO_SIZE) == [512, 288], page)
    expect(page.locator("#stage")).to_have_attribute("style", re.compile("--picture-height: 288"))
    page.get_by_role("radio", name="Bust").check()
    page.get_by_role("slider", name="Zoom").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.get_by_role("slider", name="Upward").press("ArrowLeft")
    page.get_by_role("slider", name="Across").press("ArrowRight")
    page.get_by_role("switch", name="Keep me in frame").uncheck()
    expected = {
        "aspect": "16:9",
        "frame": "bust",
        "zoom": 1.15,
        "shift_x": 0.02,
        "shift_y": -0.02,
        "keep_in_frame": False,
    }
    wait_until(lambda: sent_controls(messages) == expected, page)
    page.get_by_label("Shape").select_option("own")
    page.get_by_label("Width").fill("641")
    page.get_by_label("Width").press("Enter")
    wait_until(lambda: sent_controls(messages)["aspect"] == "642x720", page)
    wait_until(lambda: page.evaluate(_VIDEO_SIZE) == [642, 720], page)
    expect(page.locator("#framing-status")).to_have_text("")
    page.get_by_role("button", name="Reset framing").click()
    whole = {"aspect": "picture", "frame": "whole", "zoom": 1, "shift_x": 0, "shift_y": 0, "keep_in_frame": True}
    wait_until(lambda: sent_controls(messages) == whole, page)


def test_output_shows_only_the_avatar(open_page: OpenPage, stub: KagamiServer) -> None:
    driver = open_page(stub.url)
    driver.locator("#file").set_input_files(png_file("red.png", RED))
    expect_in_use(driver, "red.png")
    go_live(driver)
    output = open_page(f"{stub.url}?view=output", allow=())
    await_frames(output, 5, "video")
    assert is_close(colour_of(output, "video"), RED)
    assert output.locator("button, input, select, header, aside, a").count() == 0
    box = output.locator("video").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 1280, "height": 800}
    assert output.locator("body").inner_text().strip() == ""

    # With a transparent background the page shows the alpha that the server sends (the stub sends one half everywhere).
    driver.get_by_role("radio", name="None").check()
    expect(output.locator("canvas")).to_be_visible(timeout=CONDITION_TIMEOUT_MS)
    await_frames(output, 5, "video")
    shot = cv2.imdecode(np.frombuffer(output.screenshot(omit_background=True), np.uint8), cv2.IMREAD_UNCHANGED)
    assert shot[400, 20, 3] == 0, "transparent beside the avatar"
    assert abs(int(shot[400, 900, 3]) - 128) < 12
    assert is_close([int(value) for value in shot[400, 900, 2::-1]], RED)

    driver.get_by_role("radio", name="Original").check()
    expect(output.locator("canvas")).to_be_hidden(timeout=CONDITION_TIMEOUT_MS)


def test_output_says_that_it_waits_for_a_live_session(open_page: OpenPage, stub: KagamiServer) -> None:
    output = open_page(f"{stub.url}?view=output", allow=())
    text = "Waiting for an avatar: press Start on the Kagami page."
    expect(output.get_by_role("status")).to_have_text(text)
    go_live(open_page(stub.url))
    await_frames(output, 3, "video")
    expect(output.get_by_role("status")).to_be_hidden()


def test_output_shows_nothing_once_nobody_is_live(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    output = open_page(f"{stub.url}?view=output", allow=(), color_scheme="light")
    await_frames(output, 3, "video")
    page.get_by_role("button", name="Stop").click()
    expect(output.locator("video")).to_have_class("invisible")
    output.locator("p").evaluate("(message) => message.remove()")
    assert _pixels(output, True)[..., 3].max() == 0, "not transparent in OBS"
    assert _pixels(output, False)[..., :3].max() < 60, "white in a browser"
    go_live(page)
    await_frames(output, 3, "video")
    expect(output.locator("video")).not_to_have_class("invisible")


def _pixels(page: Page, transparent: bool) -> NDArray[np.uint8]:
    """A screenshot, (H, W, 4) or (H, W, 3): as OBS takes it, over nothing, or as a browser shows it."""
    png = np.frombuffer(page.screenshot(omit_background=transparent), np.uint8)
    return np.asarray(cv2.imdecode(png, cv2.IMREAD_UNCHANGED), np.uint8)


def test_reconnects_when_the_server_restarts(open_page: OpenPage, tmp_path: Path) -> None:
    with KagamiServer(tmp_path / "log.txt", program=STUB) as server:
        page = open_page(server.url)
        page.locator("#file").set_input_files(png_file("red.png", RED))
        expect_in_use(page, "red.png")
        go_live(page)
        output = open_page(f"{server.url}?view=output", allow=())
        await_frames(output, 3, "video")
        server.stop()
        expect(page.locator("#status")).to_have_text("Reconnecting…")
        expect(page.get_by_role("alert")).to_be_visible()
        server.start()
        await_live(page)
        expect(page.get_by_role("alert")).to_be_hidden(timeout=CONDITION_TIMEOUT_MS)
        await_frames(page, 10)
        wait_until(lambda: is_close(colour_of(page), RED), page)  # with the picture that was uploaded
        await_frames(output, 10, "video")


def test_full_server_is_reported_as_a_notice(open_page: OpenPage, tmp_path: Path) -> None:
    with KagamiServer(tmp_path / "log.txt", "--max-sessions", "1", program=STUB) as server:
        first = open_page(server.url)
        go_live(first)
        second = open_page(server.url)
        second.get_by_role("button", name="Start").click()
        expect_alert(second, "The server is full: 1 person is live already")
        second.wait_for_selector("body[data-live=idle][data-link=open]")
        first.get_by_role("button", name="Stop").click()
        wait_until(lambda: sessions(server) == 0, second)
        second.get_by_role("button", name="Try again").click()
        await_live(second)

"""The page before it is live, its notices for what goes wrong, phones and colour schemes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.actions import await_live, expect_alert, go_live, png_file, stop_clock
from tests.browser.conftest import OpenPage
from tests.browser.kagami import STUB, KagamiServer

_REFUSE = "(name) => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }"
# Made in the page, since it takes long to send so much to a browser.
_CHOOSE_HUGE = """
() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(21 * 2 ** 20)], 'huge.png', { type: 'image/png' }));
  const input = document.getElementById('file');
  input.files = transfer.files;
  input.dispatchEvent(new Event('change'));
}
"""
_WIDEST = "() => document.documentElement.scrollWidth"


def test_idle_page_explains_itself_and_opens_no_camera(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.get_by_text("Your face moves this picture.")).to_be_visible()
    expect(page.get_by_text("Nobody sees your camera: it stays on this computer.").first).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    expect(page.locator("#status")).to_have_text("Ready")
    still = page.locator("#still")
    expect(still).to_be_visible()
    assert still.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    assert page.evaluate("() => document.getElementById('preview').srcObject") is None


def test_denied_camera_is_reported_as_a_notice(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url, allow=())
    page.get_by_role("button", name="Start").click()
    expect_alert(page, "The camera is blocked: allow it for this page with the icon beside the address")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="Try again").click()
    await_live(page)
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("NotFoundError", "No camera was found: plug one in, or pick another, then try again."),
        ("NotReadableError", "The camera is busy: close the other program that uses it, then try again."),
    ],
)
def test_camera_that_does_not_open_is_reported_as_a_notice(
    open_page: OpenPage, stub: KagamiServer, error: str, text: str
) -> None:
    page = open_page(stub.url)
    page.evaluate(_REFUSE, error)
    page.get_by_role("button", name="Start").click()
    expect_alert(page, text)
    expect(page.locator("#status")).to_have_text("Ready")


def test_unplugged_camera_is_reported_and_reopened(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    # The camera leaves the list too: one that is still listed is opened again before the notice can be seen.
    page.evaluate(
        "() => { navigator.mediaDevices.enumerateDevices = async () => [];"
        " const [track] = document.getElementById('preview').srcObject.getTracks();"
        " track.stop(); track.dispatchEvent(new Event('ended')); }"
    )
    expect_alert(page, "The camera went away")
    expect(page.locator("#self")).to_be_hidden()
    page.evaluate(
        "() => { delete navigator.mediaDevices.enumerateDevices;"
        " navigator.mediaDevices.dispatchEvent(new Event('devicechange')); }"
    )
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#self")).to_be_visible()


def test_bad_pictures_are_reported_and_the_picture_in_use_stays(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    chooser = page.locator("#file")
    name = page.locator("#picture-name")
    expect(name).to_have_text("stub.png")
    chooser.set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect_alert(
        page,
        "notes.txt is not a picture that can be used: choose a PNG, JPEG, WebP, AVIF, HEIC, GIF, BMP or TIFF file.",
    )
    whole = png_file("cut.png", (200, 0, 0))
    chooser.set_input_files({**whole, "buffer": whole["buffer"][:90]})
    expect_alert(page, "damaged or cut short")
    page.evaluate(_CHOOSE_HUGE)
    expect_alert(page, "huge.png is larger than 20 MB: choose a smaller picture.")
    expect(name).to_have_text("stub.png")


def test_missing_token_is_reported_as_a_notice(open_page: OpenPage, tmp_path: Path) -> None:
    with KagamiServer(tmp_path / "log.txt", "--token", "open-sesame", program=STUB) as server:
        page = open_page(server.url)
        expect_alert(page, "token")
        expect(page.locator("#status")).to_have_text("Not connected")
        page.goto(f"{server.url}?token=open-sesame")
        expect(page.locator("#status")).to_have_text("Ready")


def test_answer_of_a_proxy_instead_of_the_configuration_is_no_refusal(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    page.route("**/api/config*", lambda route: route.fulfill(content_type="text/html", body="<!doctype html>"))
    page.goto(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    go_live(page)
    await_live(page)
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 320])
def test_fits_a_phone(open_page: OpenPage, stub: KagamiServer, tmp_path: Path, width: int) -> None:
    size = {"width": width, "height": 780}
    page = open_page(stub.url, viewport=size, is_mobile=True, has_touch=True, device_scale_factor=2)
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_in_viewport(ratio=1)
    expect(page.locator("#status")).to_have_text("Ready")
    assert page.evaluate(_WIDEST) == width
    page.screenshot(path=tmp_path / "idle.png")
    go_live(page)
    for name in ("Stop", "Microphone", "Calibrate", "Pause", "Mirror", "Record to a file", "Full screen"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box is not None and min(box["width"], box["height"]) >= 44, f"{name} is too small for a thumb"
    assert page.evaluate(_WIDEST) == width
    page.locator("#speed").locator("summary").click()
    assert page.evaluate(_WIDEST) == width
    page.screenshot(path=tmp_path / "live.png")


@pytest.mark.parametrize("state", ["Connecting…", "Reconnecting…", "Calibrating, hold still and look ahead"])
def test_long_states_in_the_header_do_not_widen_the_page(open_page: OpenPage, stub: KagamiServer, state: str) -> None:
    page = open_page(stub.url, viewport={"width": 320, "height": 780}, is_mobile=True, has_touch=True)
    expect(page.locator("#status")).to_have_text("Ready")
    page.locator("#status-text").evaluate("(element, text) => { element.textContent = text; }", state)
    assert page.evaluate(_WIDEST) == 320
    expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [390, 320])
def test_toolbar_fits_a_phone_while_starting(open_page: OpenPage, stub: KagamiServer, width: int) -> None:
    page = open_page(stub.url, viewport={"width": width, "height": 780}, is_mobile=True, has_touch=True)
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => new Promise(() => {}); }")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector("body[data-live=starting]")
    for button in page.locator("#dock button").all():
        box = button.bounding_box()
        assert box is not None and min(box["width"], box["height"]) >= 44
        assert button.evaluate("(element) => element.scrollWidth <= element.clientWidth"), "its content overflows"
    assert page.evaluate(_WIDEST) == width


def test_colour_scheme_is_that_of_the_system(open_page: OpenPage, stub: KagamiServer) -> None:
    colours = {}
    for scheme in ("dark", "light"):
        page = open_page(stub.url, color_scheme=scheme)
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
        colours[scheme] = page.evaluate(
            "() => [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color]"
        )
    assert _brightness(colours["dark"][0]) < 40 and _brightness(colours["dark"][1]) > 200
    assert _brightness(colours["light"][0]) > 200 and _brightness(colours["light"][1]) < 60


def test_colours_are_chosen_and_kept_without_a_flash(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url, color_scheme="light")
    page.get_by_role("radio", name="Dark").check()
    background = "() => getComputedStyle(document.documentElement).backgroundColor"
    assert _brightness(page.evaluate(background)) < 40
    page.route("**/main.js", lambda route: route.abort())  # before any module runs
    page.reload(wait_until="domcontentloaded")
    assert _brightness(page.evaluate(background)) < 40
    page.unroute("**/main.js")
    page.reload()
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    page.get_by_role("radio", name="System").check()
    assert _brightness(page.evaluate(background)) > 200


@pytest.mark.parametrize("size", [(1440, 900), (1024, 600), (844, 390), (390, 844), (320, 640)])
def test_stage_is_whole_together_with_the_buttons(
    open_page: OpenPage, stub: KagamiServer, size: tuple[int, int]
) -> None:
    phone = min(size) < 600
    page = open_page(
        stub.url, viewport=dict(zip(("width", "height"), size, strict=True)), is_mobile=phone, has_touch=phone
    )
    expect(page.locator("#status")).to_have_text("Ready")
    for live in (False, True):
        if live:
            go_live(page)
        expect(page.locator("#stage")).to_be_in_viewport(ratio=0.999)
        for button in page.locator("#dock button:visible").all():
            expect(button).to_be_in_viewport(ratio=1)
        assert page.evaluate(_WIDEST) == size[0]
        stage = page.locator("#stage").bounding_box()
        assert stage is not None and max(stage["width"], stage["height"]) >= 0.6 * min(size)
    page.get_by_role("button", name="Stop").click()
    welcome = page.locator("#welcome").bounding_box()
    stage = page.locator("#stage").bounding_box()
    assert welcome is not None and stage is not None
    apart = welcome["y"] >= stage["y"] + stage["height"] or welcome["x"] >= stage["x"] + stage["width"]
    assert apart, "the welcome lies over the picture"


@pytest.mark.parametrize("size", [(390, 844), (320, 640), (844, 390)])
def test_countdown_is_clear_of_the_preview(open_page: OpenPage, stub: KagamiServer, size: tuple[int, int]) -> None:
    page = open_page(
        "about:blank", viewport=dict(zip(("width", "height"), size, strict=True)), is_mobile=True, has_touch=True
    )
    page.clock.install()
    page.goto(stub.url)
    go_live(page)
    expect(page.locator("#self")).to_be_visible()
    for shape, ratio in (("picture", 1), ("16:9", 16 / 9), ("9:16", 9 / 16)):
        page.locator("#aspect").select_option(shape)
        page.wait_for_function(
            "(ratio) => { const { style } = document.getElementById('stage');"
            " const [width, height] = ['width', 'height'].map((side) => style.getPropertyValue(`--picture-${side}`));"
            " return Math.abs(width / height / ratio - 1) < 0.05; }",
            arg=ratio,
        )
        stop_clock(page)
        page.keyboard.press("c")
        expect(page.locator("#countdown")).to_be_visible()
        boxes = page.evaluate(
            "() => ['stage', 'self', 'countdown-left', 'countdown-words', 'countdown-cancel'].map((id) => {"
            " const { left, top, right, bottom } = document.getElementById(id).getBoundingClientRect();"
            " return [left, top, right, bottom]; })"
        )
        page.keyboard.press("Escape")
        page.clock.resume()
        (left, top, right, bottom), preview, *parts = boxes
        for part in parts:
            assert left <= part[0] and top <= part[1] and part[2] <= right and part[3] <= bottom, "it is cut"
            apart = max(preview[0] - part[2], preview[1] - part[3])
            assert apart >= 8, f"{apart} px between the countdown and the preview, {shape}"


def _brightness(rgb: str) -> float:
    channels = [float(part) for part in rgb.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(channels) / 3

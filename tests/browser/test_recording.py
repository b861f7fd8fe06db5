"""Recordings of the page: one file for each picture and size, complete, with a duration."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Download, Page, expect

from tests.browser.actions import (
    await_frames,
    expect_alert,
    expect_in_use,
    go_live,
    is_close,
    png_file,
    stop_clock,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

RED, BLUE = (200, 30, 30), (30, 40, 200)
_ONLY_WEBM = """
() => {
  const isSupported = MediaRecorder.isTypeSupported;
  MediaRecorder.isTypeSupported = (type) => !type.includes('mp4') && isSupported(type);
}
"""


def collect_downloads(page: Page) -> list[Download]:
    """A list that receives every download of the page."""
    downloads: list[Download] = []

    def append(download: Download) -> None:
        downloads.append(download)

    page.on("download", append)
    return downloads


def begin(page: Page) -> None:
    """Press Record and wait for the end of the countdown."""
    page.get_by_role("button", name="Record to a file").click()
    expect(page.locator("#recording")).to_be_visible()


def decode(path: Path) -> tuple[list[NDArray[np.uint8]], float]:
    """The frames of a file, (H, W, 3) uint8 RGB, and its duration in seconds, as its header gives it."""
    with av.open(str(path)) as video:
        assert video.duration is not None, "the file has no duration"
        duration = video.duration / 1e6
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in video.decode(video=0)]
    return frames, duration


def corner(frame: NDArray[np.uint8]) -> list[int]:
    """A pixel of the half that the stub fills with the picture's colour."""
    height, width = frame.shape[:2]
    return [int(value) for value in frame[height // 4, width * 3 // 4]]


@pytest.mark.parametrize("only_webm", [False, True])
def test_each_picture_has_a_file_of_its_own(
    open_page: OpenPage, stub: KagamiServer, tmp_path: Path, only_webm: bool
) -> None:
    page = open_page(stub.url)
    if only_webm:
        page.evaluate(_ONLY_WEBM)
    page.locator("#file").set_input_files(png_file("red.png", RED))
    expect_in_use(page, "red.png")
    go_live(page)
    downloads = collect_downloads(page)
    begin(page)
    await_frames(page, 25)
    expect(page.locator("#recording-size")).to_contain_text("MB")
    page.locator("#file").set_input_files(png_file("blue.png", BLUE))  # of the same size
    wait_until(lambda: len(downloads) == 1, page)
    expect_alert(page, "It goes on in another file.")
    expect(page.locator("#recording")).to_be_visible()
    await_frames(page, 25)
    page.get_by_label("Shape").select_option("16:9")
    wait_until(lambda: len(downloads) == 2, page)
    expect(page.locator("#recording")).to_be_visible()
    await_frames(page, 25)
    page.get_by_role("button", name="Record to a file").click()
    wait_until(lambda: len(downloads) == 3, page)
    expect(page.locator("#recording")).to_be_hidden()
    expected = [((512, 512), RED), ((512, 512), BLUE), ((288, 512), BLUE)]
    for number, (download, (size, colour)) in enumerate(zip(downloads, expected, strict=True)):
        path = tmp_path / f"{number}-{download.suggested_filename}"
        download.save_as(path)
        assert path.suffix == (".webm" if only_webm else path.suffix) and path.name[2:].startswith("kagami-")
        frames, duration = decode(path)
        assert len(frames) > 5 and {frame.shape[:2] for frame in frames} == {size}
        assert is_close(corner(frames[-1]), colour) and is_close(corner(frames[0]), colour)
        with av.open(str(path)) as video:
            packets = [packet for packet in video.demux(video=0) if packet.pts is not None]
        times = sorted(float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None)
        last, longest = times[-1], max(np.diff(times))  # a busy machine shows a frame for longer
        assert last < duration < last + 1 + longest, "the duration is not that of the frames"


def test_webm_of_a_recording_can_be_sought(open_page: OpenPage, stub: KagamiServer, tmp_path: Path) -> None:
    page = open_page(stub.url)
    page.evaluate(_ONLY_WEBM)
    go_live(page)
    downloads = collect_downloads(page)
    begin(page)
    await_frames(page, 40)
    page.get_by_role("button", name="Record to a file").click()
    wait_until(lambda: len(downloads) == 1, page)
    path = tmp_path / "whole.webm"
    downloads[0].save_as(path)
    data = path.read_bytes()
    assert data.count(bytes.fromhex("1c53bb6b")) == 2, "the cues, and their entry in the seek head"
    cues = data.rindex(bytes.fromhex("1c53bb6b"))
    segment = data.index(bytes.fromhex("18538067")) + 12
    assert int.from_bytes(data[segment - 7 : segment]) == len(data) - segment, "the size of the segment"
    entry = data.index(bytes.fromhex("53ac88")) + 3
    assert segment + int.from_bytes(data[entry : entry + 8]) == cues, "the seek head does not point at the cues"
    cluster = data.index(bytes.fromhex("f188"), cues) + 2
    at = segment + int.from_bytes(data[cluster : cluster + 8])
    assert data[at : at + 4] == bytes.fromhex("1f43b675"), "the first cue does not point at a cluster"


def test_transparent_background_stays_in_a_recording(open_page: OpenPage, stub: KagamiServer, tmp_path: Path) -> None:
    page = open_page(stub.url)
    page.get_by_role("radio", name="None").check()
    go_live(page)
    expect(page.locator("#cutout")).to_be_visible()
    downloads = collect_downloads(page)
    begin(page)
    await_frames(page, 25)
    page.get_by_role("radio", name="Original").check()  # a file has either alpha or none
    wait_until(lambda: len(downloads) == 1, page)
    expect(page.locator("#recording")).to_be_visible()
    await_frames(page, 25)
    page.get_by_role("button", name="Record to a file").click()
    wait_until(lambda: len(downloads) == 2, page)
    has_alpha = []
    for number, download in enumerate(downloads):
        path = tmp_path / f"{number}-{download.suggested_filename}"
        download.save_as(path)
        frames, _ = decode(path)
        assert len(frames) > 5 and frames[0].shape[:2] == (512, 512)
        has_alpha.append(path.suffix == ".webm" and bytes.fromhex("53c081" + "01") in path.read_bytes())
    assert has_alpha == [True, False], "the field AlphaMode of the first file alone"


def test_countdown_can_be_cancelled_and_leaving_is_asked(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    page.clock.install()
    page.goto(stub.url)
    go_live(page)
    downloads = collect_downloads(page)
    left = page.locator("#countdown-left")
    stop_clock(page)
    for cancel in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.keyboard.press("r"),
        lambda: page.get_by_role("button", name="Cancel").click(),  # on a phone there are no keys
    ):
        page.keyboard.press("r")
        expect(left).to_have_text("3")
        page.clock.run_for(1000)
        expect(left).to_have_text("2")
        cancel()
        expect(page.locator("#countdown")).to_be_hidden()
        expect(page.get_by_role("button", name="Record to a file")).to_have_attribute("aria-pressed", "false")
    page.clock.resume()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    begin(page)
    page.evaluate("() => { location.search = '?again'; }")
    wait_until(lambda: asked == ["beforeunload"], page)
    assert downloads == []
    page.get_by_role("button", name="Record to a file").click()
    wait_until(lambda: len(downloads) == 1, page)

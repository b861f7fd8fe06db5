"""A picture of the avatar, and the window that shows it alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.actions import await_frames, expect_alert, go_live, is_close
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer
from tests.support.fakes import FakeAvatar

_NOT_LOCAL = """
async () => {
  const { openOutputWindow } = await import('/snapshot.js');
  const texts = [];
  openOutputWindow({ state: { size: { width: 2, height: 2 } }, notify: ({ text }) => texts.push(text) }, 'phone.lan');
  return texts;
}
"""


def snapshot(page: Page, tmp_path: Path) -> np.ndarray:
    """Press the key of the snapshot; returns the file, (H, W, 3) BGR or (H, W, 4) with alpha."""
    with page.expect_download() as waiting:
        page.keyboard.press("g")
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    expect_alert(page, f"The picture is saved as {path.name}.")
    assert path.suffix == ".png"
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def test_snapshot_has_the_size_of_the_avatar_and_its_alpha(
    open_page: OpenPage, stub: KagamiServer, tmp_path: Path
) -> None:
    page = open_page(stub.url)
    expect(page.get_by_role("button", name="Save a picture of the avatar")).to_be_disabled()
    go_live(page)
    await_frames(page, 3)
    picture = snapshot(page, tmp_path)
    assert picture.shape[:2] == (512, 512) and (picture.shape[2] == 3 or picture[..., 3].min() == 255)
    assert is_close([int(value) for value in picture[100, 400, 2::-1]], FakeAvatar.colour)
    page.get_by_role("radio", name="None").check()
    expect(page.locator("#cutout")).to_be_visible()
    await_frames(page, 5)
    picture = snapshot(page, tmp_path)
    assert picture.shape == (512, 512, 4) and abs(int(picture[100, 400, 3]) - 128) < 12


def test_output_window_has_the_size_of_the_avatar(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    go_live(page)
    with page.expect_popup() as waiting:
        page.get_by_role("button", name="Open the output in a window").click()
    output = waiting.value
    output.wait_for_selector("body[data-view=output]")
    await_frames(output, 3, "video")
    assert output.evaluate("() => [innerWidth, innerHeight]") == [512, 512]
    output.close()
    assert page.evaluate(_NOT_LOCAL) == [
        "The output window opens only on the computer that Kagami runs on: open the page there as localhost."
    ]

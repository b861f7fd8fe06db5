"""End to end with the real server; only the camera is faked: the avatar moves as the driver does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.browser.actions import await_frames, expect_in_use, go_live
from tests.browser.conftest import OpenPage
from tests.browser.following import Pictures, best_correlation, capture, measure_faces
from tests.browser.kagami import ROOT, KagamiServer

pytestmark = pytest.mark.realtime
CALIBRATIONS = 10
SIGNALS = ("mouth", "yaw", "pitch", "roll")
MAX_ATTEMPTS = 3  # a machine may be busy for a moment
MIN_PICTURES = 60  # of the avatar, in each attempt
ATTEMPT_S = 18.0  # the clip of six seconds, at a third of its speed


@pytest.fixture(scope="module")
def kagami(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KagamiServer]:
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with KagamiServer(log, "--ref", "assets/avatar.png", "--size", "256", "--generator", "geometry") as server:
        yield server


@pytest.fixture
def live(open_page: OpenPage, kagami: KagamiServer) -> Page:
    """A page that is live and calibrated."""
    page = open_page(kagami.url)
    go_live(page)
    page.wait_for_selector("body[data-phase=live]")
    return page


def test_avatar_follows_the_driver(live: Page) -> None:
    attempts = []
    for _ in range(MAX_ATTEMPTS):
        driver, avatar = capture(live, MIN_PICTURES, ATTEMPT_S)
        assert len(avatar) >= 30, "too few pictures came back to judge"
        assert _movement(avatar) > 1.0, "the avatar stands still"
        # The avatar is mirrored by default, so the driver's pictures are flipped before the comparison.
        expected, measured = measure_faces(driver, mirror=True), measure_faces(avatar)
        assert len(measured.at) > 0.9 * len(avatar), "the avatar's face is lost"
        attempts.append({name: best_correlation(expected, measured, name) for name in SIGNALS})
        if all(correlation > 0.6 for correlation, _ in attempts[-1].values()):
            return
    pytest.fail(f"the avatar does not follow (correlation, lag in s): {attempts}")


def _movement(pictures: Pictures) -> float:
    """Mean change from one picture to the next, grey levels of 255."""
    small = [cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float64) for _, rgb in pictures]
    return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(small)]))


def test_new_picture_is_used_and_follows_too(live: Page) -> None:
    before = capture(live, 1, 0.0)[1][0][1]
    picture = cv2.imread(str(ROOT / "assets" / "avatar.png"))
    framed = cv2.copyMakeBorder(picture, 0, 0, 140, 140, cv2.BORDER_REPLICATE)  # wider than high
    cool = np.ascontiguousarray(framed[..., ::-1])  # and of other colours
    data = cv2.imencode(".png", cool)[1].tobytes()
    live.locator("#file").set_input_files({"name": "wide.png", "mimeType": "image/png", "buffer": data})
    expect_in_use(live, "wide.png")
    await_frames(live, 10)
    driver, avatar = capture(live, MIN_PICTURES, ATTEMPT_S)
    height, width = avatar[-1][1].shape[:2]
    assert width > height and before.shape[0] == before.shape[1], "the picture keeps its own shape"
    assert best_correlation(measure_faces(driver, mirror=True), measure_faces(avatar), "mouth")[0] > 0.6


def test_pause_makes_the_avatar_idle(live: Page) -> None:
    live.get_by_role("button", name="Pause").click()
    live.wait_for_selector("body[data-phase=paused]")
    expect(live.get_by_text("Paused: the avatar idles")).to_be_visible()
    await_frames(live, 5)
    live.get_by_role("button", name="Pause").click()
    live.wait_for_selector("body[data-phase=live]")


def test_calibration_shows_its_progress(live: Page) -> None:
    """With ten steady frames in a row it is over within half a second, which a busy browser may not show: try again."""
    progress = live.locator("body[data-phase=calibrating]").get_by_role("progressbar", name="Calibration")
    for _ in range(CALIBRATIONS):
        live.get_by_role("button", name="Calibrate").click()
        try:
            progress.wait_for(timeout=5000)
            break
        except PlaywrightTimeoutError:
            continue
    else:
        pytest.fail(f"no progress was seen in {CALIBRATIONS} calibrations")
    live.wait_for_selector("body[data-phase=live]")

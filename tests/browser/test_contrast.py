"""Contrast of text and icons by WCAG 2.2 (criteria 1.4.3 and 1.4.11), in the light and in the dark scheme."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.browser.actions import go_live
from tests.browser.conftest import OpenPage
from tests.browser.kagami import ROOT, KagamiServer

MIN_CONTRAST, MIN_CONTRAST_LARGE, MIN_CONTRAST_ICON = 4.5, 3.0, 3.0
LARGE_PX, LARGE_BOLD_PX, BOLD = 24.0, 18.66, 700  # 18 pt; 14 pt of bold text
VIEWPORT = {"width": 1280, "height": 3200}  # high enough to hold the whole page
STILL_ATTEMPTS = 20
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])

CONTRAST_JS = (ROOT / "tests" / "browser" / "contrast.js").read_text()  # defines window.contrast

DRAG_JS = """() => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([], 'a.png', { type: 'image/png' }));
  document.body.dispatchEvent(new DragEvent('dragenter', { dataTransfer, bubbles: true }));
}"""

Colour = NDArray[np.float64]
# At once, without waiting: in what is folded away (a closed `details`) Chromium never ends a transition by itself.
FINISH_ANIMATIONS_JS = """() => document.getAnimations()
    .filter(animation => animation.effect.getComputedTiming().endTime !== Infinity)
    .forEach(animation => animation.finish())"""


def luminance(srgb: Colour) -> Colour:
    """Relative luminance by WCAG 2.2. srgb: (..., 3) in 0..1."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(first: Colour, second: Colour) -> Colour:
    """Contrast ratio by WCAG 2.2, 1..21. first, second: (..., 3) sRGB in 0..1."""
    a, b = luminance(first), luminance(second)
    return np.asarray((np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05))


def still_page(page: Page, roots: str) -> tuple[list[dict[str, Any]], np.ndarray]:
    """The texts below the selectors `roots`, and a screenshot without text in which they lie where they say: live
    figures and what unfolds move them, and then both are taken again.
    """
    for _ in range(STILL_ATTEMPTS):
        texts: list[dict[str, Any]] = page.evaluate("(roots) => contrast.visibleTexts(roots)", roots)
        page.evaluate("() => contrast.hideText()")
        png = page.screenshot(animations="disabled")
        page.evaluate("() => contrast.showText()")
        if [text["rects"] for text in texts] == [
            text["rects"] for text in page.evaluate("(roots) => contrast.visibleTexts(roots)", roots)
        ]:
            return texts, np.frombuffer(png, np.uint8)
    raise AssertionError("the page does not come to rest")


def low_contrasts(page: Page, roots: str) -> list[str]:
    """Texts below the selectors `roots` whose contrast is too low. The text's colour is that of its computed style, the
    background is what the page draws behind it (gradients included), of which the worst twentieth counts.
    """
    texts, png = still_page(page, roots)
    drawn = cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float64) / 255
    assert len(texts) > 0
    found = []
    for text in texts:
        for left, top, width, height in text["rects"]:
            x, y = round(left), round(top)
            behind = drawn[max(y, 0) : y + round(height), max(x, 0) : x + round(width)].reshape(-1, 3)
            if len(behind) == 0:
                continue
            front = np.array(text["rgb"]) * text["alpha"] + behind * (1 - text["alpha"])
            ratio = float(np.quantile(contrast(front, behind), 0.05))
            large = text["size"] >= LARGE_PX or (text["size"] >= LARGE_BOLD_PX and text["weight"] >= BOLD)
            if ratio < (MIN_CONTRAST_LARGE if large else MIN_CONTRAST):
                found.append(f"{text['text'][:40]}: {ratio:.2f}")
    return found


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast(np.zeros(3), np.ones(3)) == pytest.approx(21)
    assert contrast(np.full(3, 0x76 / 255), np.ones(3)) == pytest.approx(4.54, abs=0.01)  # the known limit for grey


@SCHEMES
def test_text_has_enough_contrast_before_the_start(open_page: OpenPage, stub: KagamiServer, scheme: str) -> None:
    page = open_page(stub.url, color_scheme=scheme, viewport=VIEWPORT)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    expect(page.locator("#picture-name")).to_have_text("stub.png")
    page.evaluate(CONTRAST_JS)
    assert low_contrasts(page, "body > header, main") == []
    page.evaluate("() => contrast.showHiddenElements()")
    assert low_contrasts(page, ".notice, .hint, .self, .recording, .panel, .slow-words") == []
    page.evaluate(DRAG_JS)
    assert low_contrasts(page, ".drop") == []
    page.evaluate("() => document.getElementById('shortcuts').showModal()")
    assert low_contrasts(page, "dialog") == []
    page.get_by_role("switch", name="Keyboard shortcuts").uncheck()
    assert low_contrasts(page, "dialog") == []
    track, card = (
        np.array(page.evaluate("(selector) => contrast.buttonColours(selector, null)[1]", selector))
        for selector in ("#use-shortcuts", "#shortcuts")
    )
    assert contrast(track, card) >= MIN_CONTRAST_ICON, "a switch that is off cannot be seen"


@SCHEMES
def test_text_has_enough_contrast_while_live(open_page: OpenPage, stub: KagamiServer, scheme: str) -> None:
    page = open_page(stub.url, color_scheme=scheme, viewport=VIEWPORT)
    go_live(page)
    page.locator("#speed summary").click()
    page.locator("#proportions summary").click()
    expect(page.locator("#stages tr").first).to_be_visible()
    page.mouse.move(0, 0)
    page.evaluate(FINISH_ANIMATIONS_JS)  # what is just opened fades in
    page.evaluate(CONTRAST_JS)
    assert low_contrasts(page, "body > header, main") == []


@SCHEMES
def test_buttons_have_enough_contrast_in_every_state(open_page: OpenPage, stub: KagamiServer, scheme: str) -> None:
    page = open_page(stub.url, color_scheme=scheme, viewport=VIEWPORT)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    page.evaluate(CONTRAST_JS)
    low = _low_button_contrasts(page, MIN_CONTRAST, "#start", "#choose", "#reset", "#copy", "#help")
    go_live(page)
    low += _low_button_contrasts(page, MIN_CONTRAST, "#start")
    low += _low_button_contrasts(page, MIN_CONTRAST_ICON, "#mic", "#pause", "#calibrate", "#mirror", "#record", "#full")
    assert low == []


def _low_button_contrasts(page: Page, limit: float, *selectors: str) -> list[str]:
    """Buttons and states, of normal, hover, pressed, and pressed with hover, whose contrast is below the limit."""
    low = []
    for selector in selectors:
        toggles = page.locator(selector).get_attribute("aria-pressed") is not None
        for hover in (False, True):
            if hover:
                page.hover(selector)
            else:
                page.mouse.move(0, 0)
            for pressed in ("false", "true") if toggles else (None,):
                front, behind = page.evaluate(
                    "([selector, pressed]) => contrast.buttonColours(selector, pressed)", [selector, pressed]
                )
                ratio = float(contrast(np.array(front), np.array(behind)))
                if ratio < limit:
                    low.append(f"{selector} hover={hover} pressed={pressed}: {ratio:.2f}")
    return low

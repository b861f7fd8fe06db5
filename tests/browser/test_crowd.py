"""People in a picture are chosen by a click or a key; files that a browser cannot show are shown all the same."""

import re

import numpy as np
from playwright.sync_api import expect

from tests.browser.actions import expect_in_use, png_file
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer
from tests.support.heif import heic

GREEN = (40, 190, 70)
LOADED = "(id) => { const image = document.getElementById(id); return image.complete && image.naturalWidth > 0; }"


def test_person_in_the_picture_is_chosen_by_click_and_key(stub: KagamiServer, open_page: OpenPage) -> None:
    page = open_page(stub.url)
    expect(page.locator("#crowd")).to_be_hidden()
    page.locator("#file").set_input_files(png_file("two.png", GREEN))
    first, second = (page.get_by_role("button", name=f"Person {number} from the left") for number in (1, 2))
    expect(first).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(LOADED, arg="crowd-picture")
    box, image = second.bounding_box(), page.locator("#crowd-picture").bounding_box()
    assert box is not None and image is not None
    assert abs((box["x"] - image["x"]) / image["width"] - 0.5) < 0.02
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(first).to_have_attribute("aria-pressed", "false")
    first.focus()
    page.keyboard.press("Enter")
    expect(first).to_have_attribute("aria-pressed", "true")


def test_picture_that_the_browser_cannot_show_is_shown_by_the_server(stub: KagamiServer, open_page: OpenPage) -> None:
    page = open_page(stub.url)
    photo = heic(np.full((96, 96, 3), GREEN, np.uint8))
    page.locator("#file").set_input_files({"name": "photo.heic", "mimeType": "", "buffer": photo})
    expect_in_use(page, "photo.heic")
    expect(page.locator("#still")).to_have_attribute("src", re.compile("api/picture.*session="))
    for name in ("still", "thumb"):
        page.wait_for_function(LOADED, arg=name)

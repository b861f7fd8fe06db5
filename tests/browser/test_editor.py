"""The points editor: opened from the notice and the card, handles moved by keys, undone, used, saved, loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.actions import (
    answer_held,
    colour_of,
    expect_alert,
    expect_in_use,
    go_live,
    hold_requests,
    is_close,
    png_file,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer
from tests.support.fakes import FACELESS

SIDE = 256  # pixels of the pictures that `png_file` makes
REQUIRED = {"left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "chin"}


def open_refused(page: Page) -> None:
    """Give a picture in which no face is found, and open the editor from its notice."""
    expect(page.locator("#status")).to_have_text("Ready")
    page.locator("#file").set_input_files(png_file("cup.png", FACELESS))
    expect_alert(page, "No face was found in cup.png: place its points, or use another picture.")
    page.get_by_role("alert").get_by_role("button", name="Place points").click()
    expect(page.get_by_role("dialog", name="Points of cup.png")).to_be_visible()


def handle(page: Page, name: str) -> Locator:
    return page.locator(f".handle[data-name={name}]")


def middle(locator: Locator) -> tuple[float, float]:
    box = locator.locator(".ring").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def scale(page: Page) -> float:
    """CSS pixels for a pixel of the picture."""
    value: float = page.evaluate(
        "() => { const stage = document.getElementById('editor-stage');"
        " return stage.clientWidth / stage.viewBox.baseVal.width; }"
    )
    return value


def downloaded(page: Page) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    assert download.value.suggested_filename == "cup.points.json"
    points: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    return points


def drag(page: Page, name: str, dx: float, dy: float) -> None:
    """Drag a handle by so many CSS pixels with the mouse."""
    x, y = middle(handle(page, name))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2)
    page.mouse.move(x + dx, y + dy)
    page.mouse.up()


def test_points_are_dragged_undone_and_downloaded_as_they_lie(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    open_refused(page)
    before = downloaded(page)
    assert set(before) == REQUIRED  # what has no face begins with guesses of one
    expect(page.locator("#editor-film")).to_be_visible()
    drag(page, "nose", 30, -18)
    after, unit = downloaded(page), scale(page)
    assert abs(after["nose"][0] - before["nose"][0] - 30 / unit) < 0.2
    assert abs(after["nose"][1] - before["nose"][1] + 18 / unit) < 0.2
    assert {name: after[name] for name in REQUIRED - {"nose"}} == {name: before[name] for name in REQUIRED - {"nose"}}
    page.get_by_role("button", name="Undo").click()
    assert downloaded(page) == before
    handle(page, "nose").focus()
    page.keyboard.press("Control+Shift+z")
    assert downloaded(page) == after
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Redo").click()
    assert downloaded(page) == after
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()


def test_points_are_moved_switched_and_grouped_by_keyboard(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    open_refused(page)
    before = downloaded(page)
    handle(page, "chin").focus()
    expect(page.locator("#editor-point")).to_have_text("Chin")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    after, unit = downloaded(page), scale(page)
    assert abs(after["chin"][0] - before["chin"][0] - 3 / unit) < 0.2
    assert abs(after["chin"][1] - before["chin"][1] + 10 / unit) < 0.2
    handle(page, "forehead").focus()
    page.keyboard.press("Enter")
    assert set(downloaded(page)) == REQUIRED | {"forehead"}
    handle(page, "forehead").focus()
    page.keyboard.press("Delete")
    assert set(downloaded(page)) == REQUIRED
    expect(handle(page, "left_elbow")).to_have_count(0)
    page.get_by_role("switch", name="Shoulders, arms, hands").click()
    drag(page, "left_elbow", 12, 0)
    assert set(downloaded(page)) == REQUIRED | {"left_elbow"}
    page.get_by_role("switch", name="Outline").click()
    outline = downloaded(page)["outline"]
    assert len(outline) == 14
    handle(page, "'outline:3'").focus()
    page.keyboard.press("Delete")
    assert downloaded(page)["outline"] == [*outline[:3], *outline[4:]]
    page.keyboard.press("Escape")
    expect(page.locator("#editor")).to_be_hidden()


def test_placed_points_are_used_and_go_along_with_their_picture(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    open_refused(page)
    drag(page, "nose", 10, 4)
    placed = downloaded(page)
    page.get_by_role("button", name="Use", exact=True).click()
    expect(page.locator("#editor")).to_be_hidden()
    expect_in_use(page, "cup.png")
    go_live(page)
    wait_until(lambda: is_close(colour_of(page), FACELESS), page)
    page.get_by_role("button", name="Place points").click()
    expect(page.get_by_role("dialog", name="Points of cup.png")).to_be_visible()
    assert downloaded(page) == placed
    page.get_by_role("button", name="Cancel").click()
    page.locator("#file").set_input_files(png_file("red.png", (200, 20, 20)))
    expect(page.locator("#picture-name")).to_have_text("red.png")
    page.get_by_role("button", name="cup.png", exact=True).click()  # on the shelf
    expect(page.locator("#picture-name")).to_have_text("cup.png")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_wrong_points_and_files_are_answered_by_a_sentence(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    held = hold_requests(page, "api/points/preview", "PUT")
    open_refused(page)
    file, message = page.locator("#editor-file"), page.locator("#editor-message")

    def load(text: str) -> None:
        file.set_input_files({"name": "points.json", "mimeType": "application/json", "buffer": text.encode()})

    load("{")
    wait_until(lambda: len(held) == 1, page)
    answer_held(page, held[0])
    expect(message).to_have_text("This file is not JSON: choose one that was downloaded here, or see docs/points.md.")
    load('{"tail": [1, 2]}')
    expect(message).to_have_text("tail is not the name of a point: see docs/points.md.")
    load('{"nose": [1]}')
    expect(message).to_have_text("The point nose must be two numbers [x, y] in pixels of the picture.")
    line = {name: [20 + 3 * k, 40] for k, name in enumerate(sorted(REQUIRED))}
    load(json.dumps(line))
    assert downloaded(page) == line
    page.get_by_role("button", name="Use", exact=True).click()
    expect(message).to_contain_text("The points do not form a face: the eyes must lie apart")
    expect(page.locator("#editor")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#picture-name")).to_have_text("stub.png")


def test_editor_of_a_picture_with_a_face_changes_only_what_is_moved(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    page.locator("#file").set_input_files(png_file("cup.png", (90, 90, 200)))
    expect_in_use(page, "cup.png")
    page.get_by_role("button", name="Place points").click()
    expect(page.get_by_role("dialog", name="Points of cup.png")).to_be_visible()
    assert downloaded(page) == {}
    drag(page, "right_wrist", 9, 9)
    assert set(downloaded(page)) == {"right_wrist"}
    drag(page, "left_eye", 3, 0)
    assert REQUIRED | {"right_wrist", "left_eye_outer", "forehead"} <= set(downloaded(page))
    page.get_by_role("button", name="Use", exact=True).click()
    expect(page.locator("#editor")).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_points_of_a_former_picture_are_not_put_onto_another(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    expect(page.locator("#status")).to_have_text("Ready")
    held = hold_requests(page, "api/picture", "PUT")
    page.locator("#file").set_input_files(png_file("red.png", (200, 20, 20)))
    wait_until(lambda: len(held) == 1, page)
    page.get_by_role("button", name="Place points").dblclick()  # opens once
    expect(page.get_by_role("dialog", name="Points of stub.png")).to_be_visible()
    drag(page, "left_eye", 3, 0)
    answer_held(page, held[0])
    expect_in_use(page, "red.png")
    page.get_by_role("button", name="Use", exact=True).click()
    message = "Another picture is in use now: cancel, then place its points."
    expect(page.locator("#editor-message")).to_have_text(message)
    expect(page.get_by_role("alert").filter(has_text="picture is in use")).to_have_count(1)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#picture-notes")).to_be_hidden()


def test_editor_zooms_about_the_pointer_and_fits_a_phone(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url, viewport={"width": 390, "height": 844}, has_touch=True)
    open_refused(page)
    x, y = middle(handle(page, "chin"))
    unit = scale(page)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    wait_until(lambda: scale(page) > 1.5 * unit, page)
    after = middle(handle(page, "chin"))
    assert abs(after[0] - x) < 3 and abs(after[1] - y) < 3
    page.get_by_role("button", name="Whole picture").click()
    assert abs(scale(page) - unit) < 1e-3
    for name in ("Use", "Cancel", "Undo", "Download JSON"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("size", [(844, 390), (667, 375), (390, 844), (1024, 600)])
def test_stage_and_groups_of_the_editor_are_in_reach_on_a_phone(
    open_page: OpenPage, stub: KagamiServer, size: tuple[int, int]
) -> None:
    page = open_page(stub.url, viewport=dict(zip(("width", "height"), size, strict=True)), has_touch=True)
    open_refused(page)
    handle(page, "nose").focus()
    for group in page.locator("#editor-groups input").all():
        expect(group).to_be_in_viewport(ratio=1)
    for name in ("#editor-on", "#editor-film", "#editor-use", "#editor-cancel", "#editor-undo", "#editor-fit"):
        expect(page.locator(name)).to_be_in_viewport(ratio=1)
    side = page.locator(".editor-side")
    assert side.evaluate("(side) => side.scrollHeight <= side.clientHeight"), "something is out of sight"
    stage = page.locator("#editor-stage").bounding_box()
    assert stage is not None and min(stage["width"], stage["height"]) >= 0.7 * min(size)

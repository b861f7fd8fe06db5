"""Presets on the page: saved under a name, chosen, renamed, deleted, exported and imported, and what is refused."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import expect_alert, go_live, sent_controls, sent_messages, wait_until
from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer


def options(page: Page) -> list[str]:
    return page.locator("#preset option").all_inner_texts()[1:]


def save(page: Page, name: str) -> None:
    page.get_by_label("Name of the preset").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()


def imported(page: Page, name: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    page.locator("#preset-file").set_input_files(
        {"name": name, "mimeType": "application/json", "buffer": text.encode()}
    )


def file_of(presets: object) -> dict[str, object]:
    return {"format": "kagami-presets", "version": 1, "presets": presets}


def test_presets_round_trip_through_a_file(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page("about:blank")
    messages = sent_messages(page)
    page.goto(stub.url)
    go_live(page)
    page.locator("#presets summary").click()
    page.get_by_role("slider", name="Head", exact=True).press("End")
    page.get_by_role("radio", name="Blur").check(force=True)
    page.get_by_role("radio", name="Bust").check(force=True)
    page.locator("#mood").fill("sleepy")
    save(page, "Evening")
    page.locator("#mood").fill("")
    page.get_by_role("slider", name="Head", exact=True).press("Home")
    page.get_by_role("radio", name="Original").check(force=True)
    save(page, " Calm ")
    assert options(page) == ["Evening", "Calm"]

    page.locator("#preset").select_option("Evening")
    wait_until(lambda: sent_controls(messages).get("head") == 2, page)
    assert sent_controls(messages)["background"] == "blur" and sent_controls(messages)["frame"] == "bust"
    expect(page.locator("#head-value")).to_have_text("200%")
    expect(page.locator("#mood")).to_have_value("sleepy")
    page.get_by_label("Name of the preset").fill("Night")
    page.get_by_role("button", name="Rename").click()
    assert options(page) == ["Night", "Calm"]

    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    exported = json.loads(download.value.path().read_text())
    assert list(exported["presets"]) == ["Night", "Calm"] and exported["presets"]["Night"]["head"] == 2
    page.get_by_role("button", name="Delete", exact=True).click()
    assert options(page) == ["Calm"]
    imported(page, "presets.json", exported)
    expect(page.locator("#preset option")).to_have_count(3)

    page.reload()
    page.locator("#presets summary").click()
    assert sorted(options(page)) == ["Calm", "Night"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert json.loads(download.value.path().read_text())["presets"] == exported["presets"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "This file is not JSON: choose one that this page exported."),
        ({"head": 1}, "This file holds no presets of this version: choose one that this page exported."),
        (file_of({}), "This file holds 0 presets: it may have 1 to 40."),
        (file_of({"A": {"head": 1, "nose": 2}}), "The preset “A” has a field “nose” that is unknown or out of range"),
        (file_of({"A": {"head": 3}}), "The preset “A” has a field “head” that is unknown or out of range"),
        (file_of({"A": {"paused": True}}), "The preset “A” has a field “paused” that is unknown or out of range"),
        (file_of({" ": {"head": 1}}), "A preset in this file has no name"),
    ],
)
def test_a_file_that_does_not_fit_gets_one_sentence_and_changes_nothing(
    open_page: OpenPage, stub: KagamiServer, content: object, sentence: str
) -> None:
    page = open_page(stub.url)
    page.wait_for_selector("body[data-link=open]")
    page.locator("#presets summary").click()
    save(page, "Mine")
    imported(page, "presets.json", content)
    expect_alert(page, sentence)
    assert options(page) == ["Mine"]


def test_names_are_checked(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url)
    page.locator("#presets summary").click()
    save(page, "  ")
    expect_alert(page, "A preset’s name has 1 to 40 characters: choose another one.")
    for name in ("constructor", "B"):  # the first is the name of a property that every object has
        save(page, name)
    page.get_by_label("Name of the preset").fill("constructor")
    page.get_by_role("button", name="Rename").click()
    expect_alert(page, "There is a preset “constructor” already: choose another name.")
    assert options(page) == ["constructor", "B"]

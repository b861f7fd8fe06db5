"""Every text of the page is translated in each catalogue, and the page speaks the browser's or the chosen language."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.actions import expect_alert, go_live
from tests.browser.conftest import OpenPage
from tests.browser.kagami import ROOT, KagamiServer
from tests.support.page_texts import WORDS, html_texts, page_texts, script_texts, server_texts

LANGUAGES = pytest.mark.parametrize("language", ["de", "ja"])
_PLACEHOLDER = re.compile(r"\{\d\}")


def catalogue(language: str) -> dict[str, dict[str, str]]:
    path = ROOT / "web_client" / "i18n" / f"{language}.json"
    found: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return found


@LANGUAGES
def test_catalogue_has_every_text_of_the_page_and_no_other(language: str) -> None:
    known, needed = catalogue(language)["page"].keys(), page_texts() | WORDS
    assert sorted(needed - known) == [], "not translated"
    assert sorted(known - needed) == [], "not on the page any more"


@LANGUAGES
def test_catalogue_has_only_sentences_that_the_server_sends(language: str) -> None:
    assert sorted(catalogue(language)["server"].keys() - server_texts()) == []


@LANGUAGES
def test_translations_are_whole(language: str) -> None:
    both = catalogue(language)["page"] | catalogue(language)["server"]
    for english, translation in both.items():
        assert translation.strip(), english
        assert set(_PLACEHOLDER.findall(translation)) == set(_PLACEHOLDER.findall(english)), english


def test_catalogues_have_the_same_sentences() -> None:
    first, second = catalogue("de"), catalogue("ja")
    assert {part: sorted(first[part]) for part in first} == {part: sorted(second[part]) for part in second}


def test_texts_are_found_in_html_and_scripts() -> None:
    html = '<p title="A tip">Some <b>bold</b> words<kbd>Esc</kbd></p><svg>no text</svg>'
    assert html_texts(html) == {"A tip", "Some", "bold", "words"}
    script = """
      // 'A comment' and `another ${one}`
      import { x } from './module.js';
      say('It\\'s ready'); say(`${name} is ${big ? 'Large' : `quite ${size}`}: ${n} MB`); /'Not a text'/.test(x);
      element.dataset.kind = 'idle'; add('ArrowLeft'); show(`${n} ms`);
    """
    assert script_texts(script) == {"It's ready", "{0} is {1}: {2} MB", "Large", "quite {0}"}


@pytest.mark.parametrize(
    ("locale", "start", "ready", "blocked"),
    [
        ("de-CH", "Start", "Bereit", "Der Zugriff ist gesperrt (Kamera)"),
        ("ja-JP", "開始", "準備完了", "カメラがブロック"),
    ],
)
def test_page_speaks_the_language_of_the_browser(
    open_page: OpenPage, stub: KagamiServer, locale: str, start: str, ready: str, blocked: str
) -> None:
    page = open_page(stub.url, allow=(), locale=locale)
    expect(page.locator("#status")).to_have_text(ready)
    assert page.locator("html").get_attribute("lang") == locale[:2]
    page.get_by_role("button", name=start, exact=True).click()
    expect_alert(page, blocked)
    english = [text for text in shown_texts(page) if text in catalogue(locale[:2])["page"]]
    same = {key for key, value in catalogue(locale[:2])["page"].items() if key == value}
    assert set(english) - same - set(catalogue(locale[:2])["page"].values()) == set()


def test_language_is_chosen_and_kept(open_page: OpenPage, stub: KagamiServer) -> None:
    page = open_page(stub.url, locale="fr-FR")
    expect(page.locator("#status")).to_have_text("Ready")
    page.locator("#language").select_option("de")
    expect(page.locator("#status")).to_have_text("Bereit")
    page.reload()
    expect(page.locator("#status")).to_have_text("Bereit")
    expect(page.locator("#language")).to_have_value("de")
    go_live(page)
    page.locator("#language").select_option("en")
    expect_alert(page, "Die Sprache wechselt, wenn die Seite neu geladen wird.")
    page.get_by_role("button", name="Stopp").click()
    page.reload()
    expect(page.locator("#status")).to_have_text("Ready")


@pytest.mark.parametrize("locale", ["de-DE", "ja-JP"])
def test_translated_page_fits_a_narrow_phone(open_page: OpenPage, stub: KagamiServer, locale: str) -> None:
    page = open_page(stub.url, viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True, locale=locale)
    page.wait_for_selector("body[data-link=open]")
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320


def shown_texts(page: Any) -> list[str]:
    """The texts of the document, hidden ones included."""
    texts: list[str] = page.evaluate(
        "() => { const found = []; const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);"
        " while (walker.nextNode()) found.push(walker.currentNode.nodeValue.trim()); return found.filter(Boolean); }"
    )
    return texts

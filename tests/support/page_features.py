"""The controls of the page, and the features that docs/page.md makes of them, with the browser tests that use them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTROLS = ("button", "input", "select", "textarea", "details", "dialog")
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.M)


@dataclass(frozen=True)
class Feature:
    """A row of docs/page.md.

    name: its first column.
    controls: names of the controls, as `control_names` gives them.
    tests: file in tests/browser/ and function of each test.
    """

    name: str
    controls: tuple[str, ...]
    tests: tuple[tuple[str, str], ...]


def features(document: str | None = None) -> list[Feature]:
    """The rows of all tables of docs/page.md, or of another text."""
    document = document or (ROOT / "docs" / "page.md").read_text("utf-8")
    found = []
    for name, controls, tests in _ROW.findall(document):
        if "::" in tests:
            named = re.findall(r"`([\w.]+)::(\w+)`", tests)
            found.append(Feature(name, tuple(re.findall(r"`([^`]+)`", controls)), tuple(named)))
    return found


def control_names(html: str) -> set[str]:
    """The controls of a document: the id of each, or `name=value` for a choice of several without one.

    Raises AssertionError for a control that has neither.
    """
    parser = _Controls()
    parser.feed(html)
    return parser.names


def page_controls() -> set[str]:
    """The controls of index.html and of the dialogs."""
    files = sorted((ROOT / "web_client").glob("*.html"))
    return {name for file in files for name in control_names(file.read_text("utf-8"))}


class _Controls(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in CONTROLS:
            return
        named = {name: value or "" for name, value in attrs}
        name = named.get("id") or (f"{named['name']}={named.get('value', '')}" if "name" in named else "")
        assert name, f"a {tag} without an id"
        self.names.add(name)

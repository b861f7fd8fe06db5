"""docs/page.md lists every control of the page, with tests that use it in a browser."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
CONTROLS = ("button", "input", "select", "textarea", "details", "dialog")
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.M)


class Page(HTMLParser):
    """The controls of a document: `handles` by which a browser test names each, its id, label, key or choice."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.handles: dict[str, set[str]] = {}
        self._labels: dict[str, str] = dict(re.findall(r'<label[^>]* for="([^"]+)"[^>]*>([^<]+)<', html))
        self._words: list[str] = []  # of the label in which the parser is
        self._open: str | None = None  # the control whose text the parser reads
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "label":
            self._words = []
        if tag not in CONTROLS:
            return
        kind, group, value = named.get("type"), named.get("name"), named.get("value", "")
        name = named.get("id") or (f"{group}={value}" if group else "")
        assert name, f"a {tag} without an id"
        self._open = name if tag == "button" or kind == "radio" else None
        labels = {named.get("aria-label"), self._labels.get(name), *self._words} - {None, ""}
        handles = {f"#{name}", f'"{name}"'} if "id" in named else {f"value={value}]", f'"{value}"'}
        handles |= {f'name="{label}"' for label in labels} | {f'get_by_label("{label}"' for label in labels}
        if shortcut := named.get("data-shortcut"):
            handles.add(f'press("{shortcut}")')
        self.handles[name] = handles

    def handle_data(self, data: str) -> None:
        if words := data.strip():
            self._words.append(words)
            if self._open:
                self.handles[self._open].add(f'name="{words}"')

    def handle_endtag(self, tag: str) -> None:
        if tag in ("button", "label"):
            self._open, self._words = None, []


def controls() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "web_client").glob("*.html")):
        found |= Page(file.read_text(encoding="utf-8")).handles
    return found


def rows() -> list[tuple[str, list[str], list[tuple[str, str]]]]:
    """Feature, its elements, and its tests as file and name, of each row of the tables."""
    found = []
    for feature, elements, tests in ROW.findall(DOCUMENT):
        if "::" in tests:
            named = [(file, name) for file, name in re.findall(r"`([\w.]+)::(\w+)`", tests)]
            found.append((feature, re.findall(r"`([^`]+)`", elements), named))
    return found


def test_every_control_of_the_page_is_a_feature_with_a_test() -> None:
    listed = {element for _, elements, _ in rows() for element in elements}
    assert sorted(controls().keys() - listed) == [], "not in docs/page.md"
    assert sorted(listed - controls().keys()) == [], "not on the page any more"


@pytest.mark.parametrize(("feature", "elements", "tests"), rows(), ids=[row[0] for row in rows()])
def test_feature_is_used_by_its_tests(feature: str, elements: list[str], tests: list[tuple[str, str]]) -> None:
    source = ""
    for file, name in tests:
        path = ROOT / "tests" / "browser" / file
        source += path.read_text(encoding="utf-8")
        functions = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
        assert name in functions, f"{file} has no {name}"
    known = controls()
    unused = [element for element in elements if not any(handle in source for handle in known[element])]
    assert unused == [], f"{feature}: no test of the row names them"


def test_controls_are_found_with_all_their_names() -> None:
    page = Page(
        '<label for="zoom">Zoom</label><input id="zoom"><button id="go" data-shortcut="g"><svg></svg>Go on</button>'
        '<label><input type="radio" name="frame" value="bust"><span>Bust</span></label>'
    )
    assert page.handles == {
        "zoom": {"#zoom", '"zoom"', 'name="Zoom"', 'get_by_label("Zoom"'},
        "go": {"#go", '"go"', 'press("g")', 'name="Go on"'},
        "frame=bust": {"value=bust]", '"bust"', 'name="Bust"'},
    }

"""The English texts of the page, read out of its HTML and JavaScript: what a catalogue of translations must hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SILENT = ("script", "style", "svg", "kbd")
_ATTRIBUTES = ("title", "data-title", "aria-label", "placeholder", "alt")
# Literals of JavaScript that no person reads, though they look like a sentence or a word.
_NOT_TEXTS = re.compile(
    r"[A-Z]+|[A-Z]\w*(Error|Context)|(Arrow|Page|Key)\w+|Content-Type|.*(\$|[<>\[\]=#]|::|\.\w+,|^\w+\().*|"
    r"SHA-256|(index\.html has no|not in the protocol).*|.*-label|"
    r"(Home|End|Escape|Enter|Tab|Space|Delete|Backspace|Files|Control)",
    re.S,
)
_UNITS = {"fps", "ms", "MB", "kbps"}  # the same in every language
_OWN_NAMES = {"English", "Deutsch", "日本語"}  # languages are named in themselves
WORDS = {"camera", "microphone"}  # that scripts put into sentences
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<string>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
      | (?P<regex>(?<=[(,=:!&|?{;])\s*/(?![/*])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/[a-z]*)
      | (?P<template>`)""",
    re.S | re.X,
)


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        self.found += [value.strip() for name, value in attrs if name in _ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data.strip())


def html_texts(html: str) -> set[str]:
    """Texts and labels of a document that have words."""
    parser = _Texts()
    parser.feed(html)
    return {text for text in parser.found if re.search(r"[^\W\d_]{2}", text)} - _OWN_NAMES


def script_texts(script: str) -> set[str]:
    """Literals of a script that a person may read, `${…}` as {0}, {1}: those of several words, and single words that
    begin with a capital letter.
    """
    return {literal for literal in _literals(script) if _is_text(literal)}


def _is_text(literal: str) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", literal)
    if set(words) <= _UNITS or _NOT_TEXTS.fullmatch(literal):
        return False
    if re.match(r"[A-Z–]", literal):
        return True
    return literal[-1] == "…" or (" " in literal and ("{" in literal or not literal.islower() or literal[-1] in ".:?"))


def _literals(script: str) -> Iterator[str]:
    position = 0
    while match := _TOKEN.search(script, position):
        position = match.end()
        if match["string"]:
            yield ast.literal_eval(match["string"])
        elif match["template"]:
            parts, position = _template(script, position)
            literal = ""
            for index, (text, expression) in enumerate(parts):
                literal += text
                if expression is not None:
                    literal += f"{{{index}}}"
                    yield from _literals(expression)
            yield literal.replace("\\n", "\n")


def _template(script: str, position: int) -> tuple[list[tuple[str, str | None]], int]:
    """Texts of a template literal that begins here, each with the expression after it, and where the literal ends."""
    parts: list[tuple[str, str | None]] = []
    start = position
    while script[position] != "`":
        if script[position] == "\\":
            position += 2
        elif script.startswith("${", position):
            end = _closing_brace(script, position + 2)
            parts.append((script[start:position], script[position + 2 : end]))
            start = position = end + 1
        else:
            position += 1
    return [*parts, (script[start:position], None)], position + 1


def _closing_brace(script: str, position: int) -> int:
    depth = 0
    while depth or script[position] != "}":
        if script[position] == "`":
            position = _template(script, position + 1)[1]
            continue
        depth += {"{": 1, "}": -1}.get(script[position], 0)
        position += 1
    return position


def page_texts() -> set[str]:
    """Every English text of web_client/."""
    client = ROOT / "web_client"
    texts: set[str] = set()
    for file in client.glob("*.html"):
        texts |= html_texts(file.read_text("utf-8"))
    for file in client.glob("*.js"):
        texts |= script_texts(file.read_text("utf-8"))
    return texts


def server_texts() -> set[str]:
    """Every literal of streamer/, `{…}` of f-strings as {0}, {1}."""
    texts = set()
    for file in (ROOT / "streamer").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                number = 0
                text = ""
                for part in node.values:
                    if isinstance(part, ast.Constant):
                        text += str(part.value)
                    else:
                        text += f"{{{number}}}"
                        number += 1
                texts.add(text)
    return texts

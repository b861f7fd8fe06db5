"""Write the vocabulary of moods into docs/words.md: its tables are made of the code.

python -m scripts.make_words
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streamer.sources.mood_vocabulary import MEANINGS, SECTIONS, words_of
from streamer.sources.mood_words import DEGREES, FREQUENCIES, SYNONYMS

FILE = Path(__file__).parents[1] / "docs" / "words.md"
BEGIN, END = "<!-- made by scripts/make_words.py -->", "<!-- end -->"
HEADINGS = {
    "faces": "Feelings and faces",
    "gaze": "Gaze",
    "motions": "Motions",
    "energy": "Energy",
    "habits": "Habits of idling",
}


def tables() -> str:
    """The generated part of the document."""
    return "\n".join(_lines())


def with_tables(text: str) -> str:
    """A document with the generated part in its place."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{rest.split(END)[1]}"


def _lines() -> Iterator[str]:
    for section, meanings in SECTIONS.items():
        yield from (f"## {HEADINGS[section]}", "", "| word | what it does | the same |", "|---|---|---|")
        for name, meaning in meanings.items():
            yield f"| {name} | {meaning.about} | {_same(name)} |"
        yield ""
    yield from ("## Degrees and frequencies", "", "| factor | words |", "|---|---|")
    for factor in sorted(set(DEGREES.values())):
        yield f"| {factor:g} | {', '.join(word for word, value in DEGREES.items() if value == factor)} |"
    yield from ("", "| seconds, mean | words |", "|---|---|")
    for seconds in sorted(set(FREQUENCIES.values()), reverse=True):
        words = ", ".join(word for word, value in FREQUENCIES.items() if value == seconds)
        yield f"| {seconds:g} | {words} |" if seconds else f"| all the time | {words} |"
    yield ""


def _same(name: str) -> str:
    """Other words for a meaning, those that say more or less of it with their degree."""
    plain = [word for word in words_of(name) if word != name]
    stressed = [
        f"{', '.join(words_of(key))} (*{key}*)"
        for key in SYNONYMS
        if key not in MEANINGS and key.partition(" ")[2] == name
    ]
    return "; ".join(filter(None, (", ".join(plain), *stressed)))


if __name__ == "__main__":
    FILE.write_text(with_tables(FILE.read_text(encoding="utf-8")), encoding="utf-8")

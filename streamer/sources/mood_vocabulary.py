"""What a mood may say: each phrase of the table of words by its stems, and the words that are spelled most alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from streamer.sources.mood import Meaning
from streamer.sources.mood_faces import FACES
from streamer.sources.mood_habits import ENERGIES, GAZES, HABITS, MOTIONS
from streamer.sources.mood_words import DEGREES, FILLERS, FREQUENCIES, NEGATIONS, SPLITTERS, SYNONYMS
from streamer.sources.word_stems import stem, stems_of

SECTIONS: Mapping[str, Mapping[str, Meaning]] = {
    "faces": FACES, "gaze": GAZES, "motions": MOTIONS, "energy": ENERGIES, "habits": HABITS,
}  # fmt: skip
"""All meanings by the heading that they have in docs/words.md."""
MEANINGS = {name: meaning for section in SECTIONS.values() for name, meaning in section.items()}
FILLER_STEMS, SPLITTER_STEMS = frozenset(map(stem, FILLERS)), frozenset(map(stem, SPLITTERS))
MAX_NEAREST = 3
SPELLED_ALIKE = 0.72  # least ratio of difflib at which two words are
Stems = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a phrase says: a meaning with a degree, or a degree, a frequency (seconds), or a negation alone."""

    meaning: str | None = None
    degree: float | None = None
    frequency: float | None = None
    negates: bool = False


@cache
def entries() -> Mapping[Stems, Entry]:
    """Every phrase of the vocabulary. Raises ValueError where one would be read in two ways."""
    found: dict[Stems, Entry] = {}
    for stems, entry in _phrases():
        known = found.get(stems, entry)
        if known != entry:
            raise ValueError(f"'{' '.join(stems)}' is said to be {known} and {entry}")
        found[stems] = entry
    return found


@cache
def longest() -> int:
    """Words of the longest phrase."""
    return max(map(len, entries()))


def words_of(name: str) -> list[str]:
    """The phrases of the table that mean this, with a degree before the name where the table has one."""
    return [phrase.strip() for phrase in SYNONYMS.get(name, "").split(",") if phrase.strip()]


@lru_cache(256)
def nearest(word: str) -> tuple[str, ...]:
    """Words that begin alike and are spelled alike, the nearest first."""
    candidates = _by_initial().get(word[:1].casefold(), ())
    return tuple(difflib.get_close_matches(word.casefold(), candidates, MAX_NEAREST, SPELLED_ALIKE))


@cache
def _by_initial() -> Mapping[str, list[str]]:
    spelled: dict[str, list[str]] = {}
    for phrase in [*MEANINGS, *(word for name in SYNONYMS for word in words_of(name)), *DEGREES, *FREQUENCIES]:
        if phrase[0].isalpha() and phrase not in spelled.setdefault(phrase[0], []):
            spelled[phrase[0]].append(phrase)
    return spelled


def _phrases() -> Iterator[tuple[Stems, Entry]]:
    for word, degree in DEGREES.items():
        yield stems_of(word), Entry(degree=degree, frequency=FREQUENCIES.get(word))
    for word, every_s in FREQUENCIES.items():
        yield stems_of(word), Entry(frequency=every_s, degree=DEGREES.get(word))
    for word in NEGATIONS:
        yield stems_of(word), Entry(negates=True)
    for name in MEANINGS:
        yield stems_of(name), Entry(name, 1.0)
    for name in SYNONYMS:
        meaning, degree = _split_degree(name)
        for phrase in words_of(name):
            yield stems_of(phrase), Entry(meaning, degree)


def _split_degree(name: str) -> tuple[str, float]:
    """A key of `SYNONYMS` as meaning and degree."""
    if name in MEANINGS:
        return name, 1.0
    word, _, meaning = name.partition(" ")
    return meaning, DEGREES[word]

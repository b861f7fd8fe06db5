"""Reads the text of a mood: English words of a documented vocabulary (docs/words.md), and nothing more."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from streamer.options import MAX_MOOD_CHARACTERS
from streamer.sources.mood import MoodReading, Understood, Unknown
from streamer.sources.mood_compiling import Said, compile_mood
from streamer.sources.mood_vocabulary import FILLER_STEMS, MEANINGS, SPLITTER_STEMS, Entry, entries, longest, nearest
from streamer.sources.mood_words import SOMETIMES_S
from streamer.sources.word_stems import clean, stem, tokens_of

MAX_UNKNOWN = 12  # words that are told as not understood
MAX_WORD = 32  # letters of them
RARELY_S, SLIGHTLY = 26.0, 0.45  # what "not often" and "not very" mean
MOST_DEGREE, LEAST_DEGREE = 2.0, 0.2
_BREAK = ","
_DEGREE_WORDS = ((0.3, "hardly"), (0.55, "slightly"), (0.9, "somewhat"), (1.1, ""), (1.32, "quite"), (1.7, "very"))
_FREQUENCY_WORDS = ((0.0, "always"), (6.0, "often"), (18.0, "sometimes"), (35.0, "rarely"))


@dataclass(frozen=True, slots=True)
class _Part:
    """A phrase of the vocabulary, or a word that it does not have. entry: None for that."""

    words: str
    entry: Entry | None


def read_mood(text: str) -> MoodReading:
    """The mood that a text describes, and how it was read. An empty text is an empty mood.

    Raises ValueError for a text longer than MAX_MOOD_CHARACTERS.
    """
    if len(text) > MAX_MOOD_CHARACTERS:
        raise ValueError(f"the mood has {len(text)} characters, more than {MAX_MOOD_CHARACTERS}")
    text = " ".join(clean(text).split())
    said: list[Said] = []
    understood: list[Understood] = []
    unknown: dict[str, Unknown] = {}
    for parts in _clauses(text):
        for part in parts:
            if part.entry is None and len(unknown) < MAX_UNKNOWN:
                word = part.words[:MAX_WORD]
                unknown.setdefault(word, Unknown(word, nearest(word)))
        news = _said(parts)
        said += news
        if news:
            known = " ".join(part.words for part in parts if part.entry is not None)
            understood.append(Understood(known, ", ".join(map(_spelled, news))))
    return MoodReading(text, tuple(understood), tuple(unknown.values()), compile_mood(said))


def _clauses(text: str) -> Iterator[list[_Part]]:
    """What stands between commas, "and" and the like: the longest phrases of the vocabulary, and what it has not."""
    words = list(_words(text))
    stems = tuple(map(stem, words))
    place, clause = 0, list[_Part]()
    while place < len(words):
        for end in range(min(place + longest(), len(words)), place, -1):
            if (entry := entries().get(stems[place:end])) is not None:
                clause.append(_Part(" ".join(words[place:end]), entry))
                place = end
                break
        else:
            if words[place] == _BREAK or stems[place] in SPLITTER_STEMS:
                yield clause
                clause = []
            elif stems[place] not in FILLER_STEMS:
                clause.append(_Part(words[place], None))
            place += 1
    yield clause


def _words(text: str) -> Iterator[str]:
    """Words, emojis, and `_BREAK` for the signs that part clauses."""
    for token in tokens_of(text):
        kind = unicodedata.category(token[0])
        if kind[0] in "LN":
            yield from token.split("-")
        elif kind != "Sk":  # the colour of an emoji's skin is no word
            yield token if kind == "So" else _BREAK


def _said(parts: Sequence[_Part]) -> list[Said]:
    """What a clause says. Degrees belong to what follows, else to what is before; a frequency and a negation to all
    that follows, else to all before.
    """
    said: list[Said] = []
    degree, every_s, negated = 1.0, None, False
    has_degree = False
    for part in parts:
        entry = part.entry
        if entry is None:
            continue
        if entry.negates:
            negated = True
        elif entry.meaning is not None:
            stressed = degree * (entry.degree or 1.0)
            if negated and has_degree and degree > 1:
                said.append(Said(entry.meaning, SLIGHTLY, every_s))
            else:
                said.append(Said(entry.meaning, stressed, every_s, negated))
            degree, has_degree = 1.0, False
        elif entry.frequency is not None and (entry.degree is None or _wants_frequency(said)):
            every_s = entry.frequency / degree if has_degree else entry.frequency
            if negated:
                every_s, negated = RARELY_S, False
            degree, has_degree = 1.0, False
            if said:
                said = [one if one.every_s is not None else replace(one, every_s=every_s) for one in said]
        elif entry.degree is not None:
            degree, has_degree = degree * entry.degree, True
    if said and has_degree:  # "smiles a little"
        said[-1] = replace(said[-1], degree=said[-1].degree * degree)
    if said and negated and not any(one.negated for one in said) and _ends_with_negation(parts):  # "smiles never"
        said = [replace(one, negated=True) for one in said]
    return [replace(one, degree=min(max(one.degree, LEAST_DEGREE), MOST_DEGREE)) for one in said]


def _wants_frequency(said: Sequence[Said]) -> bool:
    """Whether "a lot" means often: after what comes and goes, or has a rate."""
    meaning = MEANINGS[said[-1].meaning] if said else None
    return meaning is not None and (meaning.comes_and_goes or meaning.rate is not None)


def _ends_with_negation(parts: Sequence[_Part]) -> bool:
    known = [part.entry for part in parts if part.entry is not None]
    return bool(known) and known[-1].negates


def _spelled(said: Said) -> str:
    """What was understood, in words of the vocabulary."""
    if said.negated:
        return f"not {said.meaning}"
    degree = next((word for most, word in _DEGREE_WORDS if said.degree <= most), "extremely")
    often = ""
    if said.every_s is not None:
        often = next((word for most, word in _FREQUENCY_WORDS if said.every_s <= most), "almost never")
    elif MEANINGS[said.meaning].comes_and_goes:
        often = next(word for most, word in _FREQUENCY_WORDS if most >= SOMETIMES_S)
    return " ".join(filter(None, (degree, said.meaning, often)))

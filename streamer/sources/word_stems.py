"""English words without their endings, so that "smiles", "smiling" and "smiled" are one word."""

from __future__ import annotations

import re
import unicodedata

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]")
_VOWEL = re.compile("[aeiouy]")
_LEAST_STEM = 3  # letters that an ending must leave
_INVISIBLE = frozenset({"Cc", "Cf", "Mn", "Cs", "Co", "Cn"})  # categories: controls, joiners, marks, halves of pairs


def clean(text: str) -> str:
    """A text without control characters and other invisible ones, each of which parts words."""
    composed = unicodedata.normalize("NFKC", text)
    return "".join(" " if unicodedata.category(each) in _INVISIBLE else each for each in composed)


def tokens_of(text: str) -> list[str]:
    """Words, numbers and single signs of a clean text, in small letters."""
    return [token.replace("’", "'") for token in _TOKEN.findall(text.casefold())]


def stem(word: str) -> str:
    """A word in small letters without the endings of plurals, verbs, adverbs and nouns made of adjectives."""
    word = word.removesuffix("'s")
    for ending, instead in (("iness", "y"), ("ness", ""), ("ily", "y"), ("ly", "")):
        if _can_lose(word, ending):
            word = word.removesuffix(ending) + instead
            break
    for ending, instead in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("s", "")):
        if _can_lose(word, ending) and not word.endswith("ss"):
            word = word.removesuffix(ending) + instead
            break
    word = word.removesuffix("e") if len(word) > _LEAST_STEM else word
    if len(word) > _LEAST_STEM and word[-1] == word[-2]:
        word = word[:-1]
    return f"{word[:-1]}y" if len(word) > _LEAST_STEM and word.endswith("i") else word


def stems_of(phrase: str) -> tuple[str, ...]:
    """The stems of all words of a phrase; parts of a word with hyphens are words of their own."""
    return tuple(stem(part) for token in tokens_of(clean(phrase)) for part in token.split("-"))


def _can_lose(word: str, ending: str) -> bool:
    rest = word.removesuffix(ending)
    return rest != word and len(rest) >= _LEAST_STEM and _VOWEL.search(rest) is not None

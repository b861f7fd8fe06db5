"""The vocabulary of moods: unambiguous, documented, and with a word for every face that keys make."""

from __future__ import annotations

import pytest

from scripts.make_words import FILE, with_tables
from streamer.sources.acts import FACE_NAMES, GESTURE_NAMES
from streamer.sources.mood_reading import read_mood
from streamer.sources.mood_vocabulary import FILLER_STEMS, MEANINGS, entries, nearest, words_of
from streamer.sources.mood_words import SYNONYMS
from streamer.sources.word_stems import stem

NAMES_OF_ACTS = {
    "wink-left": "winks",
    "wink-right": "winks",
    "surprise": "surprised",
    "anger": "angry",
    "sadness": "sad",
}


def test_every_phrase_is_read_in_one_way_and_as_what_the_table_says() -> None:
    assert len(entries()) > 1000
    for key in SYNONYMS:
        for phrase in words_of(key):
            reading = read_mood(phrase)
            assert not reading.unknown and key.removeprefix("very ") in reading.understood[0].read, (key, phrase)


def test_every_meaning_has_words_and_every_word_a_meaning() -> None:
    degrees = {name.partition(" ")[2] for name in SYNONYMS if name not in MEANINGS}
    assert SYNONYMS.keys() & MEANINGS.keys() == MEANINGS.keys() and degrees <= MEANINGS.keys()


def test_docs_words_has_the_vocabulary() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run python -m scripts.make_words"


@pytest.mark.parametrize("act", [*FACE_NAMES, *GESTURE_NAMES])
def test_what_keys_make_words_make_too(act: str) -> None:
    assert read_mood(NAMES_OF_ACTS.get(act, act)).understood


@pytest.mark.parametrize(
    ("words", "one"),
    [
        ("smile smiles smiled smiling", "smile"),
        ("happy happily happiness", "happy"),
        ("nod nods nodded nodding", "nod"),
        ("tired tiredly tiredness tiring", "tire"),
        ("kiss kisses kissing", "kiss"),
        ("shy shyly shyness", "shy"),
        ("wary warily", "wary"),
    ],
)
def test_stem_takes_endings_away(words: str, one: str) -> None:
    assert {stem(word) for word in words.split()} == {stem(one)}


@pytest.mark.parametrize("word", ["red", "king", "his", "bed", "this", "glass"])
def test_stem_leaves_short_words_a_vowel(word: str) -> None:
    assert len(stem(word)) >= 3


def test_nearest_finds_what_is_spelled_alike() -> None:
    assert nearest("sleppy")[0] == "sleepy" and "gloomy" in nearest("gloopy")
    assert nearest("xylophone") == () and nearest("") == ()


def test_no_filler_hides_a_word_of_one_part() -> None:
    """The vocabulary is asked first; these are the words that may also be fillers."""
    assert {stems[0] for stems in entries() if len(stems) == 1} & FILLER_STEMS <= {stem("please"), "smiley", "kind"}

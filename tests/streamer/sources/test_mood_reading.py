"""The text of a mood is read as documented, whatever it is."""

from __future__ import annotations

import random

import pytest

from streamer.options import MAX_MOOD_CHARACTERS
from streamer.sources.mood import Unknown
from streamer.sources.mood_reading import MAX_UNKNOWN, MAX_WORD, read_mood
from streamer.sources.mood_vocabulary import entries


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("tired, a shy smile, looks down sometimes", "tired | shy, smile | looks down sometimes"),
        ("Very tired!", "very tired"),
        ("very very tired", "extremely tired"),
        ("smiles a little", "slightly smile"),
        ("exhausted", "very tired"),
        ("not very happy", "slightly happy"),
        ("not angry but calm", "not angry | calm"),
        ("never smiles or laughs", "not smile, not laughs"),
        ("smiles never", "not smile"),
        ("she does not smile at all and seems bored", "not smile | bored"),
        ("not often happy", "happy rarely"),
        ("sometimes a shy smile", "shy sometimes, smile sometimes"),
        ("a shy smile, quite often", "shy, smile"),
        ("nods now and then; breathes heavily", "nods sometimes | breathes heavily"),
        ("laughs a lot, blinks a lot, smiles a lot", "laughs often | blinks often | very smile"),
        ("nods", "nods sometimes"),
        ("always nods", "nods always"),
        ("rarely blinks", "blinks rarely"),
        ("doesn't blink, eyes half-closed", "not blinks | half-closed eyes"),
        ("looks at you, avoids eyes", "looks at you | avoids eyes"),
        ("HAPPY\tsad\nangry", "happy, sad, angry"),
        ("🙂👍🏽 😡", "smile, very angry"),
        ("in\u200blove, déprimé", "in love"),
        ("", ""),
        (" ,;. \x00\x07", ""),
    ],
)
def test_read_mood_understands(text: str, read: str) -> None:
    assert " | ".join(each.read for each in read_mood(text).understood) == read


def test_read_mood_tells_what_it_does_not_understand_with_what_is_spelled_alike() -> None:
    reading = read_mood("sleppy and very gloopy, 50%")
    assert [each.word for each in reading.unknown] == ["sleppy", "gloopy", "50"] and not reading.understood
    assert reading.unknown[0] == Unknown("sleppy", ("sleepy",))
    assert reading.complaint == (
        "The mood goes on without 'sleppy' (nearest: sleepy), 'gloopy' (nearest: gloomy, goofy), '50': "
        "docs/words.md has the words that are understood."
    )
    assert read_mood("sleepy").complaint is None


def test_read_mood_keeps_phrases_as_they_were_written() -> None:
    reading = read_mood("  Exhausted,\n a gloopy   smile\x07 ")
    assert reading.text == "Exhausted, a gloopy smile"
    assert [each.phrase for each in reading.understood] == ["exhausted", "smile"]


def test_read_mood_refuses_a_long_text_and_bounds_what_it_tells() -> None:
    with pytest.raises(ValueError, match="10000 characters"):
        read_mood("a" * 10_000)
    reading = read_mood(" ".join(f"{chr(98 + number)}zq" for number in range(20)) + " " + "q" * 60)
    assert len(reading.unknown) == MAX_UNKNOWN
    assert len(read_mood("q" * MAX_MOOD_CHARACTERS).unknown[0].word) == MAX_WORD


def test_read_mood_reads_whatever_comes() -> None:
    draw = random.Random(2)
    words = [" ".join(stems) for stems in entries()]
    signs = [
        "",
        ",",
        "'",
        "-",
        "\ud800",
        "\U0001f468\u200d\U0001f469",
        "\ufe0f",
        "٣",
        "ß",
        "İ",
        "''",
        "--",
        "\x1b[0m",
        "n't",
    ]
    for _ in range(400):
        text = " ".join(draw.choice(draw.choice((words, signs))) for _ in range(12))[:MAX_MOOD_CHARACTERS]
        reading = read_mood(text)
        assert all(each.read and each.phrase for each in reading.understood)

"""A script says what is wanted at each time of a film, and its mistakes are one sentence with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.sources.acts import ACT_NAMES
from streamer.sources.mood import NO_MOOD
from streamer.sources.mood_reading import read_mood
from streamer.sources.script import MAX_BYTES, MAX_LINES, Script, ScriptError

SCRIPT = """\ufeff# a comment
0:03 smile            # and one beside a line
0:05 - 0:08.5 sadness, wink-left

10 nod
0:12\tmood: tired
0:20-0:25 Mood: very happy, lively
0:30 mood:
1:00:00 nod\r
"""


def test_a_script_says_what_is_on_at_each_time() -> None:
    script = Script.parse(SCRIPT.removeprefix("\ufeff"))
    on = {now: set(script.at(now).acts.faces) for now in (0, 2.9, 3, 4.9, 5, 8.4, 8.5, 3600)}
    smile, both, none = {"smile"}, {"sadness", "wink-left"}, set[str]()
    assert on == {0: none, 2.9: none, 3: smile, 4.9: smile, 5: both, 8.4: both, 8.5: none, 3600: none}
    assert script.at(9.9).acts.gestures == {} and script.at(11).acts.gestures == {"nod": 10}
    assert script.at(3600).acts.gestures == {"nod": 3600}


def test_moods_last_until_the_next_and_those_with_an_end_cover_them() -> None:
    script, given = Script.parse(SCRIPT.removeprefix("\ufeff")), read_mood("sad").mood
    assert script.at(11.9, given).mood is given
    tired, happy = script.at(12, given).mood, script.at(20, given).mood
    assert tired.held.weights.any() and happy.idle.drift > 1 > tired.idle.drift
    assert script.at(19.9).mood is tired and script.at(24.9).mood is happy and script.at(25).mood is tired
    assert script.at(30, given).mood is NO_MOOD
    later = Script.parse("0-9 mood: happy\n3 mood: tired")
    assert later.at(4).mood.idle.drift > 1 > later.at(9).mood.idle.drift


def test_an_empty_script_wants_nothing() -> None:
    assert Script.parse("").cues == () and Script.parse("# nothing\n\n").at(3).acts.faces == frozenset()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("smile", "'smile' is not of the form TIME ACT; write for example 0:03 smile"),
        ("0:03", "'0:03' is not of the form TIME ACT; write for example 0:03 smile"),
        ("x" * 60, f"'{'x' * 40}…' is not of the form TIME ACT; write for example 0:03 smile"),
        ("1:2:3:4 smile", "'1:2:3:4' is no time"),
        ("0:08-0:05 smile", "'0:08-0:05' ends before it begins"),
        ("5-5 smile", "'5-5' ends before it begins"),
        ("3 grin", f"'grin' is none of {', '.join(ACT_NAMES)}; for words of a mood write mood: WORDS"),
        ("3 smile,", f"'' is none of {', '.join(ACT_NAMES)}; for words of a mood write mood: WORDS"),
        ("3-4 nod", "'nod' takes its own time; write 3 nod without an end"),
        (
            "3 mood: gloopy",
            "the mood's word 'gloopy' is not understood; similar words are gloomy, goofy; docs/words.md has all",
        ),
        ("3 mood: zzz", "the mood's word 'zzz' is not understood; docs/words.md has all"),
        ("3 mood: " + "a" * 201, "the mood has 201 characters, more than 200"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(line: str, sentence: str) -> None:
    with pytest.raises(ScriptError) as caught:
        Script.parse(f"# first\n{line}\n", "film.txt")
    assert str(caught.value) == f"Line 2 of film.txt: {sentence}."


def test_a_file_that_is_no_script_is_told(tmp_path: Path) -> None:
    path = tmp_path / "script.txt"
    with pytest.raises(ScriptError, match=r"Cannot read .*: give --script an existing text file"):
        Script.load(path)
    path.write_bytes(b"\xff\xfe0:03 smile")
    with pytest.raises(ScriptError, match="no text in UTF-8"):
        Script.load(path)
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ScriptError, match="larger than 256 KiB"):
        Script.load(path)
    path.write_text("1 nod\n" * (MAX_LINES + 1))
    with pytest.raises(ScriptError, match=f"more than {MAX_LINES} lines"):
        Script.load(path)
    path.write_text(SCRIPT, encoding="utf-8")
    assert Script.load(path).at(3).acts.faces == {"smile"}


def test_docs_words_has_the_faces_and_gestures_of_scripts() -> None:
    text = (Path(__file__).parents[3] / "docs" / "words.md").read_text(encoding="utf-8")
    assert [name for name in ACT_NAMES if f"`{name}`" not in text] == []

"""The option lists and the one colour parser."""

import subprocess
import sys

import pytest

from streamer import options


@pytest.mark.parametrize("text", ["#00b140", "00b140", "#00B140"])
def test_parse_colour_reads_six_hexadecimal_digits(text: str) -> None:
    assert options.parse_colour(text) == (0, 177, 64)


@pytest.mark.parametrize(
    "text", ["", "#", "#00b14", "#00b1400", "green", "#0 b140", "#00b14g", "##00b140", "#00b14\u0663"]
)
def test_parse_colour_refuses_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form #rrggbb"):
        options.parse_colour(text)


def test_parse_bones_reads_factors_by_name() -> None:
    assert options.parse_bones("arms=0.9, legs=1.1,") == (1.0, 1.0, 0.9, 1.1)
    assert options.parse_bones("") == options.BoneFactors()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("neck=1", "'neck' is none of shoulders, torso, arms, legs"),
        ("arms", "'arms' is not of the form NAME=FACTOR"),
        ("arms=long", "'arms=long' is not of the form NAME=FACTOR"),
        ("arms=1,arms=1.1", "'arms' is named twice"),
        ("legs=2", "'legs=2' is not between 0.5 and 1.5"),
        ("legs=nan", "'legs=nan' is not between 0.5 and 1.5"),
    ],
)
def test_parse_bones_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        options.parse_bones(text)


@pytest.mark.parametrize(
    ("text", "clip"),
    [
        ("3.5-12", (3.5, 12)), ("3.5-", (3.5, None)), ("-12", (0, 12)), ("1:02-1:30", (62, 90)),
        ("1:02:03.25 - 1:02:04", (3723.25, 3724)), ("0-", (0, None)),
    ],
)  # fmt: skip
def test_parse_clip_reads_seconds_minutes_and_hours(text: str, clip: tuple[float, float | None]) -> None:
    assert options.parse_clip(text) == clip
    assert options.parse_clip(text).is_whole == (clip == (0, None))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("12", "'12' is not of the form START-END"),
        ("-", "'-' is not of the form START-END"),
        ("12-3.5", "'12-3.5' ends before it begins"),
        ("3-3", "'3-3' ends before it begins"),
        ("a-b", "'a' is no time"),
        ("1:75-", "'1:75' is no time"),
        ("1-2-3", "'2-3' is no time"),
        ("nan-", "'nan' is no time"),
        ("1e3-", "'1e3' is no time"),
    ],
)
def test_parse_clip_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        options.parse_clip(text)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1:00"), (65.4, "1:05"), (3723, "1:02:03")]
)
def test_say_duration_is_read_as_a_clock_from_a_minute_on(seconds: float, said: str) -> None:
    assert options.say_duration(seconds) == said


def test_options_import_nothing_heavy() -> None:
    loaded = "import sys, streamer.options; print({'torch', 'numpy', 'mediapipe'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"

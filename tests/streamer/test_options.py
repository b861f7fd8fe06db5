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


def test_options_import_nothing_heavy() -> None:
    loaded = "import sys, streamer.options; print({'torch', 'numpy', 'mediapipe'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"

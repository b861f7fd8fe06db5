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


def test_options_import_nothing_heavy() -> None:
    loaded = "import sys, streamer.options; print({'torch', 'numpy', 'mediapipe'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"

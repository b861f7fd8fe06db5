"""Lines of a run: rewritten in a terminal, rare in a log, in words."""

import io

from streamer.film.progress import FilmProgress
from streamer.film.progress_lines import ProgressLines


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(stream, seconds=100, end=True):
    """A film of 1000 frames whose state is told ten times a second; what was written."""
    now = [0.0]
    lines = ProgressLines(stream, lambda: now[0])
    lines.line("loading the network, usually 5 s")
    for i in range(seconds * 10):
        now[0] = (i + 1) / 10
        lines.show("talk.mp4", True, FilmProgress("tracking" if i < 50 else "drawing", i + 50, i, 1000, 100 - now[0]))
    if end:
        lines.show("talk.mp4", True, FilmProgress("finishing", 1000, 1000, 1000, 0.0))
    lines.sentence("Wrote it.")
    return stream.getvalue()


def test_log_gets_few_lines_of_a_film_and_each_stage():
    told = run(io.StringIO()).splitlines()
    assert told == [
        "[  0.0 s] loading the network, usually 5 s",
        "[  0.1 s] tracking talk.mp4: frame 50 of 1000, at least 1:40 left",
        "[  5.1 s] drawing talk.mp4: frame 50 of 1000, about 1:35 left",
        "[ 10.1 s] drawing talk.mp4: frame 100 of 1000, about 1:30 left",
        "[ 20.1 s] drawing talk.mp4: frame 200 of 1000, about 1:20 left",
        "[ 40.1 s] drawing talk.mp4: frame 400 of 1000, about 59.9 s left",
        "[ 80.1 s] drawing talk.mp4: frame 800 of 1000, about 19.9 s left",
        "[100.0 s] writing the end of talk.mp4 and of its sound",
        "Wrote it.",
    ]


def test_terminal_shows_one_line_that_is_rewritten():
    told = run(Terminal(), seconds=2, end=False)
    first, state, last = told.split("\n")[:3]
    assert first == "[  0.0 s] loading the network, usually 5 s" and last == "Wrote it."
    states = state.split("\r")[1:]
    assert 5 <= len(states) <= 11  # at most five a second
    assert states[0] == "[  0.1 s] tracking talk.mp4: frame 50 of 1000, at least 1:40 left"


def test_terminal_line_fits_its_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    ProgressLines(stream, lambda: 0.0).show("a long name.mp4" * 5, True, FilmProgress("tracking", 1, 0, 0, None))
    assert len(stream.getvalue().removeprefix("\r")) == 39

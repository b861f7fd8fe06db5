"""Nothing of a start is silent for long: a line that moves in a terminal, lines in a log."""

import io
import itertools

from streamer.runtime.start_lines import REDRAW_S, SILENCE_S, StartLines


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(stream, seconds, count=None):
    """A start of one stage that lasts so long, with a thread that looks four times a second."""
    now = [0.0]
    lines = StartLines(stream, lambda: now[0])
    lines.line("starting")
    lines.begin("loading the engine", 6, count)
    for i in range(int(seconds / REDRAW_S)):
        now[0] = (i + 1) * REDRAW_S
        lines.tell()
    lines.line("loaded")
    lines.end()
    lines.tell()
    return stream.getvalue()


def test_a_log_gets_a_line_after_each_silence_and_none_of_a_quick_stage():
    assert told(io.StringIO(), 0.75).splitlines() == ["[  0.0 s] starting", "[  0.8 s] loaded"]
    seconds = [float(line[1:6]) for line in told(io.StringIO(), 10).splitlines()]
    assert max(after - before for before, after in itertools.pairwise(seconds)) <= SILENCE_S < 2
    assert "[  1.0 s] loading the engine, usually 6 s\n" in told(io.StringIO(), 10)


def test_a_terminal_gets_one_line_that_moves():
    first, moving = told(Terminal(), 3).split("\n")[:2]
    states = moving.split("\r")[1:]
    assert first == "[  0.0 s] starting" and len(states) == 13
    assert states[0] == "[  0.2 s] loading the engine, usually 6 s"
    assert states[-1].rstrip() == "[  3.0 s] loaded" and len(states[-1]) == len(states[0])  # nothing is left of it


def test_what_is_counted_is_told_instead_of_the_usual_time():
    done = iter(["", "1 of 3", "2 of 3", "3 of 3", "3 of 3", "3 of 3"])
    lines = told(io.StringIO(), 6, lambda: next(done)).splitlines()
    assert lines[1:4] == [
        "[  1.0 s] loading the engine, usually 6 s",
        "[  2.0 s] loading the engine, 1 of 3",
        "[  3.0 s] loading the engine, 2 of 3",
    ]


def test_its_thread_tells_by_itself():
    stream = Terminal()
    with StartLines(stream) as lines:
        lines.begin("loading the engine")
        while "loading" not in stream.getvalue():
            pass
    assert stream.getvalue().endswith("\n")

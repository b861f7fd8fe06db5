"""Names of files are written to every console, whatever its encoding lacks."""

import io
import sys

from streamer.runtime.console import accept_every_character


def test_a_name_that_the_console_lacks_is_written_as_escapes(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "cp437"))
    monkeypatch.setattr(sys, "stderr", None)
    accept_every_character()
    print("鏡.png", flush=True)
    print("鏡.png", file=sys.stderr)
    assert written.getvalue().split() == [b"\\u93e1.png"]
    sys.stderr.close()

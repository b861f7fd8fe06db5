"""A JSON report that is written completely or not at all, and the command line that writes one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamer.errors import KagamiError


class UnwritableError(KagamiError):
    """The report cannot be written to its path; the message says why and what to do."""

    code = "unwritable"


@contextmanager
def json_file(path: Path | None) -> Iterator[Callable[[Any], None]]:
    """Yields a function that writes the report; with None as the path that function does nothing.

    Entering checks that the path is writable, so that a long measurement is not lost. The file gets its final name when
    the report is complete, and a failed run leaves nothing behind. Raises UnwritableError.
    """
    if path is None:
        yield lambda report: None
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")

    def write(report: Any) -> None:
        try:
            draft.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise _unwritable_error(path, error) from error

    try:
        if path.is_dir():
            raise UnwritableError(f"{path} is a folder: give --json the name of a file.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.touch()
        except OSError as error:
            raise _unwritable_error(path, error) from error
        yield write
    finally:
        if draft.exists():
            draft.unlink()


def run(name: str, path: Path | None, measure: Callable[[], Any], show: Callable[[Any], str]) -> int:
    """Run a benchmark's command: measure, write the report, print it with `show`. Returns the exit status: 0, or 1 with
    one sentence on stderr.
    """
    try:
        with json_file(path) as write:
            report = measure()
            write(report)
    except (KagamiError, OSError, ValueError) as error:
        print(f"benchmarks.{name}: {error}", file=sys.stderr)
        return 1
    print(show(report))
    return 0


def _unwritable_error(path: Path, error: OSError) -> UnwritableError:
    return UnwritableError(f"{path} cannot be written ({error.strerror}): choose another place with --json.")

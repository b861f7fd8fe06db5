"""A JSON file that appears whole or not at all, and a command that makes one."""

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
    """The report cannot be written where it should; the message says why and what to do."""

    code = "unwritable"


@contextmanager
def json_file(path: Path | None) -> Iterator[Callable[[Any], None]]:
    """Yields a function that writes the report; None: it does nothing.

    Whether the place is writable is found out on entering, before a long measurement. Nothing stands under the final
    name until the report is whole, and a failed run leaves nothing behind. Raises UnwritableError.
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
            raise _unwritable(path, error) from error

    try:
        if path.is_dir():
            raise UnwritableError(f"{path} is a folder: give --json the name of a file.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.touch()
        except OSError as error:
            raise _unwritable(path, error) from error
        yield write
    finally:
        if draft.exists():
            draft.unlink()


def run(name: str, path: Path | None, measure: Callable[[], Any], show: Callable[[Any], str]) -> int:
    """What a benchmark's command does: measure, write the report, show it. Exit status: 0, or 1 with one sentence on
    stderr.
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


def _unwritable(path: Path, error: OSError) -> UnwritableError:
    return UnwritableError(f"{path} cannot be written ({error.strerror}): choose another place with --json.")

"""Two JSON files of the same benchmark beside each other: before, after, and the change of every figure.

python -m benchmarks.compare before.json after.json --rows dit
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluation.table import Row, Rows, difference, table
from streamer.errors import KagamiError


def tables(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Rows]]:
    """All tables within a report, each with its path: mappings of names to rows of nothing but numbers and nulls."""
    if not isinstance(node, Mapping):
        return
    rows = {str(name): _row(each) for name, each in node.items() if _is_row(each)}
    if rows:
        yield " / ".join(path), rows
    for name, each in node.items():
        if name not in rows:
            yield from tables(each, (*path, str(name)))


def compare(before: Any, after: Any, containing: str = "") -> list[str]:
    """A text table for each table that both reports hold, with rows whose names or paths contain a word."""
    later = dict(tables(after))
    out = []
    for path, rows in tables(before):
        lines: Rows = {}
        for name, row in rows.items():
            other = later.get(path, {}).get(name)
            if other is None or containing not in f"{path} / {name}":
                continue
            shared = {figure: row[figure] for figure in row if figure in other}
            lines[f"{name}, before"] = shared
            lines[f"{name}, after"] = {figure: other[figure] for figure in shared}
            lines[f"{name}, change"] = difference(lines[f"{name}, after"], shared)
        if lines:
            out.append(table(path, lines))
    return out


def _is_row(node: Any) -> bool:
    return (
        isinstance(node, Mapping)
        and len(node) > 0
        and all(
            each is None or (isinstance(each, int | float) and not isinstance(each, bool)) for each in node.values()
        )
    )


def _row(node: Mapping[str, float | None]) -> Row:
    return {str(name): np.nan if value is None else float(value) for name, value in node.items()}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KagamiError(
            f"The report {path} cannot be read as JSON ({error}): give a file that --json wrote."
        ) from error


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("before", type=Path, help="a file that --json wrote")
    parser.add_argument("after", type=Path, help="a later one of the same benchmark")
    parser.add_argument("--rows", default="", metavar="WORD", help="only rows whose names or titles contain this word")
    given = parser.parse_args(argv)
    try:
        found = compare(_read(given.before), _read(given.after), given.rows)
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(found) if found else "The two files have no row in common.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

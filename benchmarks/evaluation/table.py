"""Rows of named figures: means, differences, and their form as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Row = dict[str, float]
Rows = dict[str, Row]


def mean_row(rows: Sequence[Mapping[str, float]]) -> Row:
    """The mean of each figure over the rows where it is defined; NaN where it is defined in none."""
    means = {}
    for name in rows[0]:
        values = [row[name] for row in rows if not np.isnan(row[name])]
        means[name] = float(np.mean(values)) if values else np.nan
    return means


def difference(row: Mapping[str, float], base: Mapping[str, float]) -> Row:
    """row − base, figure by figure."""
    return {name: row[name] - base[name] for name in row}


def table(title: str, rows: Mapping[str, Mapping[str, float]], figures: Iterable[str] | None = None) -> str:
    """A title, a line with the names of the figures, and a line for each row; undefined figures are dashes."""
    names = list(figures) if figures is not None else list(next(iter(rows.values()), {}))
    width = max([len(name) for name in rows] + [12])
    lines = [row_line(label, row, width, names) for label, row in rows.items()]
    return "\n".join(["", title, head_line(width, names), *lines])


def head_line(width: int, figures: Sequence[str]) -> str:
    """The names of figures above the columns of `row_line`. width: of the column of labels, characters."""
    return " ".join([" " * width, *(f"{name:>{_column(name)}}" for name in figures)])


def row_line(label: str, row: Mapping[str, float], width: int, figures: Sequence[str]) -> str:
    """A label, and the figures of a row under their names in `head_line`; undefined ones are dashes."""
    return " ".join([f"{label:<{width}}", *(_cell(row[name], _column(name)) for name in figures)])


def _column(name: str) -> int:
    return max(len(name), 8)


def _cell(value: float, size: int) -> str:
    return f"{'–':>{size}}" if np.isnan(value) else f"{value:>{size}.3f}"


def jsonable(value: Any) -> Any:
    """The same with None for NaN, which JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value)
    return value

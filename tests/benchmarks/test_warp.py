"""`python -m benchmarks.warp` on the smallest sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.warp import Workload, main


def test_report_has_a_row_for_each_workload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "warp.json"
    sizes = ["--sessions", "1", "2", "--size", "32", "--chart", "16", "--rounds", "2", "--repeats", "1"]
    assert main(["--device", "cpu", *sizes, "--json", str(file)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    names = list(Workload(1, 32, 16, torch.device("cpu")).shares())
    assert [(row["sessions"], row["chart"]) for row in rows] == [(n, name) for n in (1, 2) for name in names]
    assert all(row["ms"] > 0 for row in rows) and rows[0]["ratio"] == 1
    assert len(capsys.readouterr().out.splitlines()) == 3 + len(rows)


def test_more_of_the_chart_changes_more_of_the_head() -> None:
    load = Workload(1, 64, 16, torch.device("cpu"))
    drawn = {name: load.draw(share) for name, share in load.shares().items()}
    changed = {name: float((picture != drawn["no chart"]).any(1).float().mean()) for name, picture in drawn.items()}
    assert changed["nothing of it"] == 0
    assert 0 < changed["a third of the head"] < changed["fading in"] < changed["the whole head"] < 0.5

"""`python -m benchmarks.tiles` on the smallest sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.tiles import Workload, main


def test_report_has_a_row_for_each_workload_and_backend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiles.json"
    sizes = ["--sessions", "1", "2", "--size", "32", "--pieces", "3", "--rounds", "2", "--repeats", "1"]
    assert main(["--device", "cpu", *sizes, "--json", str(file)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    workloads = [
        (n, name, backend) for n in (1, 2) for name in ("limbs", "whole boxes") for backend in ("numba", "reference")
    ]
    assert [(row["sessions"], row["pieces"], row["backend"]) for row in rows] == workloads
    assert all(row["ms"] > 0 for row in rows) and rows[1]["ratio"] == 1
    assert len(capsys.readouterr().out.splitlines()) == 3 + len(rows)


def test_whole_boxes_cover_more_than_limbs_and_all_images_have_some() -> None:
    load = Workload(1, 3, 64, torch.device("cpu"))
    limbs, boxes = (load.draw(name, "auto")[:, :, 3].gt(0).float().mean((0, 2, 3)) for name in ("limbs", "whole boxes"))
    assert bool((limbs > 0).all()) and bool((limbs < boxes).all())

"""`python -m benchmarks.trackers` as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import trackers


def test_trackers_are_measured(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "SECONDS", 8.0)
    out = tmp_path / "trackers.json"
    assert trackers.main(["--rounds", "2", "--flood-seconds", "0.1", "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert all(cost > 0 for cost in report["cost_us"].values()) and len(report["cost_us"]) == 3
    held, between = report["held"][:2]
    assert held["rms"] > between["rms"] and held["lag_ms"] < between["lag_ms"]
    assert len(report["flood"]) == 3 and all(flood["sent"] > 0 for flood in report["flood"].values())
    assert report["hardware"]["cpu"] in capfd.readouterr().out

"""`python -m benchmarks.fleet` on a small fleet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import fleet


def test_fleet_places_every_session_and_writes_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fleet.json"
    assert fleet.main(["--replicas", "6", "--sessions", "120", "--routers", "2", "--json", str(out)]) == 0
    ways = json.loads(out.read_text(encoding="utf-8"))["ways"]
    assert [way["by"] for way in ways] == ["load", "load, best of 8", "load, best of 2", "count", "random"]
    load = ways[0]
    assert load["counts"].get("refused", 0) == 0 and load["counts"]["lost with a replica"] > 0
    assert [row["draining_sessions"] for row in load["rows"] if row["at"] >= 130] == [0] * 10
    assert {row["live"] for row in load["rows"] if row["at"] >= 95} <= set(range(110, 121))
    assert "6 replicas, 120 sessions, 2 routers" in capsys.readouterr().out


def test_fleet_refuses_nonsense() -> None:
    with pytest.raises(SystemExit):
        fleet.main(["--replicas", "0"])

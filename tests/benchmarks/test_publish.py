"""`python -m benchmarks.publish` as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import publish

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")


@pytest.mark.realtime
def test_publish_measures_a_real_server(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "ROUNDS", 1)
    out = tmp_path / "publish.json"
    quick = ["--seconds", "3", "--warm-up", "1", "--generator", "geometry", "--no-body", "--size", "256"]
    assert publish.main([*quick, "--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    without, with_it = report["rounds"]
    assert "further_glass_to_glass_ms" not in without and with_it["further_glass_to_glass_ms"]["p50"] > 0
    assert report["fps_ratio"] > 0 and report["cpu_ms_ratio"] > 0
    assert "ratio with to without: frames" in capfd.readouterr().out

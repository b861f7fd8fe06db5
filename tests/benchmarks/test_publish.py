"""The report of `python -m benchmarks.publish`, which measures as `benchmarks.whip` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import publish

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")


def test_ratios_are_those_of_rounds_side_by_side(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = iter([20.0, 18.0, 10.0, 10.0])

    def measured(_: object, __: object, publishes: bool) -> dict[str, Any]:
        delay = {"p50": 80.0, "p95": 90.0}
        further = {"further_glass_to_glass_ms": {"p50": 120.0, "p95": 130.0}} if publishes else {}
        size = {"width": 512, "height": 512}
        cost = 30.0 + 3 * publishes
        return {"publishes": publishes, "fps_out": next(frames), "cpu_ms_a_frame": cost, "video": size} | {
            "glass_to_glass_ms": delay, **further
        }  # fmt: skip

    monkeypatch.setattr(publish, "_round", measured)
    out = tmp_path / "publish.json"
    assert publish.main(["--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert (report["fps_ratio"], report["cpu_ms_ratio"]) == (0.95, 1.1)
    printed = capfd.readouterr().out
    assert "without --publish: 20.00 frames a second" in printed and "RTMP 120.0 / 130.0" in printed
    assert "ratio with to without: frames 0.95, processors a frame 1.1" in printed

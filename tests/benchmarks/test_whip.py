"""`python -m benchmarks.whip` as a whole, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import whip

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")


@pytest.mark.realtime
def test_whip_measures_a_real_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "whip.json"
    quick = ["--seconds", "3", "--warm-up", "0", "--generator", "geometry", "--no-body", "--size", "256"]
    assert whip.main([*quick, "--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert 0 < report["glass_to_glass_ms"]["p50"] <= report["glass_to_glass_ms"]["p95"]
    assert report["fps_out"] > 0 and report["video"] == {"width": 256, "height": 256}
    printed = capfd.readouterr().out
    assert report["hardware"]["cpu"] in printed and "WHIP to WHEP, glass to glass, ms: p50" in printed


def test_error_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert whip.main(["--ref", REF, "--clip", str(tmp_path / "none.mp4")]) == 1
    assert capfd.readouterr().err == f"benchmarks.whip: There is no video at {tmp_path}/none.mp4: check the path.\n"


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--seconds", "9999"]])
def test_impossible_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        whip.main(arguments)
    assert caught.value.code == 2 and "error:" in capsys.readouterr().err

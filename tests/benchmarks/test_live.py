"""`python -m benchmarks.live` as a whole, and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import live

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")


@pytest.mark.realtime
def test_live_measures_a_real_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "live.json"
    quick = ["--seconds", "4", "--warm-up", "0", "--generator", "geometry", "--no-body", "--size", "256"]
    assert live.main([*quick, "--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert report["fps_out"] > 0
    assert 0 < report["glass_to_glass_ms"]["p50"] <= report["glass_to_glass_ms"]["p95"]
    assert 0 < report["engine_delay_ms"]["p50"] < report["glass_to_glass_ms"]["p95"]
    assert {"decode", "track", "draw", "encode"} <= set(report["stage_ms"])
    assert all(0 <= stage["p50"] <= stage["p95"] for stage in report["stage_ms"].values())
    assert report["drops"] == sum(report["drops_by_mailbox"].values())
    assert report["rss_mb"] > 100
    assert report["unread_frames"] == 0
    assert report["video"] == {"width": 256, "height": 256}
    assert report["hardware"]["cpu"]
    printed = capfd.readouterr().out
    assert report["hardware"]["cpu"] in printed
    assert "glass to glass, ms" in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--clip", "{tmp}/none.mp4"], "There is no video at {tmp}/none.mp4: check the path."),
        (["--ref", "{tmp}/none.png"], "There is no picture at {tmp}/none.png: check the path."),
        (["--json", "{tmp}"], "{tmp} is a folder: give --json the name of a file."),
        (["--size", "7"], "--size is 7; it must be a whole number from 128 to 1024."),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [argument.format(tmp=tmp_path) for argument in arguments]
    assert live.main(["--ref", REF, "--clip", CLIP, *given]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == f"benchmarks.live: {sentence.format(tmp=tmp_path)}"


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--camera-fps", "-1"], ["--seconds", "9999"]])
def test_impossible_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        live.main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err

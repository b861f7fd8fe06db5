"""`python -m benchmarks.soak` as a whole for some seconds, and its figures from synthetic runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import soak
from benchmarks.soak import SoakTrace, summarise
from benchmarks.streaming.report import Window
from benchmarks.streaming.webrtc_client import ReceiverLog

ROOT = Path(__file__).resolve().parents[2]
REF, CLIP = str(ROOT / "assets" / "avatar.png"), str(ROOT / "assets" / "driver.mp4")


def synthetic_run(minutes: int, slower: float = 0.0) -> tuple[SoakTrace, list[tuple[float, float]]]:
    """20 frames a second, 100 ms late and `slower` ms more each minute, of a server that grows by 1 MB a minute."""
    log, sent_at = ReceiverLog(size=(512, 512)), {}
    for tick in range(minutes * 60 * 20):
        sent_at[tick] = 1000 + tick / 20
        log.first_seen[tick] = sent_at[tick] + (100 + slower * (tick // 1200)) / 1000
    windows = [Window(1000 + 60 * minute, 1060 + 60 * minute) for minute in range(minutes)]
    rss = [(1000 + second, 900 + second / 60) for second in range(minutes * 60)]
    return SoakTrace(sent_at, log, windows, list(range(minutes))), rss


def test_summary_of_a_steady_stream() -> None:
    report = summarise(*synthetic_run(60))
    assert len(report["minutes"]) == 60 and report["stretch_seconds"] == 300
    assert report["minutes"][7]["minute"] == 8 and report["minutes"][7]["drops"] == 7
    assert report["minutes"][7]["fps_out"] == pytest.approx(20, abs=0.1)
    assert report["minutes"][7]["glass_to_glass_p95_ms"] == pytest.approx(100)
    assert report["ratio"]["glass_to_glass_p95_ms"] == 1
    assert report["ratio"]["rss_mb"] == pytest.approx(957.5 / 902.5, abs=1e-3)


def test_beginning_and_end_of_a_short_run_are_a_sixth_each() -> None:
    report = summarise(*synthetic_run(12, slower=10))
    assert report["stretch_seconds"] == 120
    assert report["first"]["glass_to_glass_p95_ms"] == pytest.approx(110)
    assert report["last"]["glass_to_glass_p95_ms"] == pytest.approx(210)
    assert report["ratio"]["glass_to_glass_p95_ms"] == pytest.approx(210 / 110, abs=1e-3)


def test_a_run_without_bar_codes_is_an_error() -> None:
    run, rss = synthetic_run(2)
    run.log.first_seen.clear()
    with pytest.raises(ValueError, match=r"^no avatar frame with a readable bar code arrived; nothing was measured$"):
        summarise(run, rss)


@pytest.mark.realtime
def test_soak_measures_a_real_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "soak.json"
    quick = ["--minutes", "0.1", "--generator", "geometry", "--no-body", "--size", "256"]
    assert soak.main([*quick, "--ref", REF, "--clip", CLIP, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert len(report["minutes"]) == 1 and report["minutes"][0]["fps_out"] > 0
    assert report["minutes"][0]["rss_mb"] > 100
    assert report["ratio"].keys() == report["first"].keys()
    assert report["drift"].keys() == {"phases", "drift", "chance_first", "chance_last"}
    printed = capfd.readouterr().out
    assert report["hardware"]["cpu"] in printed and "ratio" in printed


@pytest.mark.parametrize("arguments", [["--minutes", "0"], ["--camera-fps", "-1"]])
def test_impossible_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        soak.main(arguments)
    assert caught.value.code == 2
    assert "must be positive" in capsys.readouterr().err


def test_errors_are_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--ref", REF, "--clip", str(tmp_path / "none.mp4")]) == 1
    assert capfd.readouterr().err == (
        f"benchmarks.soak: There is no video at {tmp_path / 'none.mp4'}: check the path.\n"
    )

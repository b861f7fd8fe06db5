"""The benchmark of views: two people's frames, each compared with all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import views

ASSETS = Path(__file__).parents[2] / "assets"


def test_views_counts_pairs_of_one_person_and_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "avatar.png").write_bytes((ASSETS / "avatar.png").read_bytes())
    assert views.main(["--clips", str(ASSETS / "driver.mp4"), "--refs", str(tmp_path), "--frames", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 of 3 pictures show a face"
    everything = lines[-1].split()
    assert everything[:3] == ["0°", "to", "180°"]
    one, one_refused, others, others_refused = everything[3:]
    assert (one, one_refused, others, others_refused) == ("2", "0.0%", "4", "100.0%")


def test_views_reports_a_missing_clip_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert views.main(["--clips", str(tmp_path / "none.mp4")]) == 1
    assert capsys.readouterr().err.strip() == f"There is no video at {tmp_path / 'none.mp4'}: check the path."

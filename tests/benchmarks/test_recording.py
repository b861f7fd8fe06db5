"""`python -m benchmarks.recording`: its figures and its errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import recording
from benchmarks.common import hardware


def test_figures_are_over_all_turns_of_a_kind() -> None:
    turn = {"seconds": 2.0, "busy": 1.0, "drawn": 40.0, "bytes": 1e5, "left_out": 2.0}
    figures = recording._summarise([turn, turn | {"drawn": 20.0}])
    assert figures == {"fps": 15.0, "cpu_ms": 33.33, "megabytes": 3.0, "left_out": pytest.approx(4 / 60, abs=1e-4)}
    report = {
        "without": figures, "recorded": figures | {"fps": 12.0}, "size": 256, "generator": "geometry",
        "transparent": False, "hardware": hardware.describe(),
    }  # fmt: skip
    assert "frames a second: 15.0 without, 12.0 recorded, ratio 0.800" in recording.table(report)


def test_error_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert recording.main(["--clip", str(tmp_path / "none.mp4")]) == 1
    assert (
        capfd.readouterr().err == f"benchmarks.recording: There is no video at {tmp_path}/none.mp4: check the path.\n"
    )


def test_impossible_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        recording.main(["--turns", "0"])
    assert caught.value.code == 2 and "error:" in capsys.readouterr().err

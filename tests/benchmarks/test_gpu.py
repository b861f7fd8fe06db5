"""`python -m benchmarks.gpu`: its steps can be run, and one that fails or hangs does not keep the others."""

from __future__ import annotations

import importlib
import json
import os
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import gpu
from benchmarks.gpu import BUDGET_S, REHEARSAL, STEPS, Step, headlines, run_steps


def parse(step: Step) -> None:
    """Read a step's arguments as its benchmark does, without measuring. Raises SystemExit where they are wrong."""
    module = importlib.import_module(step.module)
    arguments = [*step.arguments, "--json", os.devnull]
    if hasattr(module, "_parse"):
        module._parse(arguments)
    else:  # it parses, which raises SystemExit, and then finds that the report is a folder
        assert module.main([*step.arguments, "--json", str(Path(__file__).parent)]) != 0


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # which nobody may collect in a container
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("step", [*STEPS, *REHEARSAL], ids=lambda step: f"{step.name} {step.arguments[1]}")
def test_each_step_has_arguments_that_its_benchmark_takes(step: Step) -> None:
    parse(step)


def test_the_steps_fit_into_eight_minutes_and_are_rehearsed() -> None:
    assert sum(step.limit_s for step in STEPS) <= BUDGET_S < 8 * 60
    assert [(step.name, step.module) for step in STEPS] == [(step.name, step.module) for step in REHEARSAL]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules for steps: one that measures, one that fails, and one that hangs with a child."""
    write = "import json, os, pathlib, sys; pathlib.Path(sys.argv[-1]).write_text(json.dumps({'holds': 3, 'fps': 25}))"
    sources = {
        "measures": f"{write}\nprint('a row', os.environ['NUMBA_CACHE_DIR'] != '')",
        "fails": "import sys; sys.exit('no figures today')",
        "hangs": """
            import pathlib, subprocess, sys, time
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            pathlib.Path(sys.argv[1]).write_text(str(child.pid))
            time.sleep(60)
        """,
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("programs")
def test_a_step_that_fails_or_hangs_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    lines: list[str] = []
    steps = [
        Step("broken", "fails", (), 20),
        Step("stuck", "hangs", (str(tmp_path / "pid"),), 3),
        Step("sessions", "measures", (), 20),
    ]
    began = time.monotonic()
    report = run_steps(steps, lines.append)
    assert time.monotonic() - began < 60 and json.loads(json.dumps(report)) == report
    assert report["steps"]["broken"]["status"] == "failed" and "no figures today" in lines
    assert report["steps"]["stuck"]["status"] == "ended, since it took longer than 3 s"
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert report["steps"]["sessions"] == {**report["steps"]["sessions"], "status": "done"}
    assert "a row True" in lines and report["steps"]["sessions"]["figures"] == {"holds": 3, "fps": 25}
    assert lines[-3:] == [
        "sessions: 3 hold 25 frames a second", "broken: failed", "stuck: ended, since it took longer than 3 s"
    ]  # fmt: skip
    assert report["hardware"]["cpu"] in lines[0]


@pytest.mark.usefixtures("programs")
def test_steps_beyond_the_budget_are_left_out() -> None:
    report = run_steps([Step("late", "measures", (), 20)], lambda _: None, budget_s=0)
    assert report["steps"]["late"]["status"] == "left out, since no time is left"


def test_headlines_say_whether_the_tick_was_replayed() -> None:
    row = {"batch": 8, "tick_ms": {"p50": 4.0, "p95": 5.0}, "difference": 1, "graph": "tick"}
    replayed, failed = headlines({"tick": {"rows": [{**row, "stage_ms": {"tick": {}}}, {**row, "stage_ms": {}}]}})
    assert replayed == "tick, 8 streams, graph of the tick: 4.0 / 5.0 ms, bytes differ by at most 1"
    assert failed == f"{replayed}, NOT REPLAYED"


@pytest.mark.usefixtures("programs")
def test_the_report_is_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "REHEARSAL", [Step("sessions", "measures", (), 20)])
    assert gpu.main([str(tmp_path / "out"), "--rehearse"]) == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["gpu.json", "gpu.txt"]
    assert json.loads((tmp_path / "out" / "gpu.json").read_text())["steps"]["sessions"]["status"] == "done"
    assert "a row True" in (tmp_path / "out" / "gpu.txt").read_text()


def test_without_a_gpu_it_refuses_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "cuda_problem", lambda: "PyTorch sees none")
    assert gpu.main([str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "benchmarks.gpu: this machine has no usable GPU (PyTorch sees none): mend that, or try with --rehearse.\n"
    )
    assert not (tmp_path / "out").exists()

"""Kernels are compiled beside a live server: once, where later frames would miss any, and no longer than it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from kernels.backend import BACKEND_VARIABLE
from kernels.late_kernels import missing_kernels
from streamer.errors import EngineClosedError
from streamer.generation import kernel_compilation as module
from streamer.generation.kernel_compilation import KernelCompilation
from tests.support.engines import until

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 120.0
DRAW = """
import sys
from dataclasses import replace
import torch
from numba.core.registry import CPUDispatcher
from kernels.compile import compile_for
from kernels.late_kernels import late_kernels
from models.closeups.inputs import make_references
from models.compositor import compose
from models.config import PRESETS
from models.geometry.guidance import make_guidance
from models.geometry.retarget import rest_pose
from streamer.generation.generator import Reference, moving_tongue
from tests.support.bodies import drawn_figure
from tests.support.faces import drawn_face

def loaded():
    modules = [module for name, module in sys.modules.items() if name.startswith("kernels.")]
    every = {each for module in modules for each in vars(module).values() if isinstance(each, CPUDispatcher)}
    return {(each.py_func.__qualname__, types) for each in every for types in each.signatures}

with torch.inference_mode():
    face = drawn_face(96)
    compose(face, make_guidance(face, rest_pose(face)))
    start = loaded()
    for function, signature in late_kernels():
        compile_for(function, signature)
    ahead = loaded()
    figure = drawn_figure(96)
    pose = replace(rest_pose(figure), tongue=torch.ones(1))
    guidance = make_guidance(figure, pose)
    closeups = make_references(figure.image, figure.face, figure.head, PRESETS["tiny"], figure.kind)
    compose(figure, guidance, patches=[moving_tongue(figure, Reference(closeups=closeups), pose, guidance)])
print(len(ahead) > len(start), sorted(loaded() - ahead))
"""


class Work:
    """Writes its process id into a file, then does what is said."""

    def __init__(self, file: Path, then: str = "end") -> None:
        self.file, self.then = file, then

    def compile(self) -> None:
        part = self.file.with_suffix(".part")
        part.write_text(str(os.getpid()))
        part.rename(self.file)
        if self.then == "sleep":
            time.sleep(600)
        elif self.then == "die":
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first process waits for the fork server, which imports torch: on a busy machine for longer than a server
    waits.
    """
    monkeypatch.setattr(module, "LONGEST_WAIT_S", 600.0)
    monkeypatch.setattr(module, "STILL_TIMEOUT_S", 600.0)


def process_of(file: Path) -> psutil.Process:
    until(file.exists, "the work", START_TIMEOUT_S)
    return psutil.Process(int(file.read_text()))


def compilation(file: Path, then: str = "end") -> KernelCompilation:
    made = KernelCompilation(lambda: True, partial(Work, file, then))
    made.start()
    return made


def test_compilation_is_awaited_and_its_process_ends(tmp_path: Path) -> None:
    made = compilation(tmp_path / "done")
    made.wait()
    assert not psutil.pid_exists(int((tmp_path / "done").read_text()))
    made.close()


def test_nothing_is_started_and_nobody_waits_where_nothing_is_missing(tmp_path: Path) -> None:
    made = KernelCompilation(list, partial(Work, tmp_path / "done"))
    made.wait()  # before the start
    made.start()
    made.wait()
    made.close()
    assert not (tmp_path / "done").exists()


def test_compilation_ends_with_the_server_and_who_waits_is_told(tmp_path: Path) -> None:
    made = compilation(tmp_path / "done", "sleep")
    process = process_of(tmp_path / "done")
    made.close()
    assert not process.is_running()
    with pytest.raises(EngineClosedError):
        made.wait()


@pytest.mark.parametrize("then", ["sleep", "die"])
def test_nobody_waits_for_a_process_that_stands_still_or_died(
    tmp_path: Path, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = compilation(tmp_path / "done", then)
    until((tmp_path / "done").exists, "the work", START_TIMEOUT_S)
    monkeypatch.setattr(module, "STILL_TIMEOUT_S", 0.2)
    made.wait()
    assert not psutil.pid_exists(int((tmp_path / "done").read_text()))
    made.close()


def test_late_kernels_are_all_that_frames_need_which_a_start_does_not() -> None:
    program = [sys.executable, "-c", DRAW]
    done = subprocess.run(program, check=False, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stdout == "True []\n", done.stderr


def test_nothing_is_missing_where_numba_runs_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BACKEND_VARIABLE, "reference")
    assert missing_kernels() == []


def test_nobody_waits_longer_than_compiling_takes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_WAIT_S", 0.01)
    made = compilation(tmp_path / "done", "sleep")
    made.wait()
    assert process_of(tmp_path / "done").is_running()
    made.close()

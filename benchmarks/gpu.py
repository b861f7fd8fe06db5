"""`python -m benchmarks.gpu FOLDER`: all that is to be measured on a GPU, in at most eight minutes.

Runs other benchmarks one after another, each in a process of its own and within a time of its own. One that fails or
takes too long is told and ended, and the others go on. All that they print is printed here and kept in `gpu.txt`; their
figures, with the hardware, are kept in `gpu.json`, both in FOLDER. Compiled code is kept in a folder that is empty at
first, so that the first start of the server is a first one, and the last one is not. With --rehearse the same is done
on a CPU, as small as possible, to see whether this program works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import psutil

from benchmarks.common.hardware import describe, machine_lines
from streamer.generation.device import cuda_problem
from streamer.runtime.memory import process_tree

BUDGET_S = 470.0  # of all steps together
CACHES = ("NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH")  # where compiled code is kept
SHOWN_CODES = {0: "done", 1: "failed", 2: "refused"}  # exit statuses of the benchmarks
JSON_NAME, TEXT_NAME = "gpu.json", "gpu.txt"


@dataclass(frozen=True)
class Step:
    """A benchmark and its arguments.

    name: in the report. limit_s: after which it is ended.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    limit_s: float


@dataclass
class Outcome:
    """What became of a step. status: "done", "failed …", "ended …" or "left out …". figures: its JSON report."""

    status: str
    seconds: float = 0.0
    figures: dict[str, Any] | None = None


LIVE = "benchmarks.live"
STEPS = (
    Step("first start and live", LIVE, ("--device", "cuda", "--seconds", "10", "--warm-up", "3"), 150),
    Step(
        "tick", "benchmarks.generator",
        ("--device", "cuda", "--batch", "1", "8", "32", "--seconds", "1.5", "--frames", "40"), 110,
    ),
    Step(
        "ring attention", "benchmarks.attention",
        ("--device", "cuda", "--ring", "4", "--sessions", "1", "8", "32", "--dtypes", "bfloat16", "float8",
         "--repeats", "30"), 45,
    ),
    Step(
        "sessions", "benchmarks.sessions",
        ("--device", "cuda", "--counts", "1", "4", "8", "12", "16", "24", "32", "--seconds", "4"), 110,
    ),
    Step("warm start and live", LIVE, ("--device", "cuda", "--seconds", "10", "--warm-up", "3"), 55),
)  # fmt: skip
_SMALL = ("--device", "cpu", "--generator", "geometry", "--size", "256")  # a bar code takes 256 pixels
REHEARSAL = (
    Step("first start and live", LIVE, (*_SMALL, "--seconds", "2", "--warm-up", "1", "--no-body"), 150),
    Step(
        "tick", "benchmarks.generator",
        ("--device", "cpu", "--kinds", "torch", "--size", "128", "--batch", "1", "--seconds", "0.1", "--frames", "5"),
        110,
    ),
    Step(
        "ring attention", "benchmarks.attention",
        ("--device", "cpu", "--preset", "tiny", "--ring", "1", "--sessions", "1", "--dtypes", "float32",
         "--repeats", "1"), 45,
    ),
    Step("sessions", "benchmarks.sessions", (*_SMALL, "--counts", "1", "--seconds", "1"), 110),
    Step("warm start and live", LIVE, (*_SMALL, "--seconds", "2", "--warm-up", "1", "--no-body"), 100),
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 if all steps are done, 1 if one is not, 2 with one sentence on stderr if nothing was run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the figures are written")
    parser.add_argument("--rehearse", action="store_true", help="on a CPU, with figures that mean nothing")
    options = parser.parse_args(arguments)
    problem = None if options.rehearse else cuda_problem()
    if problem is not None:
        print(
            f"benchmarks.gpu: this machine has no usable GPU ({problem}): mend that, or try with --rehearse.",
            file=sys.stderr,
        )
        return 2
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
        with (options.folder / TEXT_NAME).open("w", encoding="utf-8") as text:
            report = run_steps(REHEARSAL if options.rehearse else STEPS, Tee(sys.stdout, text).line)
        (options.folder / JSON_NAME).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"benchmarks.gpu: {options.folder} cannot be written ({error.strerror}).", file=sys.stderr)
        return 2
    return 0 if all(step["status"] == "done" for step in report["steps"].values()) else 1


class Tee:
    """Writes lines to several files at once, from any thread."""

    def __init__(self, *files: TextIO) -> None:
        self._files = files
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        with self._lock:
            for file in self._files:
                print(text, file=file, flush=True)


def run_steps(steps: Sequence[Step], line: Callable[[str], None], budget_s: float = BUDGET_S) -> dict[str, Any]:
    """Run the steps one after another. Returns the JSON report. line: called with each line of text.

    budget_s: of all steps together; those that begin later are left out.
    """
    began = time.monotonic()
    device = next((step.arguments[1] for step in steps if step.arguments[:1] == ("--device",)), "cpu")
    hardware = describe(device)
    for text in machine_lines(hardware):
        line(text)
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="kagami-gpu-", ignore_cleanup_errors=True) as folder:
        environment = {**os.environ, **{name: str(Path(folder, name)) for name in CACHES}}
        for number, step in enumerate(steps):
            line(f"\n## {step.name}: python -m {step.module} {' '.join(step.arguments)}\n")
            left = budget_s - (time.monotonic() - began)
            file = Path(folder, f"{number}.json")
            outcomes[step.name] = _run(step, min(step.limit_s, left), file, environment, line)
            line(f"\n{step.name}: {outcomes[step.name].status}, {outcomes[step.name].seconds:.0f} s")
    line("\n## In short\n")
    for text in headlines({name: outcome.figures for name, outcome in outcomes.items() if outcome.figures}):
        line(text)
    for name, outcome in outcomes.items():
        if outcome.status != "done":
            line(f"{name}: {outcome.status}")
    seconds = round(time.monotonic() - began, 1)
    return {"hardware": hardware, "seconds": seconds, "steps": {name: asdict(each) for name, each in outcomes.items()}}


def _run(
    step: Step, limit_s: float, file: Path, environment: Mapping[str, str], line: Callable[[str], None]
) -> Outcome:
    """Run a step in a process of its own. file: where it writes its JSON report."""
    if limit_s <= 0:
        return Outcome("left out, since no time is left")
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", step.module, *step.arguments, "--json", str(file)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        env=dict(environment),
    ) as process:  # fmt: skip
        reader = threading.Thread(target=_copy_lines, args=(process, line), daemon=True)
        reader.start()
        try:
            code = process.wait(limit_s)
            status = SHOWN_CODES.get(code, f"failed with status {code}")
        except subprocess.TimeoutExpired:
            status = f"ended, since it took longer than {limit_s:.0f} s"
        finally:
            _kill(process)
            reader.join(5)
    seconds = round(time.monotonic() - began, 1)
    try:
        figures = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Outcome("failed without figures" if status == "done" else status, seconds)
    return Outcome(status, seconds, figures)


def _copy_lines(process: subprocess.Popen[str], line: Callable[[str], None]) -> None:
    assert process.stdout is not None
    for text in process.stdout:
        line(text.rstrip("\n"))


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process that has not ended, and all that it started."""
    if process.poll() is not None:
        return
    with suppress(psutil.NoSuchProcess):
        for each in process_tree(process.pid):
            with suppress(psutil.NoSuchProcess):
                each.kill()
    process.wait()


def headlines(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What was asked, in a line each, as far as it was measured. figures: JSON reports by the name of their step."""
    lines = []
    for name in ("first start and live", "warm start and live"):
        if name in figures:
            live = figures[name]
            delay = live["glass_to_glass_ms"]
            lines.append(
                f"{name}: {live['start_seconds']} s to start; {live['fps_out']} frames a second, glass to glass "
                f"{delay['p50']} / {delay['p95']} ms (p50 / p95)"
            )
    for row in figures.get("tick", {}).get("rows", []):
        recorded = "without a graph" if row["graph"] == "none" else f"graph of the {row['graph']}"
        off = "" if row["difference"] is None else f", bytes differ by at most {row['difference']}"
        failed = ", NOT REPLAYED" if row["graph"] == "tick" and "tick" not in row["stage_ms"] else ""
        milliseconds = f"{row['tick_ms']['p50']} / {row['tick_ms']['p95']} ms"
        lines.append(f"tick, {row['batch']} streams, {recorded}: {milliseconds}{off}{failed}")
    for row in figures.get("ring attention", {}).get("rows", []):
        lines.append(
            f"ring attention, {row['dtype']}, {row['sessions']} sessions: {row['ours_us']:.1f} µs a layer, floors "
            f"{row['memory_floor_us']:.1f} (memory) and {row['product_floor_us']:.1f} (products), put together "
            f"{row['put_together_us']:.1f}, off by {row['off']:.0e}"
        )
    if "sessions" in figures:
        sessions = figures["sessions"]
        lines.append(f"sessions: {sessions['holds']} hold {sessions['fps']:g} frames a second")
    return lines


if __name__ == "__main__":
    sys.exit(main())

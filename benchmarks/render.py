"""How many image pairs a second the renderer makes on a CPU, with their characters, scenes and ground truth.

python -m benchmarks.render --facekit PATH [--bodykit PATH]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.hardware import describe
from benchmarks.common.jsonfile import json_file
from streamer.errors import KagamiError
from training.data.samples import SAMPLES_PER_CHARACTER, SampleStream
from training.render.character.bodykit import BodykitError, load_bodykit
from training.render.character.facekit import FacekitError, load_facekit

WARM_UP_SAMPLES = 2  # numba compiles its functions, or loads them from its cache
Rates = dict[str, float]


def measure(facekit: Path, bodykit: Path | None, size: int, samples: int, first: int, results: Any) -> None:
    """Make samples of one reference and one target each; puts (seconds, CPU seconds) into the queue `results`.

    first: number of the first character, so that processes make different ones.
    """
    import cv2  # noqa: PLC0415  (its number of threads is set in this process)

    cv2.setNumThreads(1)
    stream = SampleStream(facekit, 1, frames=1, size=size, bodykit=bodykit)
    begin = first * SAMPLES_PER_CHARACTER
    for index in range(WARM_UP_SAMPLES):
        stream.sample(begin + index)
    wall, cpu = time.perf_counter(), time.process_time()
    for index in range(begin + SAMPLES_PER_CHARACTER, begin + SAMPLES_PER_CHARACTER + samples):
        stream.sample(index)
    results.put((time.perf_counter() - wall, time.process_time() - cpu))


def rates(facekit: Path, bodykit: Path | None, size: int, samples: int, workers: int) -> Rates:
    """Pairs per second of all workers together, and pairs per second of CPU time."""
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    jobs = [
        context.Process(target=measure, args=(facekit, bodykit, size, samples, 1000 * n, results))
        for n in range(workers)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    if any(job.exitcode for job in jobs):
        raise KagamiError("A rendering process failed; its own message stands above.")
    times = [results.get() for _ in jobs]
    return {
        "pairs_per_second": sum(samples / wall for wall, _ in times),
        "pairs_per_cpu_second": sum(samples for _ in times) / sum(cpu for _, cpu in times),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.render", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz or the public OBJ tree")
    parser.add_argument("--bodykit", type=Path, help="also measure whole bodies: makehuman_base.npz or the public tree")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures (default 256)")
    parser.add_argument("--samples", type=int, default=40, help="pairs of each process (default 40)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for `benchmarks.render_device`")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args(argv)
    if given.device != "cpu":
        from benchmarks import render_device  # noqa: PLC0415  (torch takes seconds to import)

        passed = ["--facekit", str(given.facekit), "--device", given.device]
        return render_device.main(passed + (["--json", str(given.json)] if given.json else []))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        with json_file(given.json) as write:
            load_facekit(given.facekit)
            kinds: dict[str, Path | None] = {"busts": None}
            if given.bodykit is not None:
                load_bodykit(given.bodykit)
                kinds["bodies"] = given.bodykit
            hardware = describe()
            print(
                f"{hardware['cpu']}, {hardware['cores']} cores, commit {hardware['commit']}, {given.workers} processes"
            )
            figures = {}
            for name, bodykit in kinds.items():
                figures[name] = rates(given.facekit, bodykit, given.size, given.samples, given.workers)
                line = "  ".join(f"{key} {value:.1f}" for key, value in figures[name].items())
                print(f"{name:7s} {given.size}²  {line}", flush=True)
            write({"hardware": hardware, "size": given.size, "workers": given.workers, "figures": figures})
    except (KagamiError, FacekitError, BodykitError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

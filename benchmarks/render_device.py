"""How many image pairs a second the batched renderer draws: `python -m benchmarks.render_device --facekit PATH`.

A pair is a reference and a target at full size with everything that the trainer uses: mattes, labels, flow, visibility,
landmarks. Characters, scenes and motion are made before the measurement; their CPU time is printed beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.common.hardware import describe
from benchmarks.common.jsonfile import UnwritableError, json_file
from training.data.device_samples import DeviceStream, PlanBatch, PlanStream
from training.render.character.bodykit import BodykitError
from training.render.character.facekit import FacekitError
from training.render.raster import fill_kernel

WARM_UP_BATCHES = 2  # kernels are compiled and memory is allocated


def pairs_per_second(stream: DeviceStream, load: PlanBatch, batch: int, seconds: float) -> dict[str, Any]:
    """Draw batches for about `seconds`: pairs a second, CPU time of a pair, number of batches, peak of memory."""
    device, total = stream.device, len(load.kind)
    chosen = [n * total // batch for n in range(batch)]

    def synchronise() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(WARM_UP_BATCHES):
        stream.draw(load, chosen)
    synchronise()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    begin, cpu_begin, batches = time.perf_counter(), time.process_time(), 0
    while batches == 0 or time.perf_counter() - begin < seconds:
        stream.draw(load, chosen)
        synchronise()
        batches += 1
    passed = time.perf_counter() - begin
    cpu_seconds = time.process_time() - cpu_begin
    peak = round(torch.cuda.max_memory_allocated(device) / 2**30, 2) if device.type == "cuda" else None
    return {
        "pairs_per_second": round(batches * batch / passed, 2),
        "cpu_ms_a_pair": round(1000 * cpu_seconds / (batches * batch), 2),
        "batches": batches,
        "peak_gb": peak,
    }


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 2 with one sentence on stderr."""
    parser = argparse.ArgumentParser(description="Measure the batched renderer on a device.")
    parser.add_argument("--facekit", type=Path, required=True, help="ict_facekit.npz (ICT-FaceKit, compact)")
    parser.add_argument("--bodykit", type=Path, default=None, help="makehuman_base.npz: whole bodies instead of busts")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32, 64, 128], help="pairs drawn at once")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement (default 10)")
    parser.add_argument("--size", type=int, default=256, help="side of the pictures (default 256)")
    parser.add_argument("--characters", type=int, default=8, help="different ones in a batch (default 8)")
    parser.add_argument("--pairs-per-character", type=int, default=64, help="samples of each (default 64)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file too")
    options = parser.parse_args(arguments)
    try:
        with json_file(options.json) as write:
            each = max(options.pairs_per_character, -(-max(options.batch) // options.characters))
            source = PlanStream(
                options.facekit, options.seed, frames=1, size=options.size, per_character=each, bodykit=options.bodykit
            )
            stream = DeviceStream(source, options.device, batch=1)
            source.plan(options.characters)  # compiles what numba compiles
            begin = time.process_time()
            plans = [source.plan(n) for n in range(options.characters)]
            planned = (time.process_time() - begin) / (options.characters * each)
            load = PlanBatch.gather(plans, options.device)
            report: dict[str, Any] = {
                "hardware": describe(options.device),
                "backend": fill_kernel.choose_backend(stream.device),
                "threads": torch.get_num_threads(),
                "size": options.size,
                "plan_ms_a_pair": round(1000 * planned, 2),
                "pairs_per_character": each,
                "batches": {},
            }
            print(f"{report['hardware']['device']}, fill by {report['backend']}, {options.size}²")
            print(f"plans: {1000 * planned:.1f} ms of a CPU core a pair, {each} pairs a character")
            print("batch   pairs/s   CPU ms a pair   peak GB")
            for batch in options.batch:
                row = pairs_per_second(stream, load, batch, options.seconds)
                report["batches"][str(batch)] = row
                peak = "-" if row["peak_gb"] is None else f"{row['peak_gb']:.1f}"
                print(f"{batch:5d} {row['pairs_per_second']:9.2f} {row['cpu_ms_a_pair']:15.1f} {peak:>9}", flush=True)
            write(report)
    except (FacekitError, BodykitError, UnwritableError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

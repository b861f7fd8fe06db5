"""`python -m benchmarks.generator`: how fast the network draws, alone and within whole ticks.

The rig of a real picture and motions that are tracked once are drawn in batches, without a server. "Alone" is the
generator by itself, on guidance that is computed beforehand, each call waited for; the stages are those of whole ticks,
on CUDA measured by the device's own events. There the network, or the whole tick with it, is also recorded as a CUDA
graph and replayed, as the server does; the bytes drawn are compared with those without a graph. Operations are
counted, see `benchmarks.common.flops`; their rate is compared with that of a large matrix product on the same device,
on a CPU in float32 with as many threads, which 8 bits may exceed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from benchmarks.common import hardware
from benchmarks.common.device_rates import matmul_rate
from benchmarks.common.flops import flops_per_frame
from benchmarks.common.hardware import machine_lines
from benchmarks.common.jsonfile import json_file
from benchmarks.common.percentiles import percentiles
from benchmarks.evaluation.eval_pipeline import EvalPipeline
from benchmarks.streaming.clip_camera import CAMERA_SIZE, load_clip, ping_pong
from benchmarks.streaming.replay import MOTION_STEP, track_clip
from models import checkpoint as weights
from models.checkpoint_header import CheckpointError
from models.geometry.guidance import Guidance, make_guidance
from models.geometry.retarget import Pose, retarget
from models.geometry.rig import Rig
from streamer.errors import KagamiError
from streamer.frames import AvatarFrame, Image
from streamer.generation.avatar import Avatar
from streamer.generation.device import choose_device
from streamer.generation.generator import Generator
from streamer.generation.onnx_generator import OnnxGenerator
from streamer.generation.precision import best_precision, dtype_of
from streamer.generation.recorded_frame import RecordedFrame
from streamer.generation.stream import FrameRequest, Stream
from streamer.generation.torch_generator import TorchGenerator
from streamer.generation.weights_file import shipped_weights
from streamer.options import PRECISIONS, Precision
from streamer.rigging.picture import load_picture
from streamer.rigging.rigger import make_rig
from streamer.runtime.native_logs import filter_native_logs
from streamer.tracking.tracker import TrackedMotion

Kind = Literal["torch", "onnx", "onnx-live"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Graph = Literal["none", "network", "tick"]  # what is replayed as a CUDA graph
GRAPHS: tuple[Graph, ...] = get_args(Graph)
ALONE_INPUTS = 8  # different moments that the generator alone draws one after the other
MATMUL_REPEATS = 10
FIRST_TICKS = 3  # of each batch before it is measured; their frames are compared between graphs


@dataclass(frozen=True)
class Case:
    """A configuration of the generator. kind: torch, or ONNX Runtime, live or not. steps: of the sampler."""

    kind: Kind
    precision: Precision
    steps: int
    graph: Graph


class GuidedPipeline(EvalPipeline):
    """`EvalPipeline` that also computes the inputs of a generator, and can record whole ticks."""

    def record_ticks(self, generator: TorchGenerator) -> None:
        """Draw by CUDA graphs of whole ticks from now on, which `warm_up` records. generator: the pipeline's own."""
        assert generator.recorder is not None
        self.renderer = RecordedFrame(generator, generator.recorder)

    def generator_inputs(self, requests: list[FrameRequest]) -> tuple[Rig, Pose, Guidance]:
        batch = self.batch(requests)
        rig = Rig.stack(list(batch.rigs))
        pose = retarget(rig, batch.drivers.current, batch.drivers.neutral, batch.drivers.strength)
        return rig, pose, make_guidance(rig, pose)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    options = _parse(arguments)
    try:
        with json_file(options.json) as write:
            write(measure(options, print))
    except (KagamiError, CheckpointError, OSError, ValueError) as error:
        print(f"benchmarks.generator: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it draws (auto)")
    add("--kinds", nargs="+", choices=KINDS, metavar="KIND",
        help="torch, onnx, onnx-live (on a CPU all of them, else torch)")  # fmt: skip
    add("--size", type=int, nargs="+", default=[512], metavar="N", help="sides of the avatar video in pixels (512)")
    add("--batch", type=int, nargs="+", metavar="N", help="streams drawn at once (CPU: 1 2 4; CUDA: 1 to 32)")
    add("--steps", type=int, nargs="+", default=[1], metavar="N", help="steps of the sampler (1)")
    add("--precision", nargs="+", choices=PRECISIONS, help="of torch's network (the device's best)")
    add("--graph", nargs="+", choices=GRAPHS, default=GRAPHS,
        help="on CUDA, what is replayed as a CUDA graph: none, network, tick (each of them)")  # fmt: skip
    add("--seconds", type=float, default=3.0, metavar="N", help="how long to measure each (3)")
    add("--threads", type=int, default=1, metavar="N", help="of torch on the CPU (1, as in the live server)")
    add("--checkpoint", type=Path, metavar="FILE", help="weights (those that came along for the device)")
    add("--ref", type=Path, default=Path("assets/avatar.png"), metavar="FILE", help="picture to animate")
    add("--clip", type=Path, default=Path("assets/driver.mp4"), metavar="FILE", help="whose motions are replayed")
    add("--frames", type=int, default=50, metavar="N", help="of the clip (50)")
    add("--processor-time", action="store_true",
        help="on a CPU, count only while the drawing thread has a processor: for a busy machine")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the figures here, too")
    options = parser.parse_args(arguments)
    numbers = [options.seconds, options.threads, options.frames, *options.size, *options.steps, *(options.batch or [])]
    if min(numbers) <= 0:
        parser.error("all numbers must be positive")
    return options


def measure(options: argparse.Namespace, print_line: Callable[[str], None]) -> dict[str, Any]:
    """Run the benchmark. Returns the JSON report; calls `print_line` with each line of it as soon as it is measured.

    Raises KagamiError, CheckpointError and ValueError.
    """
    device = torch.device(choose_device(options.device))
    if options.processor_time and device.type != "cpu":
        raise ValueError("a device has no processor time: leave --processor-time out, or choose --device cpu")
    options.checkpoint = options.checkpoint or shipped_weights(device.type)
    batches = options.batch or ([1, 2, 4] if device.type == "cpu" else [1, 2, 4, 8, 16, 32])
    torch.set_num_threads(options.threads)
    picture = load_picture(options.ref)
    tracked = track_clip(load_clip(options.clip, *CAMERA_SIZE)[: options.frames], 25.0)
    matmul_rates: dict[str, float] = {}  # Tflop/s by precision, on a CPU also by threads
    report: dict[str, Any] = {
        "hardware": hardware.describe(device.type),
        "checkpoint": options.checkpoint.name,
        "seconds": options.seconds,
        "threads": options.threads,
        "gflop_per_frame": {},
        "matmul_tflop_s": matmul_rates,
        "rows": [],
    }
    for line in machine_lines(report["hardware"]):
        print_line(line)
    print_line(_HEAD)
    for size in options.size:
        rig = make_rig(picture, size, None, device).rig
        torch.set_num_threads(options.threads)  # again, since the loops of the matte's library changed it
        drawn: dict[tuple[Any, ...], list[Image]] = {}  # the first frames of each configuration without a graph
        for case in cases(options, device):
            if str(case.steps) not in report["gflop_per_frame"]:
                counted = flops_per_frame(weights.load(options.checkpoint), rig, case.steps)
                report["gflop_per_frame"][str(case.steps)] = counted / 1e9
            threads = options.threads if case.kind == "torch" else os.cpu_count() or 1
            kind = f"{case.precision}, {threads} threads" if device.type == "cpu" else case.precision
            if kind not in matmul_rates:
                torch.set_num_threads(threads)
                matmul_rates[kind] = matmul_rate(device, dtype_of(case.precision), MATMUL_REPEATS) / 1e12
                torch.set_num_threads(options.threads)
            for row, frames in draw_batches(case, rig, tracked, batches, options):
                gflop = report["gflop_per_frame"][str(case.steps)]
                # Live, the transformer does not run on every frame, and its runs are not counted.
                alone = row["alone_fps"]
                tflops = None if case.kind == "onnx-live" or alone is None else gflop * alone / 1e3
                share = None if tflops is None else tflops / matmul_rates[kind]
                row.update(size=size, **asdict(case), tflop_s=tflops, matmul_share=share)
                expected = drawn.setdefault((case.kind, case.precision, case.steps, row["batch"]), frames)
                row["difference"] = difference(frames, expected) if case.graph != "none" else None
                report["rows"].append(row)
                print_line(_line(row))
    return report


def cases(options: argparse.Namespace, device: torch.device) -> Iterator[Case]:
    """The configurations that the options select and the device supports. Raises ValueError for other ones."""
    on_cpu = device.type == "cpu"
    graphs: Sequence[Graph] = ["none"] if on_cpu else options.graph
    for kind in options.kinds or (KINDS if on_cpu else KINDS[:1]):
        if kind != "torch" and not on_cpu:
            raise ValueError(f"{kind} draws on a CPU only: leave it out, or choose --device cpu")
        precisions: list[Precision] = ["float32"]
        if kind == "torch":
            precisions = options.precision or [best_precision(device)]
        for precision in precisions:
            yield from (Case(kind, precision, steps, graph) for steps in options.steps for graph in graphs)


def draw_batches(
    case: Case, rig: Rig, tracked: Sequence[TrackedMotion], batches: Sequence[int], options: argparse.Namespace
) -> Iterator[tuple[dict[str, Any], list[Image]]]:
    """One row for each batch size, and the first frames that it drew."""
    device = rig.image.device
    begin = time.perf_counter()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    generator = make_generator(case, device, max(batches), options.checkpoint)
    pipeline = GuidedPipeline(generator, str(device), rig.size)
    if case.graph == "tick":
        assert isinstance(generator, TorchGenerator)
        pipeline.record_ticks(generator)
    if options.processor_time:
        pipeline.clock = time.thread_time
    avatar = pipeline.avatar_of(rig)
    pipeline.warm_up(avatar)
    start = time.perf_counter() - begin
    for batch in batches:
        figures, frames = _batch(pipeline, generator, avatar, tracked, batch, options)
        peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
        yield {"batch": batch, "start_s": round(start, 2), **figures, "peak_gb": peak}, frames


def make_generator(case: Case, device: torch.device, lanes: int, path: Path) -> OnnxGenerator | TorchGenerator:
    """The generator of a case. Raises CheckpointError."""
    network = weights.load(path)
    if case.kind != "torch":
        return OnnxGenerator(network, device, case.steps, live=case.kind == "onnx-live")
    generator = TorchGenerator(network, device, case.steps, lanes, case.precision)
    if case.graph == "none":
        generator.graphs = None
    return generator


@torch.inference_mode()
def _batch(
    pipeline: GuidedPipeline,
    generator: Generator,
    avatar: Avatar,
    tracked: Sequence[TrackedMotion],
    batch: int,
    options: argparse.Namespace,
) -> tuple[dict[str, Any], list[Image]]:
    """The figures of a batch, and the frames of its first ticks. The generator alone is not measured where ticks are
    recorded, since it is a part of the recording then.
    """
    streams = [pipeline.open(avatar) for _ in range(batch)]
    states = [stream.state for stream in streams]
    frames = [
        frame.rgb.copy() for tick in range(FIRST_TICKS) for frame in pipeline.draw(requests(streams, tracked, tick))
    ]
    stages: dict[str, list[float]] = defaultdict(list)

    def whole_tick(tick: int) -> None:
        for name, milliseconds in tick_stages(pipeline.draw(requests(streams, tracked, tick))).items():
            stages[name].append(milliseconds)

    ticks = call_durations(whole_tick, pipeline.device, options.seconds, pipeline.clock)
    alone: list[float] = []
    if not isinstance(pipeline.renderer, RecordedFrame):
        inputs = [pipeline.generator_inputs(requests(streams, tracked, 5 * moment)) for moment in range(ALONE_INPUTS)]
        alone = call_durations(
            lambda tick: generator.predict(states, *inputs[tick % ALONE_INPUTS]), pipeline.device, options.seconds,
            pipeline.clock,
        )  # fmt: skip
    for stream in streams:
        pipeline.close(stream)
    figures = {
        "alone_ms": percentiles(alone),
        "alone_fps": 1000 * batch * len(alone) / sum(alone) if alone else None,
        "stage_ms": {name: percentiles(samples) for name, samples in stages.items()},
        "tick_ms": percentiles(ticks),
        "fps": 1000 * batch * len(ticks) / sum(ticks),
    }
    return figures, frames


def difference(frames: Sequence[Image], expected: Sequence[Image]) -> int:
    """The largest difference of any byte, 0..255, between two lists of frames of one size."""
    pairs = zip(frames, expected, strict=True)
    return max(int(np.abs(frame.astype(np.int16) - other).max()) for frame, other in pairs)


def requests(streams: Sequence[Stream], tracked: Sequence[TrackedMotion], tick: int) -> list[FrameRequest]:
    """One request for each stream, each at another motion of the clip."""
    at = [ping_pong(tick + MOTION_STEP * number, len(tracked)) for number in range(len(streams))]
    return [FrameRequest(stream, tracked[i].motion, tracked[i].neutral) for stream, i in zip(streams, at, strict=True)]


def tick_stages(frames: Sequence[AvatarFrame]) -> dict[str, float]:
    """Milliseconds by stage of a tick. All frames that are drawn as one batch have the stages of that batch."""
    batches = {tuple(frame.stages.items()) for frame in frames}
    return {name: sum(dict(batch)[name] for batch in batches) for name in frames[0].stages}


def call_durations(
    work: Callable[[int], object],
    device: torch.device,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Milliseconds of each call, as many as fit into `seconds`, at least one; the device is waited for each time.

    clock: seconds, on a CPU perhaps those of this thread alone.
    """
    durations: list[float] = []
    while not durations or sum(durations) < 1000 * seconds:
        begin = clock()
        work(len(durations))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        durations.append(1000 * (clock() - begin))
    return durations


_STAGES = ("retarget", "guide", "generate", "compose", "tick")  # "tick": a replay, which has no others
_HEAD = (
    f"{'size kind':<15}{'precision':<10}{'steps':>6}{'graph':>8}{'batch':>6} |{'alone p50':>10}{'p95':>9}{'fps':>9} |"
    + "".join(f"{name:>9}" for name in _STAGES)
    + f" |{'tick p50':>9}{'p95':>9}{'fps':>9} |{'TFLOP/s':>9}{'share':>7}{'peak GB':>8}{'start s':>8}{'off':>5}"
)


def _line(row: dict[str, Any]) -> str:
    def ms(percentile: dict[str, float | None], name: str, width: int = 9) -> str:
        value = percentile[name]
        return f"{'-' if value is None else format(value, '.2f'):>{width}}"

    speed = "-" if row["tflop_s"] is None else f"{row['tflop_s']:.3f}"
    alone = "-" if row["alone_fps"] is None else f"{row['alone_fps']:.1f}"
    off = "-" if row["difference"] is None else str(row["difference"])
    share = "-" if row["matmul_share"] is None else f"{row['matmul_share']:.1%}"
    peak = "-" if row["peak_gb"] is None else f"{row['peak_gb']:.2f}"
    return (
        f"{row['size']:<5}{row['kind']:<10}{row['precision']:<10}{row['steps']:>6}{row['graph']:>8}"
        f"{row['batch']:>6} |{ms(row['alone_ms'], 'p50', 10)}{ms(row['alone_ms'], 'p95')}{alone:>9} |"
        + "".join(ms(row["stage_ms"].get(name, {"p50": None}), "p50") for name in _STAGES)
        + f" |{ms(row['tick_ms'], 'p50')}{ms(row['tick_ms'], 'p95')}{row['fps']:>9.1f} |"
        f"{speed:>9}{share:>7}{peak:>8}{row['start_s']:>8.1f}{off:>5}"
    )


if __name__ == "__main__":
    filter_native_logs()
    sys.exit(main())

"""How well characters are drawn: on real clips, against rendered ground truth, over time, and with other drivers.

python -m benchmarks.quality --parts rendered styles --facekit ict_facekit.npz
python -m benchmarks.quality --parts turns edges --facekit ict_facekit.npz --sheets SHEETS
python -m benchmarks.quality --parts real --clips CLIPS
python -m benchmarks.quality --parts refs --refs PICTURES --drivers A.mp4 B.mp4 --sheets SHEETS

Every part prints the warp alone ("geometry") beside the network ("dit"). The figures are described in the modules that
measure them: real in benchmarks.reenact; and in benchmarks.evaluation rendered, styles, steps and ablations in
rendered_clips, rendered_score and ground_truth, stability in stability, leak in identity_leak, refs in gallery, turns
in turned_heads and plausibility, edges in edges. `benchmarks.compare` sets two JSON files beside each other.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.hardware import describe
from benchmarks.common.jsonfile import json_file
from benchmarks.evaluation.contact_sheet import COLUMNS, TILE_SIDE
from benchmarks.evaluation.context import COMPARED_KINDS, EvalContext
from benchmarks.evaluation.edges import edges
from benchmarks.evaluation.gallery import SheetFormat, find_pictures, write_sheets
from benchmarks.evaluation.ground_truth import ablations, rendered, steps, styles
from benchmarks.evaluation.identity_leak import leak
from benchmarks.evaluation.rendered_clips import FRAMES
from benchmarks.evaluation.stability import MIN_DRIFT_S, stability
from benchmarks.evaluation.table import jsonable
from benchmarks.evaluation.turned_heads import turns
from benchmarks.reenact import Scores, find_pairs, reenact
from streamer.errors import KagamiError
from streamer.options import PRECISIONS
from streamer.runtime.native_logs import filter_native_logs


def real(context: EvalContext) -> Scores:
    """Self-reenactment of real clips."""
    options = context.options
    if options.clips is None:
        raise KagamiError("Real clips are needed for --parts real: give their folder with --clips.")
    clips = find_pairs(options.clips, options.exclude)[: options.count]
    return reenact(clips, context.pipelines, True, None if options.sheets is None else options.sheets / "real")


def refs(context: EvalContext) -> list[str]:
    """Contact sheets of real pictures driven by real people."""
    options = context.options
    if options.refs is None or not options.drivers or options.sheets is None:
        raise KagamiError("--parts refs needs --refs FOLDER, --drivers A.mp4 …, and --sheets FOLDER to draw into.")
    pictures = find_pictures(options.refs, options.count)
    form = SheetFormat(options.columns, options.tile, options.every)
    lines = []
    for line in write_sheets(pictures, options.drivers, context.pipelines, options.sheets / "refs", form):
        lines.append(line)
        print(line, flush=True)
    return lines


PARTS: dict[str, Callable[[EvalContext], Any]] = {
    "real": real,
    "rendered": rendered,
    "styles": styles,
    "stability": stability,
    "leak": leak,
    "steps": steps,
    "ablations": ablations,
    "refs": refs,
    "turns": turns,
    "edges": edges,
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    options = _parse(argv)
    context = EvalContext(options)
    parts: dict[str, Any] = {}
    try:
        with json_file(options.json) as write:
            for name in options.parts:
                parts[name] = PARTS[name](context)
            checkpoint = None if options.checkpoint is None else options.checkpoint.name
            drawn_by = {"checkpoint": checkpoint, "precision": options.precision}
            write(jsonable({"hardware": describe(options.device), **drawn_by, "parts": parts}))
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--parts", nargs="+", choices=list(PARTS), required=True, help="what to measure")
    add("--count", type=int, metavar="N",
        help="so many of each: takes of each style (2), characters (2; cast: all), clips, pictures (all)")  # fmt: skip
    add("--frames", type=int, default=FRAMES, metavar="N", help=f"frames of a rendered take ({FRAMES})")
    add("--facekit", type=Path, metavar="FILE", help="ict_facekit.npz, for the parts that render")
    add("--clips", type=Path, metavar="FOLDER", help="pairs NAME.png, NAME.mp4, for --parts real")
    add("--views", type=int, default=0, metavar="N", help="further references at other yaws, for --parts turns (0)")
    add("--generators", nargs="+", choices=COMPARED_KINDS, default=COMPARED_KINDS,
        help="for --parts real, refs, turns and edges (both)")  # fmt: skip
    add("--exclude", nargs="*", default=[], metavar="NAME", help="leave out clips whose names begin so")
    add("--refs", type=Path, metavar="FOLDER", help="pictures, for --parts refs")
    add("--drivers", type=Path, nargs="*", default=[], metavar="FILE", help="clips of people, for --parts refs")
    add("--checkpoint", type=Path, metavar="FILE", help="weights of the network, if not the ones that came along")
    add("--checkpoint-without", type=_named, nargs="*", default=[], metavar="STYLE=FILE",
        help="weights trained with --without STYLE, for --parts styles")  # fmt: skip
    add("--teacher", type=Path, metavar="FILE", help="the many-step teacher's weights, for --parts steps, if others")
    add("--teacher-steps", type=int, default=16, metavar="N", help="its steps (16)")
    add("--ablation", type=_named, nargs="*", default=[], metavar="NAME=FILE",
        help="weights trained without something (training.train), for --parts ablations")  # fmt: skip
    add("--seconds", type=float, default=60.0, metavar="N", help="length of the drift's motion (60)")
    add("--device", default="cpu", help="where to draw (cpu)")
    add("--precision", choices=PRECISIONS, help="of torch's network, on CUDA (the device's best)")
    add("--json", type=Path, metavar="FILE", help="also write the figures here; null where one is undefined")
    add("--sheets", type=Path, metavar="FOLDER", help="where contact sheets go")
    add("--columns", type=int, default=COLUMNS, metavar="N", help=f"moments on a sheet of --parts refs ({COLUMNS})")
    add("--tile", type=int, default=TILE_SIDE, metavar="N",
        help=f"pixels of a frame's side on it ({TILE_SIDE}; 512 shows all that there is)")  # fmt: skip
    add("--every", type=int, default=1, metavar="N", help="read only every N-th frame of its drivers, to save time")
    options = parser.parse_args(argv)
    if options.count is not None and options.count < 1:
        parser.error("--count must be at least 1")
    if options.views < 0:
        parser.error("--views must be at least 0")
    if options.columns < 2 or options.tile < 16 or options.every < 1:
        parser.error("--columns must be at least 2, --tile at least 16, --every at least 1")
    if options.frames < 2 or options.seconds < MIN_DRIFT_S or options.teacher_steps < 1:
        parser.error(f"--frames must be at least 2, --seconds at least {MIN_DRIFT_S:g}, --teacher-steps at least 1")
    return options


if __name__ == "__main__":
    filter_native_logs()
    sys.exit(main())

"""How well characters are drawn: on real clips, against rendered truth, over time, and by whose face they are driven.

python -m benchmarks.quality --parts rendered styles --facekit ict_facekit.npz
python -m benchmarks.quality --parts real --clips CLIPS
python -m benchmarks.quality --parts refs --refs PICTURES --drivers A.mp4 B.mp4 --sheets SHEETS

Every part prints the warp alone ("geometry") beside the network ("dit"). What each part compares stands in the module
that measures it: benchmarks.reenact, rendered, gallery.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.artist import Artist
from benchmarks.contact import contact_sheet, pick, save
from benchmarks.gallery import find_pictures, hang
from benchmarks.hardware import describe
from benchmarks.jsonfile import json_file
from benchmarks.ledger import Row, Rows, difference, jsonable, mean_row, table
from benchmarks.reenact import find_pairs, reenact
from benchmarks.rendered import DRIVERS, FIGURES, FRAMES, FilmSet, Take, measure
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.generator import Generator, make_generator
from streamer.performer import GeneratorKind, Performer
from streamer.quiet import quiet_natives
from training.render.appearance import STYLES

KINDS: tuple[GeneratorKind, ...] = ("geometry", "dit")


class Bench:
    """What the parts share, made when it is first wanted."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)

    @cached_property
    def film(self) -> FilmSet:
        return FilmSet(self.options.facekit)

    @cached_property
    def takes(self) -> list[Take]:
        each = self.options.count or 2
        takes = self.film.takes(each, self.options.frames)
        return list(tqdm(takes, "rendering", each * len(STYLES), unit="take", leave=False))

    @cached_property
    def artists(self) -> dict[str, Artist]:
        return {kind: self.artist(self.generator(kind)) for kind in KINDS}

    @cached_property
    def rows(self) -> dict[str, dict[str, list[Row]]]:
        """By driver and artist, one row for each take; with --sheets, a sheet for each take and driver."""
        rows: dict[str, dict[str, list[Row]]] = {driver: {} for driver in DRIVERS}
        with tqdm(total=len(self.takes) * len(DRIVERS) * len(KINDS), desc="drawing", unit="take", leave=False) as bar:
            for driver in DRIVERS:
                shown = {take.number: [pick(take.truth)] for take in self.takes}

                def keep(take: Take, drawn: list[Image], shown: dict[int, list[list[Image]]] = shown) -> None:
                    bar.update()
                    shown[take.number].append(pick(drawn))

                for name, artist in self.artists.items():
                    rows[driver][name] = measure(self.takes, artist, driver, keep)
                if self.options.sheets is not None:
                    for take in self.takes:
                        path = self.options.sheets / "rendered" / f"{take.style}_{take.number}_{driver}.png"
                        save(contact_sheet(shown[take.number]), path)
        return rows

    def artist(self, generator: Generator) -> Artist:
        return Artist(generator, self.options.device)

    def generator(self, kind: GeneratorKind, checkpoint: Path | None = None, steps: int = 1) -> Generator:
        return make_generator(kind, self.device, checkpoint or self.options.checkpoint, steps=steps)


def real(bench: Bench) -> Any:
    """Self-reenactment of real clips."""
    options = bench.options
    if options.clips is None:
        raise KagamiError("Real clips are needed for --parts real: give their folder with --clips.")
    clips = find_pairs(options.clips, options.exclude)[: options.count]
    performers = {kind: Performer(kind, options.device, 512, options.checkpoint) for kind in KINDS}
    sheets = None if options.sheets is None else options.sheets / "real"
    return reenact(clips, performers, True, sheets)


def rendered(bench: Bench) -> Any:
    """Held-out identities, motions and styles with true pixels, driven by themselves and by others."""
    out: dict[str, Rows] = {}
    for driver, rows in bench.rows.items():
        out[driver] = means = {name: mean_row(each) for name, each in rows.items()}
        means["dit − geometry"] = difference(means["dit"], means["geometry"])
        print(table(f"Rendered truth, {len(bench.takes)} takes, driver: {driver}; regions in dB", means, FIGURES))
    return out


def styles(bench: Bench) -> Any:
    """The rendered table by style. With weights trained without a style it is a true leave-one-out, else it says no
    more than how each style fares.
    """
    out: dict[str, Rows] = {}
    without = {style: bench.artist(bench.generator("dit", path)) for style, path in bench.options.checkpoint_without}
    for style in dict.fromkeys(take.style for take in bench.takes):
        here = [i for i, take in enumerate(bench.takes) if take.style == style]
        rows = {name: mean_row([each[i] for i in here]) for name, each in bench.rows["cross"].items()}
        if style in without:
            name = f"dit without {style}"
            rows[name] = mean_row(measure([bench.takes[i] for i in here], without[style], "cross"))
        rows["dit − geometry"] = difference(rows["dit"], rows["geometry"])
        out[style] = rows
        kind = "leave-one-out" if style in without else "by style, which training saw"
        print(table(f"{style} ({kind}), {len(here)} takes, driver: cross", rows, FIGURES))
    return out


def refs(bench: Bench) -> Any:
    """Sheets of real pictures driven by real people."""
    options = bench.options
    if options.refs is None or not options.drivers or options.sheets is None:
        raise KagamiError("--parts refs needs --refs FOLDER, --drivers A.mp4 …, and --sheets FOLDER to draw into.")
    performers = {kind: Performer(kind, options.device, 512, options.checkpoint) for kind in KINDS}
    lines = []
    for line in hang(find_pictures(options.refs, options.count), options.drivers, performers, options.sheets / "refs"):
        lines.append(line)
        print(line, flush=True)
    return lines


PARTS: dict[str, Callable[[Bench], Any]] = {"real": real, "rendered": rendered, "styles": styles, "refs": refs}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    options = _parse(argv)
    bench = Bench(options)
    parts: dict[str, Any] = {}
    try:
        with json_file(options.json) as write:
            for name in options.parts:
                parts[name] = PARTS[name](bench)
            checkpoint = None if options.checkpoint is None else options.checkpoint.name
            write(jsonable({"hardware": describe(options.device), "checkpoint": checkpoint, "parts": parts}))
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
        help="so many of each: takes of each style (2), clips and pictures (all)")  # fmt: skip
    add("--frames", type=int, default=FRAMES, metavar="N", help=f"frames of a rendered take ({FRAMES})")
    add("--facekit", type=Path, metavar="FILE", help="ict_facekit.npz, for the parts that render")
    add("--clips", type=Path, metavar="FOLDER", help="pairs NAME.png, NAME.mp4, for --parts real")
    add("--exclude", nargs="*", default=[], metavar="NAME", help="leave out clips whose names begin so")
    add("--refs", type=Path, metavar="FOLDER", help="pictures, for --parts refs")
    add("--drivers", type=Path, nargs="*", default=[], metavar="FILE", help="clips of people, for --parts refs")
    add("--checkpoint", type=Path, metavar="FILE", help="weights of the network, if not the ones that came along")
    add("--checkpoint-without", type=_named, nargs="*", default=[], metavar="STYLE=FILE",
        help="weights trained without a style, for --parts styles")  # fmt: skip
    add("--device", default="cpu", help="where to draw (cpu)")
    add("--json", type=Path, metavar="FILE", help="also write the figures here; null where one is undefined")
    add("--sheets", type=Path, metavar="FOLDER", help="where contact sheets go")
    options = parser.parse_args(argv)
    if options.count is not None and options.count < 1:
        parser.error("--count must be at least 1")
    return options


if __name__ == "__main__":
    quiet_natives()
    sys.exit(main())

"""How well whole bodies move: clips of people, each animating its own first frame, or pictures of others.

python -m benchmarks.body CLIPS/*.mp4 --json body.json --sheets SHEETS
python -m benchmarks.body DANCE.mp4 --references PHOTO.jpg DRAWING.png --sheets SHEETS    # cross: each by each
python -m benchmarks.body CLIPS/*.mp4 --every 3 --generator geometry                      # short, for a look
python -m benchmarks.body --rendered --facekit ict_facekit.npz --bodykit makehuman_base.npz

The figures are described in benchmarks.evaluation.body_score, posed_joints and rendered_bodies; besides them draw_ms is
the median time of drawing a frame, track_ms the mean of tracking one, prepare_s the time of preparing the picture.
`benchmarks.compare` sets two JSON files beside each other.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tqdm import tqdm

from benchmarks.common.hardware import describe, machine_lines
from benchmarks.common.jsonfile import json_file
from benchmarks.evaluation.body_clips import CLIP_S, BodyClip, Thinning, draw_body, read_body_clip
from benchmarks.evaluation.body_score import CROSS_FIGURES, SELF_FIGURES, cross_figures, self_figures
from benchmarks.evaluation.body_tracks import person_masks, track_bodies
from benchmarks.evaluation.contact_sheet import contact_sheet, pick, save
from benchmarks.evaluation.eval_pipeline import TRUE_MOTION
from benchmarks.evaluation.posed_joints import POSED_ANGLES, POSED_FIGURES, posed_figures, posed_joints
from benchmarks.evaluation.regions import Mask
from benchmarks.evaluation.rendered_bodies import RENDERED_BODY_FIGURES, BodyRenderer, Parts, rendered_figures
from benchmarks.evaluation.table import Rows, head_line, jsonable, mean_row, row_line
from benchmarks.reenact import picture_of
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline
from streamer.options import GeneratorKind
from streamer.rigging.picture import Picture, load_picture
from streamer.runtime.native_logs import filter_native_logs

SHEET_COLUMNS = 6
TIMES = ("draw_ms", "track_ms", "prepare_s")
_NAME_WIDTH = 68  # columns of the terminal

Pipelines = Mapping[GeneratorKind, AvatarPipeline]


@dataclass
class Measured:
    """Figures by clip (or "picture, clip") and generator, "mean" last; and a sentence for each that is left out."""

    figures: tuple[str, ...]
    scores: dict[str, Rows] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Print the names of the columns."""
        print(head_line(_NAME_WIDTH, self.figures), flush=True)

    def add(self, name: str, rows: Rows) -> None:
        """Keep and print the rows of a clip, by generator."""
        self.scores[name] = {kind: {figure: row[figure] for figure in self.figures} for kind, row in rows.items()}
        for kind, row in self.scores[name].items():
            tqdm.write(row_line(f"{name}, {kind}"[-_NAME_WIDTH:], row, _NAME_WIDTH, self.figures))

    def refuse(self, sentence: str) -> None:
        """Leave one out, and say why."""
        self.refused.append(sentence)
        tqdm.write(sentence)

    def finish(self) -> None:
        """Add the mean of each generator over all clips that it could draw."""
        kinds = dict.fromkeys(kind for rows in self.scores.values() for kind in rows)
        if kinds:
            rows = {kind: mean_row([r[kind] for r in self.scores.values() if kind in r]) for kind in kinds}
            self.add("mean", rows)


@dataclass(frozen=True)
class Sheets:
    """Where contact sheets go, None for nowhere, and how many moments each shows."""

    folder: Path | None
    columns: int = SHEET_COLUMNS

    def write(self, name: str, rows: Sequence[Sequence[Image]]) -> None:
        """Write NAME.png: moments of the rows of frames, at full size."""
        if self.folder is not None:
            height, width = (max(row[0].shape[axis] for row in rows) for axis in (0, 1))
            sheet = contact_sheet([pick(row, self.columns) for row in rows], width, height)
            save(sheet, self.folder / f"{name}.png")


def prepare(pipeline: AvatarPipeline, picture: Picture) -> tuple[Avatar, float]:
    """The avatar of a picture, and how many seconds it took. Raises KagamiError."""
    began = time.perf_counter()
    return pipeline.prepare(picture), time.perf_counter() - began


def measure_self(clips: Sequence[Path], pipelines: Pipelines, thinning: Thinning, sheets: Sheets) -> Measured:
    """Each clip animates its own first frame. Prints each clip's lines as soon as they are measured."""
    measured = Measured((*SELF_FIGURES, *POSED_FIGURES, *TIMES))
    measured.start()
    for path in tqdm(clips, unit="clip", disable=None):
        clip = read_body_clip(path, thinning)
        _measure_clip(measured, clip, person_masks(clip.frames), pipelines, sheets)
    measured.finish()
    return measured


def measure_rendered(renderer: BodyRenderer, count: int | None, pipelines: Pipelines, sheets: Sheets) -> Measured:
    """As `measure_self` for the rendered cast, or its first `count`, with the figures of its true pixels."""
    measured = Measured((*RENDERED_BODY_FIGURES, *SELF_FIGURES, *POSED_FIGURES, *TIMES))
    measured.start()
    for body in tqdm(renderer.cast(count), "rendered", unit="character", disable=None):
        _measure_clip(measured, body.clip, body.persons, pipelines, sheets, body.parts)
    measured.finish()
    return measured


def _measure_clip(
    measured: Measured,
    clip: BodyClip,
    persons: Sequence[Mask],
    pipelines: Pipelines,
    sheets: Sheets,
    parts: Sequence[Parts] | None = None,
) -> None:
    """Add the rows of a clip that animates its first frame. parts: what its frames show, of a rendered one."""
    drawn = [clip.frames]
    rows: Rows = {}
    try:
        for kind, pipeline in pipelines.items():
            avatar, prepare_s = prepare(pipeline, picture_of(clip.frames[0], f"{clip.name}, frame 0"))
            frames, draw_ms = draw_body(pipeline, avatar, clip, TRUE_MOTION, clip.shape)
            rows[kind] = self_figures(clip.track, track_bodies(frames), clip.frames, frames, persons)
            posed = posed_joints(pipeline, avatar, clip, TRUE_MOTION, clip.shape)
            rows[kind] |= posed_figures(clip.track, posed) | _times(draw_ms, clip, prepare_s)
            if parts is not None:
                rows[kind] |= rendered_figures(parts, clip.frames, frames)
            drawn.append(frames)
    except KagamiError as error:
        measured.refuse(f"{clip.name} is left out: {error}")
        return
    measured.add(clip.name, rows)
    sheets.write(f"self_{clip.name}", drawn)


def measure_cross(
    pictures: Sequence[Path], clips: Sequence[Path], pipelines: Pipelines, thinning: Thinning, sheets: Sheets
) -> Measured:
    """Each clip animates each picture. Prints the lines of each pair as soon as they are measured."""
    measured = Measured((*CROSS_FIGURES, *POSED_ANGLES, *TIMES))
    drivers = [read_body_clip(path, thinning) for path in tqdm(clips, "drivers", unit="clip", disable=None)]
    measured.start()
    for path in tqdm(pictures, unit="picture", disable=None):
        try:
            picture = load_picture(path)
            prepared = {kind: prepare(pipeline, picture) for kind, pipeline in pipelines.items()}
        except KagamiError as error:
            measured.refuse(f"{path.name} is left out: {error}")
            continue
        for clip in drivers:
            drawn = [clip.frames]
            rows: Rows = {}
            try:
                for kind, (avatar, prepare_s) in prepared.items():
                    controls = Controls(mirror=False)
                    frames, draw_ms = draw_body(pipelines[kind], avatar, clip, controls)
                    posed = posed_figures(clip.track, posed_joints(pipelines[kind], avatar, clip, controls))
                    rows[kind] = cross_figures(clip.track, track_bodies(frames)) | posed
                    rows[kind] |= _times(draw_ms, clip, prepare_s)
                    drawn.append(frames)
            except KagamiError as error:
                measured.refuse(f"{path.stem}, {clip.name} is left out: {error}")
                continue
            measured.add(f"{path.stem}, {clip.name}", rows)
            sheets.write(f"cross_{path.stem}_{clip.name}", drawn)
    measured.finish()
    return measured


def _times(draw_ms: float, clip: BodyClip, prepare_s: float) -> dict[str, float]:
    return dict(zip(TIMES, (draw_ms, clip.track_ms, prepare_s), strict=True))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    given = _parse(argv)
    kinds: tuple[GeneratorKind, ...] = ("geometry",) if given.generator == "geometry" else ("geometry", "dit")
    thinning = Thinning(given.seconds, given.every, given.frames)
    sheets = Sheets(given.sheets, given.columns)
    machine = describe(given.device)
    try:
        with json_file(given.json) as write:
            pipelines = {kind: make_pipeline(kind, given.device, given.size, given.checkpoint) for kind in kinds}
            print("\n".join([*machine_lines(machine), "Drawn frames are compared as streamer.animate writes them."]))
            if given.rendered:
                renderer = BodyRenderer(given.facekit, given.bodykit)
                part, found = "rendered", measure_rendered(renderer, given.count, pipelines, sheets)
            elif given.references:
                part, found = "cross", measure_cross(given.references, given.clips, pipelines, thinning, sheets)
            else:
                part, found = "self", measure_self(given.clips, pipelines, thinning, sheets)
            report = {"hardware": machine, "size": given.size, **asdict(thinning), part: found.scores}
            write(jsonable({**report, "refused": found.refused}))
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.body", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("clips", type=Path, nargs="*", metavar="CLIPS", help="videos of people")
    add("--references", type=Path, nargs="+", metavar="PICTURE", help="pictures to animate instead of first frames")
    add("--rendered", action="store_true", help="rendered bodies with true pixels instead of clips")
    add("--facekit", type=Path, metavar="FILE", help="ict_facekit.npz, for --rendered")
    add("--bodykit", type=Path, metavar="FILE", help="makehuman_base.npz, for --rendered")
    add("--count", type=int, metavar="N", help="so many of the rendered cast (all)")
    add("--seconds", type=float, default=CLIP_S, metavar="N", help=f"length of each clip that is used ({CLIP_S})")
    add("--every", type=int, default=1, metavar="N", help="only every N-th frame, to save time")
    add("--frames", type=int, metavar="N", help="at most so many frames of a clip")
    add("--generator", choices=("dit", "geometry"), default="dit", help="drawn beside the geometry row")
    add("--checkpoint", type=Path, metavar="FILE", help="weights of the network, if not the ones that came along")
    add("--device", default="cpu", help="where to draw (cpu)")
    add("--size", type=int, default=512, metavar="N", help="longer side of the drawn frames, pixels (512)")
    add("--json", type=Path, metavar="FILE", help="also write the figures here; null where one is undefined")
    add("--sheets", type=Path, metavar="FOLDER", help="where contact sheets go: the clip above the drawn")
    add("--columns", type=int, default=SHEET_COLUMNS, metavar="N", help=f"moments on a sheet ({SHEET_COLUMNS})")
    given = parser.parse_args(argv)
    if given.rendered == bool(given.clips):
        parser.error("give CLIPS or --rendered, not both")
    if given.count is not None and given.count < 1:
        parser.error("--count must be at least 1")
    if given.seconds <= 0 or given.every < 1 or (given.frames is not None and given.frames < 2):
        parser.error("--seconds must be above 0, --every at least 1, --frames at least 2")
    if given.columns < 2 or given.size < 64:
        parser.error("--columns must be at least 2, --size at least 64")
    return given


if __name__ == "__main__":
    filter_native_logs()
    sys.exit(main())

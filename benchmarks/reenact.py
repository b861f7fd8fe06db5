"""Self-reenactment: the first frame of a clip is animated with the motion of that clip, which is the ground truth.

python -m benchmarks.reenact CLIPS_DIR --without drv02
python -m benchmarks.reenact CLIPS_DIR --every 4 --frames 40 --json before.json    # short, for a look
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.common.hardware import describe
from benchmarks.common.jsonfile import json_file
from benchmarks.evaluation.contact_sheet import contact_sheet, pick, save
from benchmarks.evaluation.eval_pipeline import TRUE_MOTION
from benchmarks.evaluation.face_tracks import track_faces
from benchmarks.evaluation.score import FIGURES, Face, means, score
from benchmarks.evaluation.written_frames import as_written
from streamer.errors import KagamiError
from streamer.files.video_reader import VideoReader
from streamer.film.performance import perform
from streamer.frames import Image
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline
from streamer.options import GeneratorKind
from streamer.rigging.picture import Picture, load_picture
from streamer.runtime.native_logs import filter_native_logs
from streamer.tracking.motion import Motion
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.smoothing import smooth_both_ways

Scores = dict[str, dict[GeneratorKind, dict[str, float]]]  # clip, or "mean" → generator → figures

SURE = 0.5  # of `Motion.face_confidence`, from which a frame may serve as a reference
MIN_VIEW_TURN = 10.0  # degrees from the references before


@dataclass(frozen=True, slots=True)
class Clip:
    """A pair NAME.png, NAME.mp4, read and tracked once.

    picture: path of the PNG. rate: frames a second. frames: (H, W, 3) uint8. motions: of the driver, not smoothed.
    faces: landmarks in pixels, for the score.
    """

    name: str
    picture: Path
    rate: Fraction
    frames: list[Image]
    motions: list[Motion]
    faces: list[Face | None]


def find_pairs(folder: Path, exclude: Sequence[str]) -> list[Path]:
    """The clips of a folder with a picture of the same name, but for those whose names begin with an excluded word.

    Raises KagamiError where there are none.
    """
    clips = sorted(clip for clip in folder.glob("*.mp4") if clip.with_suffix(".png").is_file())
    chosen = [clip for clip in clips if not clip.name.startswith(tuple(exclude))]
    if not chosen:
        raise KagamiError(f"{folder} holds no pair NAME.png, NAME.mp4 to animate: give the folder of the clips.")
    return chosen


def read_clip(path: Path, every: int = 1, count: int | None = None) -> Clip:
    """Read and track a clip without smoothing; of its frames each `every`-th, at most `count`. Raises VideoError."""
    with VideoReader(path) as reader, MotionExtractor(smooth=False, live=False) as extractor:
        frames = list(islice(reader, 0, None if count is None else count * every, every))
        motions = [extractor.process(frame) for frame in frames]
    pictures = [frame.rgb for frame in frames]
    return Clip(path.stem, path.with_suffix(".png"), reader.rate / every, pictures, motions, track_faces(pictures))


def picture_of(frame: Image, name: str) -> Picture:
    """A frame (H, W, 3) as a picture that a person would choose."""
    return Picture(np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)]), name)


def choose_views(motions: Sequence[Motion], count: int) -> list[int]:
    """Indices of up to `count` frames that show the head from other sides than frame 0 and each other: each time the
    one whose rotation differs most from those chosen before. Frames without a sure face, or whose head is turned by
    less than MIN_VIEW_TURN, are not chosen.
    """
    chosen = [0]
    usable = [i for i, motion in enumerate(motions) if motion.face is not None and motion.face_confidence > SURE]
    while usable and len(chosen) <= count:
        turns = [min(rotation_degrees(motions[i].head, motions[k].head) for k in chosen) for i in usable]
        best = int(np.argmax(turns))
        if turns[best] < MIN_VIEW_TURN:
            break
        chosen.append(usable[best])
    return chosen[1:]


def rotation_degrees(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """The angle between two rotations (3, 3)."""
    return float(np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1))))


def draw_clip(pipeline: AvatarPipeline, clip: Clip, smooth: bool, references: int = 1) -> list[Image]:
    """The picture animated with the clip's motions, in the clip's size, after the encoder of `streamer.animate`.

    references: 1 = the picture alone; with more, frames of the clip that `choose_views` finds are given as well.
    """
    chosen = choose_views(clip.motions, references - 1)
    views = [picture_of(clip.frames[i], f"{clip.name}, frame {i}") for i in chosen]
    avatar = pipeline.prepare(load_picture(clip.picture), views=views)
    motions = smooth_both_ways(clip.motions) if smooth else clip.motions
    height, width = clip.frames[0].shape[:2]
    return as_written(perform(pipeline, avatar, motions, TRUE_MOTION), clip.rate, (height, width))


def sheet(clip: Clip, rows: Mapping[GeneratorKind, list[Image]]) -> Image:
    """A contact sheet: the clip above the frames of each generator, at moments spread over the clip."""
    return contact_sheet([pick(frames) for frames in (clip.frames, *rows.values())])


HEADER = " ".join([f"{'clip':<22} {'generator':<9}", *(f"{name:>10}" for name in FIGURES)])


def lines(clip: str, rows: Mapping[GeneratorKind, dict[str, float]]) -> str:
    """One line of the table for each generator."""

    def line(generator: str, row: dict[str, float]) -> str:
        values = " ".join(f"{row[name]:>10.0f}" if name == "frames" else f"{row[name]:>10.3f}" for name in FIGURES)
        return f"{clip[:22]:<22} {generator:<9} {values}"

    return "\n".join(line(generator, row) for generator, row in rows.items())


def reenact(
    clips: Sequence[Path],
    pipelines: Mapping[GeneratorKind, AvatarPipeline],
    smooth: bool,
    sheets: Path | None,
    without: Sequence[str] = (),
    every: int = 1,
    count: int | None = None,
    references: int = 1,
) -> Scores:
    """Figures of every clip and of their mean, for each generator; each clip is read and tracked once.

    sheets: folder for contact sheets, None for none. without: beginnings of the names of clips that a second mean,
    "without …", leaves out. every, count: see `read_clip`. references: see `draw_clip`. Prints each clip's lines as
    soon as they are measured.
    """
    scores: Scores = {}
    print(f"Drawn frames are compared as streamer.animate writes them: H.264, crf 16.\n{HEADER}", flush=True)
    for path in tqdm(clips, unit="clip"):
        clip = read_clip(path, every, count)
        drawn = {kind: draw_clip(pipeline, clip, smooth, references) for kind, pipeline in pipelines.items()}
        scores[clip.name] = {
            kind: score(clip.frames, frames, clip.faces, track_faces(frames)) for kind, frames in drawn.items()
        }
        tqdm.write(lines(clip.name, scores[clip.name]))
        if sheets is not None:
            save(sheet(clip, drawn), sheets / f"{clip.name}.png")
    summaries = {"mean": list(scores)}
    if without:
        left = [name for name in scores if not name.startswith(tuple(without))]
        summaries[f"without {' '.join(without)}"] = left
    for summary, names in summaries.items():
        rows = {kind: means([scores[name][kind] for name in names]) for kind in pipelines}
        print(lines(summary, rows))
        scores[summary] = rows
    return scores


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reenact", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("clips", type=Path, help="folder of pairs NAME.png (first frame), NAME.mp4")
    parser.add_argument("--exclude", nargs="*", default=[], metavar="NAME", help="leave out clips whose names begin so")
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME", help="a second mean leaves these out")
    parser.add_argument("--references", type=int, default=1, metavar="N", help="pictures given: frame 0 and others (1)")
    parser.add_argument("--every", type=int, default=1, metavar="N",
                        help="only every N-th frame, to save time; blinks are then smoothed away, and one frame "
                        "without a face is a loss that is eased in")  # fmt: skip
    parser.add_argument("--frames", type=int, metavar="N", help="at most so many frames of a clip")
    parser.add_argument("--generator", choices=("dit", "geometry"), default="dit", help="drawn beside the geometry row")
    parser.add_argument("--checkpoint", type=Path, help="weights of the network, if not the ones that came along")
    parser.add_argument("--device", default="cpu", help="where to draw")
    parser.add_argument("--no-smooth", action="store_true", help="feed the tracker's landmarks unfiltered")
    parser.add_argument("--json", type=Path, help="also write the figures to this file; null where one is undefined")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets: truth above the drawn")
    given = parser.parse_args(argv)
    if given.references < 1 or given.every < 1 or (given.frames is not None and given.frames < 2):
        parser.error("--references and --every must be at least 1, --frames at least 2")
    kinds: tuple[GeneratorKind, ...] = ("geometry",) if given.generator == "geometry" else ("geometry", "dit")
    try:
        with json_file(given.json) as write:
            clips = find_pairs(given.clips, given.exclude)
            pipelines = {kind: make_pipeline(kind, given.device, 512, given.checkpoint) for kind in kinds}
            smooth = not given.no_smooth
            drawn_from = {"every": given.every, "count": given.frames, "references": given.references}
            scores = reenact(clips, pipelines, smooth, given.sheets, given.without, **drawn_from)
            write({"hardware": describe(given.device), "smooth": smooth, **drawn_from, "scores": _without_nan(scores)})
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _without_nan(scores: Scores) -> dict[str, Any]:
    """JSON has no NaN: null instead."""
    return {
        clip: {kind: {k: None if np.isnan(v) else v for k, v in row.items()} for kind, row in rows.items()}
        for clip, rows in scores.items()
    }


if __name__ == "__main__":
    filter_native_logs()
    sys.exit(main())

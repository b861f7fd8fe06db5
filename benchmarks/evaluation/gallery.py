"""Contact sheets of real pictures driven by real people, to be judged by eye, since there is no ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from benchmarks.evaluation.contact_sheet import COLUMNS, TILE_SIDE, contact_sheet, moments, save
from streamer.errors import KagamiError
from streamer.files.video_reader import VideoReader
from streamer.film.performance import NoDriverError, draw_all, resolve
from streamer.frames import Image
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.pipeline import AvatarPipeline
from streamer.options import PICTURE_FORMATS, GeneratorKind
from streamer.rigging.picture import load_picture
from streamer.rigging.rigger import NoFaceError
from streamer.tracking.clip_scenes import find_neutral
from streamer.tracking.motion import Motion
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.smoothing import smooth_both_ways

PRECEDING_FRAMES = 6  # drawn before each moment, so that the ring of past frames is as full as in a live stream
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class DrivingClip:
    """A clip of a driver at the moments of a sheet.

    frames: at these moments, for the sheet. neutral: of the driver. windows: the motions up to each moment.
    """

    name: str
    frames: list[Image]
    neutral: Motion
    windows: list[list[Motion]]


def find_pictures(folder: Path, count: int | None) -> list[Path]:
    """The first `count` pictures of a folder, or all. Raises KagamiError when there is none."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise KagamiError(
            f"{folder} holds no picture to animate: give a folder of {PICTURE_FORMATS} files with --refs."
        )
    return found[:count]


def read_driving_clip(path: Path, columns: int = COLUMNS, every: int = 1) -> DrivingClip:
    """Read and track every `every`-th frame of a clip. Raises VideoError, or NoDriverError when it shows no face."""
    with VideoReader(path) as reader:
        frames = list(islice(reader, 0, None, every))
    with MotionExtractor(smooth=False, live=False) as extractor:
        motions = list(smooth_both_ways(map(extractor.process, frames)))
    neutral = find_neutral(iter(motions), "first", [])
    if neutral is None:
        raise NoDriverError(f"No face was found in {path.name}: use a video that shows the driver's face.")
    chosen = moments(len(frames), columns)
    windows = [motions[max(0, i - PRECEDING_FRAMES) : i + 1] for i in chosen]
    return DrivingClip(path.stem, [frames[i].rgb for i in chosen], neutral, windows)


def crop_focus_box(frame: Image, avatar: Avatar) -> Image:
    """The focus box of a drawn frame: head, hair and neck, which the network edits."""
    x, y, half = avatar.rig.focus[0].tolist()
    side, middle = avatar.rig.size, [avatar.rig.size / 2 * (1 + at) for at in (x, y)]
    reach, corner = half * side / 2, ((side - avatar.width) // 2, (side - avatar.height) // 2)
    left, top = (max(0, round(at - reach - edge)) for at, edge in zip(middle, corner, strict=True))
    right, bottom = (round(at + reach - edge) for at, edge in zip(middle, corner, strict=True))
    return frame[top:bottom, left:right]


def draw_moments(pipeline: AvatarPipeline, avatar: Avatar, clip: DrivingClip) -> list[Image]:
    """The avatar at each moment of the clip."""
    drawn = []
    for window in clip.windows:
        motions = resolve(chain([clip.neutral], window))
        frames = draw_all(pipeline, avatar, [motions], Controls(mirror=False))
        drawn.append(list(frames)[-1].rgb)
    return drawn


@dataclass(frozen=True)
class SheetFormat:
    """What a sheet shows: so many columns, tiles of so many pixels, and every so many-th frame of the driver read."""

    columns: int = COLUMNS
    tile: int = TILE_SIDE
    every: int = 1


def write_sheets(
    pictures: Sequence[Path],
    clips: Sequence[Path],
    pipelines: Mapping[GeneratorKind, AvatarPipeline],
    folder: Path,
    form: SheetFormat | None = None,
) -> Iterator[str]:
    """Write a sheet PICTURE_CLIP.png for each pair, with the driver above a row for each pipeline, and a second sheet
    with the focus boxes of the same frames. Yields a line of text for each pair.
    """
    form = form or SheetFormat()
    driving_clips = [read_driving_clip(path, form.columns, form.every) for path in clips]
    for path in pictures:
        picture = load_picture(path)
        try:
            avatars = {kind: pipeline.prepare(picture) for kind, pipeline in pipelines.items()}
        except NoFaceError:
            yield f"{path.name}: no face is found and points are not given, left out"
            continue
        for clip in driving_clips:
            rows = {kind: draw_moments(pipelines[kind], avatar, clip) for kind, avatar in avatars.items()}
            focus_boxes = [[crop_focus_box(frame, avatars[kind]) for frame in row] for kind, row in rows.items()]
            sheet = folder / f"{path.stem}_{clip.name}.png"
            save(contact_sheet([clip.frames, *rows.values()], form.tile), sheet)
            save(contact_sheet([clip.frames, *focus_boxes], form.tile), sheet.with_stem(f"{sheet.stem}_close"))
            yield f"{sheet}: driver, {', '.join(rows)}"

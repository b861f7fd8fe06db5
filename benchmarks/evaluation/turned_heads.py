"""How well a head is drawn that turns away from the pose of its picture: `benchmarks.quality --parts turns`.

A picture at yaw 0, 30 or 45 is turned by as much as 60 degrees to either side, the frontal one into both profiles. The
figures are given by the distance from the picture's own pose: PSNR of the face and of the whole person, and the pixels
that `plausibility` cannot explain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from benchmarks.evaluation.contact_sheet import contact_sheet, save
from benchmarks.evaluation.context import EvalContext
from benchmarks.evaluation.eval_pipeline import TRUE_MOTION
from benchmarks.evaluation.plausibility import Faults, Palette, find_faults
from benchmarks.evaluation.posed_characters import PosedCharacter, sweep
from benchmarks.evaluation.regions import mask_psnr, regions
from benchmarks.evaluation.table import Rows, table
from streamer.errors import KagamiError
from streamer.film.performance import perform
from streamer.frames import Image
from streamer.generation.avatar import Avatar
from streamer.generation.pipeline import AvatarPipeline

REFERENCE_YAWS = (0, 30, 45)  # degrees
OFFSETS = (-90, -75, -60, -45, -30, -15, 0, 15, 30, 45, 60, 75, 90)  # degrees from the reference's own pose
MAX_OFFSET = 60  # of references that are turned themselves
MAX_YAW = 90  # beyond a profile there is no face to compare
VIEW_YAWS = (-50, 50, 0)  # degrees: of further references, in this order, where they differ enough from the first
MIN_VIEW_DISTANCE = 30  # degrees from the first reference
FIGURES = ("face_psnr", "person_psnr", "dirt", "holes", "cuts", "islands")
_TILE = 288  # pixels
_DIRT, _HOLE, _CUT, _ISLAND = (255, 0, 255), (255, 0, 0), (0, 255, 255), (255, 255, 0)  # RGB on sheets
_FACE_PARTS = ("mouth", "eyes", "face")


@dataclass(frozen=True)
class TurnedFrame:
    """One drawn frame at an offset from the reference's yaw, degrees. image (S, S, 3); figures: FIGURES."""

    offset: int
    image: Image
    faults: Faults
    figures: dict[str, float]


def offsets_of(reference_yaw: int) -> list[int]:
    """The offsets, degrees, at which a reference of this yaw is measured, in rising order."""
    reach = MAX_YAW if reference_yaw == 0 else MAX_OFFSET
    return [offset for offset in OFFSETS if abs(offset) <= reach and abs(reference_yaw + offset) <= MAX_YAW]


def view_yaws(reference_yaw: int, count: int) -> list[int]:
    """The yaws, degrees, of up to `count` further references."""
    return [yaw for yaw in VIEW_YAWS if abs(yaw - reference_yaw) >= MIN_VIEW_DISTANCE][:count]


def turn(
    pipeline: AvatarPipeline, avatar: Avatar, character: PosedCharacter, reference_yaw: int, views: Sequence[int] = ()
) -> list[TurnedFrame]:
    """Draw an avatar while the head turns from the reference's pose to either side; measure at `offsets_of` it.

    views: yaws of its further references.
    """
    references = [character.frame(yaw) for yaw in (reference_yaw, *views)]
    palette = Palette([frame.image for frame in references], [frame.label for frame in references])
    drawn: dict[int, TurnedFrame] = {}
    measured = offsets_of(reference_yaw)
    for side in (1, -1):
        last = max((offset * side for offset in measured), default=0)
        yaws = sweep(reference_yaw, reference_yaw + side * last)
        motions = character.motions(yaws)
        opaque = perform(pipeline, avatar, motions, TRUE_MOTION)
        clear = perform(pipeline, avatar, motions, replace(TRUE_MOTION, background="transparent"))
        for yaw, frame, cut_out in zip(yaws, opaque, clear, strict=True):
            offset = round(yaw - reference_yaw)
            if offset in measured and offset not in drawn:
                assert cut_out.alpha is not None
                drawn[offset] = _measured(character, yaw, offset, frame.rgb, cut_out.alpha, palette)
    return [drawn[offset] for offset in measured]


def _measured(
    character: PosedCharacter, yaw: float, offset: int, image: Image, alpha: Image, palette: Palette
) -> TurnedFrame:
    true = character.frame(yaw)
    parts = regions(true.label, character.face(yaw))
    face = np.logical_or.reduce([parts[name] for name in _FACE_PARTS])
    faults = find_faults(image, alpha.astype(np.float32) / 255, true.image, true.matte, true.label, palette)
    figures = {
        "face_psnr": mask_psnr(true.image, image, face),
        "person_psnr": mask_psnr(true.image, image, true.matte > 0.5),
        **faults.counts,
    }
    return TurnedFrame(offset, image, faults, figures)


def turns(context: EvalContext) -> dict[str, object]:
    """The figures by generator, reference and distance; prints a table of each figure."""
    found: list[dict[str, object]] = []
    refused = []
    for character in tqdm(context.cast, "turns", unit="character", leave=False):
        for yaw in REFERENCE_YAWS:
            rows: dict[str, list[TurnedFrame]] = {}
            views = view_yaws(yaw, context.options.views)
            for kind, pipeline in context.pipelines.items():
                try:
                    avatar = pipeline.prepare(
                        character.picture(yaw), views=[character.picture(other) for other in views]
                    )
                except KagamiError as error:
                    refused.append(f"{character.name} at {yaw}°, {kind}: {error}")
                    continue
                rows[kind] = turn(pipeline, avatar, character, yaw, views)
                found += [
                    {"character": character.name, "generator": kind, "reference": yaw, "offset": frame.offset,
                     **frame.figures}
                    for frame in rows[kind]
                ]  # fmt: skip
            if context.options.sheets is not None and rows:
                save(_sheet(character, yaw, rows), context.options.sheets / "turns" / f"{character.name}_{yaw}.png")
    if refused:
        print("\n".join([f"{len(refused)} references are refused and left out:", *refused]))
    means = {figure: by_distance(found, figure) for figure in FIGURES}
    for figure, rows_of_figure in means.items():
        unit = "dB" if figure.endswith("psnr") else "pixels of a frame of 512²"
        print(table(f"Turns, {figure} ({unit}) by the distance from the reference's pose, degrees", rows_of_figure))
    return {"means": means, "views": context.options.views, "frames": found, "refused": refused}


def by_distance(frames: Iterable[Mapping[str, object]], figure: str) -> Rows:
    """The mean of a figure for each generator and reference, and over all references, by distance in degrees."""
    frames = list(frames)
    distances = sorted({abs(int(str(frame["offset"]))) for frame in frames})
    out: Rows = {}
    for kind in dict.fromkeys(str(frame["generator"]) for frame in frames):
        own = [frame for frame in frames if frame["generator"] == kind]
        groups = {f"{kind}, {yaw}°": [f for f in own if f["reference"] == yaw] for yaw in REFERENCE_YAWS}
        for name, group in {**groups, f"{kind}, all": own}.items():
            out[name] = {
                str(distance): _mean([float(str(f[figure])) for f in group if abs(int(str(f["offset"]))) == distance])
                for distance in distances
            }
    return out


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else np.nan


def _sheet(character: PosedCharacter, reference_yaw: int, rows: Mapping[str, list[TurnedFrame]]) -> Image:
    """The truth, and two rows for each generator: drawn, and with its faults marked.

    Dirt is magenta, holes are red, cuts cyan, islands yellow.
    """
    box = character.head_box()
    out = [[character.frame(reference_yaw + offset).image[box] for offset in offsets_of(reference_yaw)]]
    for frames in rows.values():
        out.append([frame.image[box] for frame in frames])
        out.append([_marked(frame)[box] for frame in frames])
    return contact_sheet(out, _TILE)


def _marked(frame: TurnedFrame) -> Image:
    marked = np.asarray(frame.image // 2 + 100, np.uint8)
    faults, colours = frame.faults, (_DIRT, _HOLE, _CUT, _ISLAND)
    for mask, colour in zip((faults.dirt, faults.holes, faults.cuts, faults.islands), colours, strict=True):
        marked[mask] = colour
    return marked

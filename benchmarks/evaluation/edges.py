"""How well a character stands before another background: `benchmarks.quality --parts edges`.

Rendered truth before plain green against the drawn character before the same green, in a narrow band around the true
silhouette. It is drawn in two ways: with green as the engine's own background, and transparent, where the receiver
takes straight alpha and puts it over green. The picture that is prepared stands before another background.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.evaluation.contact_sheet import contact_sheet, save
from benchmarks.evaluation.context import EvalContext
from benchmarks.evaluation.eval_pipeline import TRUE_MOTION
from benchmarks.evaluation.posed_characters import PosedCharacter, sweep
from benchmarks.evaluation.table import Row, Rows, mean_row, table
from streamer.film.performance import perform
from streamer.frames import Image
from streamer.generation.pipeline import AvatarPipeline

GREEN = (0, 177, 64)
BAND_PIXELS = 5.0  # width of the band, of a picture of 512², half of it on either side of the silhouette
TURN_DEGREES = 15  # from the picture's own pose to either side, where "turned" is measured
EDGE_FIGURES = ("green_band", "green_inner", "green_outer", "clear_band", "clear_inner", "clear_outer")
_TILE = 512


def band_errors(drawn: Image, truth: Image, matte: NDArray[np.floating]) -> Row:
    """Mean absolute colour error 0..255 of pictures (S, S, 3) in the band around the silhouette of a matte (S, S) 0..1.

    band: the whole; inner: its half within the silhouette, where rims show; outer: without, where halos show.
    """
    half = BAND_PIXELS / 2 * matte.shape[0] / 512
    person = (matte > 0.5).astype(np.uint8)
    # Distances to pixel centres are half a pixel too long for a border between two pixels.
    inner = (person > 0) & (cv2.distanceTransform(person, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5 < half)
    outer = (person == 0) & (cv2.distanceTransform(1 - person, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5 < half)
    error = np.abs(drawn.astype(np.float64) - truth).mean(-1)
    masks = {"band": inner | outer, "inner": inner, "outer": outer}
    return {name: float(error[mask].mean()) if mask.any() else np.nan for name, mask in masks.items()}


def over_green(premultiplied: Image, alpha: Image) -> Image:
    """A transparent frame, stored with straight alpha in 8 bits as files and streams do, put over GREEN (S, S, 3)."""
    share = alpha[..., None].astype(np.float64) / 255
    straight = np.round(np.clip(premultiplied / np.maximum(share, 1 / 255), 0, 255))
    return np.asarray(np.round(straight * share + np.array(GREEN) * (1 - share)), np.uint8)


def edges(context: EvalContext) -> Rows:
    """The errors by generator, in the picture's own pose ("still") and slightly turned; prints the table."""
    means: dict[str, list[Row]] = {}
    for character in tqdm(context.cast, "edges", unit="character", leave=False):
        tiles = [character.over(GREEN, 0), character.over(GREEN, TURN_DEGREES)]
        for kind, pipeline in context.pipelines.items():
            drawn = _draw(pipeline, character)
            for yaw, (green, clear) in drawn.items():
                truth, matte = character.over(GREEN, yaw), character.frame(yaw).matte
                own = {f"green_{name}": value for name, value in band_errors(green, truth, matte).items()}
                own |= {f"clear_{name}": value for name, value in band_errors(clear, truth, matte).items()}
                means.setdefault(f"{kind}, {'turned' if yaw else 'still'}", []).append(own)
            tiles += [drawn[yaw][0] for yaw in (0, TURN_DEGREES)]
        if context.options.sheets is not None:
            rows = [tiles[i : i + 2] for i in range(0, len(tiles), 2)]
            save(contact_sheet(rows, _TILE), context.options.sheets / "edges" / f"{character.name}.png")
    out = {name: mean_row(rows) for name, rows in means.items()}
    print(table("Edges: mean colour error 0..255 in the band around the silhouette, over green", out, EDGE_FIGURES))
    return out


def _draw(pipeline: AvatarPipeline, character: PosedCharacter) -> dict[float, tuple[Image, Image]]:
    """By yaw, the frame before green drawn by the engine, and the transparent one put over green by the receiver."""
    avatar = pipeline.prepare(character.picture(0))
    green = replace(TRUE_MOTION, background="colour", colour=GREEN)
    clear = replace(TRUE_MOTION, background="transparent")
    out = {}
    for side in (1, -1):
        yaws = sweep(0, side * TURN_DEGREES)
        motions = character.motions(yaws)
        pairs = zip(perform(pipeline, avatar, motions, green), perform(pipeline, avatar, motions, clear), strict=True)
        frames = dict(zip(yaws, pairs, strict=True))
        for yaw in (0.0, float(side * TURN_DEGREES)):
            opaque, transparent = frames[yaw]
            assert transparent.alpha is not None
            out[yaw] = (opaque.rgb, over_green(transparent.rgb, transparent.alpha))
    return out

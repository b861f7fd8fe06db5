"""Stability over time: drift over a minute, return to the first frame, and flicker while the driver is still."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.evaluation.context import EvalContext
from benchmarks.evaluation.eval_pipeline import EvalPipeline, animate
from benchmarks.evaluation.rendered_clips import FRAME_STEP, FRAMES, ClipRenderer, rig_from_render
from benchmarks.evaluation.still_codecs import file_codec, live_codec
from benchmarks.evaluation.table import Row, Rows, mean_row, table
from benchmarks.evaluation.track_edits import end_as_begun, subsample_from_rest
from models.geometry.rig import Rig
from streamer.frames import Image
from streamer.tracking.motion import Motion
from streamer.tracking.smoothing import MotionFilter
from training.render.character.appearance import STYLES
from training.render.character.gestures import FPS
from training.render.labels.landmark_noise import NoiseModel
from training.render.scene.motion_tracks import Track, random_track

WINDOW_S = 5.0  # compared at the beginning and the end of a clip for drift
COMPARED_STEP = 5  # every fifth frame of the window is rendered and compared
STILL_FRAMES = 30  # for which the driver is still
SETTLE_FRAMES = 5  # at first, which do not count: the ring of past frames fills
STABILITY_CHARACTERS = 5000  # number of the first one; even numbers begin at rest
_TRANSITION_S = 1.0  # from other motion to the repeated window
MIN_DRIFT_S = 2 * WINDOW_S + _TRANSITION_S  # shortest clip for drift


def drift(truth: Sequence[Image], first: Sequence[Image], last: Sequence[Image]) -> Row:
    """PSNR of the first and the last frames against one ground truth, dB, and last − first: < 0 = decay."""
    early, late = (float(np.mean([_psnr(a, b) for a, b in zip(truth, drawn, strict=True)])) for drawn in (first, last))
    return {"first_db": early, "last_db": late, "drift_db": late - early}


def loop_return(drawn: Sequence[Image]) -> Row:
    """For a driver that returns to its first motion: mean |last − first| frame, and the largest difference; 0..255."""
    distances = [_distance(drawn[0], frame) for frame in drawn]
    return {"return_l1": distances[-1], "farthest_l1": max(distances)}


def flicker(drawn: Sequence[Image], settle: int = SETTLE_FRAMES) -> float:
    """Mean |frame_t − frame_{t−1}|, 0..255, after the first `settle` frames."""
    pairs = list(pairwise(drawn))[settle:]
    return float(np.mean([_distance(a, b) for a, b in pairs]))


def stability(context: EvalContext) -> dict[str, Any]:
    """Drift, return and flicker, the last beside the flicker that codecs add to a still picture."""
    renderer, pipelines, count = context.renderer, context.eval_pipelines, context.options.count or 2
    out: dict[str, Any] = {}
    seconds = context.options.seconds
    names = list(STYLES)
    characters = [(STABILITY_CHARACTERS + 2 * i, names[i % len(names)]) for i in range(count)]
    out["drift"] = _mean([drift_rows(renderer, pipelines, *one, seconds) for one in characters])
    print(table(f"Drift over {seconds:g} s: the same {WINDOW_S:g} s of motion first and last", out["drift"]))
    out["loop"] = _mean([loop_rows(renderer, pipelines, *one) for one in characters])
    print(table("Loop: back at the first motion", out["loop"]))
    out["flicker"] = _mean([flicker_rows(renderer, pipelines, *one) for one in characters])
    print(table("Flicker of a driver held still: landmarks frozen; tracker's noise and live smoothing", out["flicker"]))
    return out


def drift_rows(
    renderer: ClipRenderer, pipelines: dict[str, EvalPipeline], number: int, style: str, seconds: float
) -> Rows:
    """One row for each pipeline. The ground truth of the first and the last window is the same, and is rendered once.
    Geometry has no memory, so only its first and last window are drawn.
    """
    frames, window = round(seconds * FPS), round(WINDOW_S * FPS)
    full = random_track(np.random.default_rng([number, 3]), frames, renderer.names)
    track = end_as_begun(full, window, round(_TRANSITION_S * FPS))
    character, scene = renderer.character(number, style), renderer.scene(number)
    motions = renderer.motions(character, scene, [track.act(i) for i in range(frames)], fps=FPS)
    chosen = range(0, window, COMPARED_STEP)
    pictures = renderer.render(character, scene, [track.act(i) for i in chosen])
    rig, truth = rig_from_render(pictures[0], motions[0]), [picture.image for picture in pictures]
    rows = {}
    for name, pipeline in pipelines.items():
        if name == "geometry":
            first, last = animate(pipeline, rig, motions[:window]), animate(pipeline, rig, motions[-window:])
        else:
            drawn = animate(pipeline, rig, tqdm(motions, f"{seconds:g} s, {name}", unit="frame", leave=False))
            first, last = drawn[:window], drawn[-window:]
        rows[name] = drift(truth, [first[i] for i in chosen], [last[i] for i in chosen])
    return rows


def loop_rows(renderer: ClipRenderer, pipelines: dict[str, EvalPipeline], number: int, style: str) -> Rows:
    """One row for each pipeline, of two seconds that begin and end at rest."""
    from_ends = np.minimum(np.arange(FRAMES), np.arange(FRAMES)[::-1])
    full = random_track(np.random.default_rng([number, 4]), FRAMES * FRAME_STEP, renderer.names)
    track = subsample_from_rest(full, FRAME_STEP, np.clip(from_ends / 6, 0, 1))
    motions, rig = _rig_and_motions(renderer, number, style, track)
    return {name: loop_return(animate(pipeline, rig, motions)) for name, pipeline in pipelines.items()}


def flicker_rows(renderer: ClipRenderer, pipelines: dict[str, EvalPipeline], number: int, style: str) -> Rows:
    """One row for each pipeline and codec, of a driver that is still in the middle of a motion. frozen: with constant
    landmarks; tracked: with the tracker's noise as in training, smoothed as in the live server.
    """
    track = renderer.track(number)
    motions, rig = _rig_and_motions(renderer, number, style, track)
    middle = FRAMES // 2
    face, body = motions[middle].face, motions[middle].body
    assert face is not None and body is not None
    still_motions = [Motion.still(face, body, i / FPS) for i in range(STILL_FRAMES)]
    rng, smooth = np.random.default_rng([number, 5]), MotionFilter()
    noisy = NoiseModel.load().perturb(
        rng, np.stack([face] * STILL_FRAMES), [track.act(middle)] * STILL_FRAMES, renderer.names
    )
    noisy_faces = face + noisy - noisy.mean(0)
    tracked = [smooth(Motion.still(each, body, i / FPS)) for i, each in enumerate(noisy_faces)]
    rows: Rows = {}
    for name, pipeline in pipelines.items():
        frozen = animate(pipeline, rig, [motions[0], *still_motions])[1:]
        rows[name] = {
            "frozen": flicker(frozen),
            "tracked": flicker(animate(pipeline, rig, [motions[0], *tracked])[1:]),
        }
    for name, codec in (("H.264, file", file_codec), ("VP8, live", live_codec)):
        rows[name] = {"frozen": flicker(codec(frozen[-1], STILL_FRAMES)), "tracked": np.nan}
    return rows


def _distance(a: Image, b: Image) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def _psnr(a: Image, b: Image) -> float:
    return float(10 * np.log10(255**2 / max(float(np.mean((a.astype(np.float64) - b) ** 2)), 1e-3)))


def _mean(rows: Sequence[Rows]) -> Rows:
    """The mean over characters of each row."""
    return {name: mean_row([each[name] for each in rows]) for name in rows[0]}


def _rig_and_motions(renderer: ClipRenderer, number: int, style: str, track: Track) -> tuple[list[Motion], Rig]:
    """The motions of a track and the rig of its first frame."""
    character, scene = renderer.character(number, style), renderer.scene(number)
    motions = renderer.motions(character, scene, [track.act(i) for i in range(len(track))])
    return motions, rig_from_render(scene.render(character, track.act(0), np.random.default_rng(0)), motions[0])

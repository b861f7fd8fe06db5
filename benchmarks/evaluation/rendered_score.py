"""Figures of drawn frames against rendered clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks.evaluation.eval_pipeline import EvalPipeline, animate
from benchmarks.evaluation.face_tracks import track_faces
from benchmarks.evaluation.regions import REGIONS, region_psnr
from benchmarks.evaluation.rendered_clips import RenderedClip
from benchmarks.evaluation.score import score
from benchmarks.evaluation.table import Row
from streamer.frames import Image

RENDERED_FIGURES = ("psnr", "ssim", "akd", "mouth_corr", "mouth_gain", "eye_corr", *REGIONS)

OnDrawn = Callable[[RenderedClip, list[Image]], None]


def compare(clip: RenderedClip, drawn: Sequence[Image]) -> Row:
    """RENDERED_FIGURES of drawn frames against a clip, without the reference frame.

    psnr, ssim, akd, mouth_corr, mouth_gain, eye_corr: as in `benchmarks.evaluation.score`, with MediaPipe on both.
    REGIONS: dB.
    """
    figures = score(clip.truth, drawn, clip.detected_faces, track_faces(drawn))
    figures |= region_psnr(clip.truth[1:], drawn[1:], clip.labels[1:], clip.faces[1:])
    return {name: figures[name] for name in RENDERED_FIGURES}


def measure(
    clips: Iterable[RenderedClip], pipeline: EvalPipeline, driver: str, on_drawn: OnDrawn | None = None
) -> list[Row]:
    """One row for each clip that the driver can drive. on_drawn: called with each of them and its drawn frames."""
    rows = []
    for clip in clips:
        driven = clip.driven_by(driver)
        if driven is None:
            continue
        drawn = animate(pipeline, *driven)
        rows.append(compare(clip, drawn))
        if on_drawn is not None:
            on_drawn(clip, drawn)
    return rows

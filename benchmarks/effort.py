"""What each step of the governor gives up, and what it saves: clips are drawn live, with each effort, in turn.

python -m benchmarks.effort CLIPS_DIR --frames 60

The first frame of each clip is animated with the clip's motions, one every 1/fps s of real time, as the server draws.
`cpu ms` is the processor time of a frame, of all threads of this process: drawing, close-ups and transformer, without
trackers and codecs. How often bodies are looked at is not seen here.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.common.hardware import describe
from benchmarks.common.jsonfile import json_file
from benchmarks.evaluation.contact_sheet import contact_sheet, pick, save
from benchmarks.evaluation.eval_pipeline import TRUE_MOTION
from benchmarks.evaluation.face_tracks import track_faces
from benchmarks.evaluation.score import means, score
from benchmarks.reenact import Clip, find_pairs, read_clip
from streamer.effort import EFFORTS, Effort
from streamer.errors import KagamiError
from streamer.film.performance import resolve
from streamer.frames import Image
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.stream import FrameRequest
from streamer.rigging.picture import load_picture
from streamer.runtime.native_logs import filter_native_logs
from streamer.tracking.smoothing import smooth_both_ways

SHOWN = ("psnr", "face_psnr", "mouth_l1", "eyes_l1", "sharp", "jitter")  # of the score's figures
CPU_MS = "cpu ms"


def draw_live(pipeline: AvatarPipeline, clip: Clip, effort: Effort, fps: float) -> tuple[list[Image], float]:
    """The clip's frames, in its size, drawn at this effort; and the processor time of one, milliseconds."""
    avatar = pipeline.prepare(load_picture(clip.picture))
    stream = pipeline.open(avatar)
    height, width = clip.frames[0].shape[:2]
    frames, began, computed = [], time.monotonic(), 0.0
    try:
        for number, (motion, neutral, _) in enumerate(resolve(smooth_both_ways(clip.motions))):
            time.sleep(max(0.0, began + number / fps - time.monotonic()))
            if number == 1:  # the first frame waits for the transformer
                computed = time.process_time()
            stream.set_effort(effort)
            (frame,) = pipeline.draw([FrameRequest(stream, motion, neutral, TRUE_MOTION)])
            scaled = cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA)
            frames.append(np.asarray(scaled, np.uint8))
    finally:
        pipeline.close(stream)
    return frames, (time.process_time() - computed) * 1e3 / max(1, len(frames) - 1)


def measure(
    pipeline: AvatarPipeline, paths: Sequence[Path], count: int, fps: float, sheets: Path | None
) -> list[dict[str, float]]:
    """The figures of each effort, means over all clips."""
    rows: list[list[dict[str, float]]] = [[] for _ in EFFORTS]
    costs: list[list[float]] = [[] for _ in EFFORTS]
    for path in paths:
        clip = read_clip(path, count=count)
        drawn = []
        for effort, row, cost in zip(EFFORTS, rows, costs, strict=True):
            frames, cpu_ms = draw_live(pipeline, clip, effort, fps)
            drawn.append(frames)
            row.append(score(clip.frames, frames, clip.faces, track_faces(frames)))
            cost.append(cpu_ms)
        if sheets is not None:
            save(contact_sheet([pick(frames) for frames in (clip.frames, *drawn)]), sheets / f"{clip.name}.png")
    return [{**means(row), CPU_MS: float(np.mean(cost))} for row, cost in zip(rows, costs, strict=True)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.effort", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, help="folder of pairs NAME.png (first frame), NAME.mp4")
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="at most so many frames of a clip (60)")
    parser.add_argument("--fps", type=float, default=12.0, help="frames drawn a second (12)")
    parser.add_argument("--exclude", nargs="*", default=[], metavar="NAME", help="leave out clips whose names begin so")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--sheets", type=Path, help="folder for contact sheets: truth above each step")
    given = parser.parse_args(arguments)
    if given.frames < 2 or given.fps <= 0:
        parser.error("--frames must be at least 2, --fps positive")
    try:
        with json_file(given.json) as write:
            paths = find_pairs(given.clips, given.exclude)
            torch.set_num_threads(1)  # as in the server
            pipeline = make_pipeline("dit", "cpu", 512, live=True)
            rows = measure(pipeline, paths, given.frames, given.fps, given.sheets)
            write({"hardware": describe("cpu"), "efforts": rows})
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    print(" ".join(["step", *(f"{name:>9}" for name in (*SHOWN, CPU_MS)), " gives up"]))
    for step, (effort, row) in enumerate(zip(EFFORTS, rows, strict=True)):
        figures = " ".join(f"{row[name]:9.3f}" for name in (*SHOWN, CPU_MS))
        print(f"{step:4} {figures}  {', '.join(effort.given_up) or 'nothing'}")
    return 0


if __name__ == "__main__":
    filter_native_logs()
    sys.exit(main())

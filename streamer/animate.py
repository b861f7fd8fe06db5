"""From a picture and a video to a video: the live pipeline on files, every frame, nothing dropped.

python -m streamer.animate --ref avatar.png --drive talking.mp4 --out avatar_talking.mp4
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

import torch
from tqdm import tqdm

from streamer.errors import KagamiError
from streamer.files.prefetch import ahead
from streamer.files.video_reader import VideoError, VideoReader
from streamer.files.video_writer import recording
from streamer.frames import AvatarFrame, CameraFrame
from streamer.generation.pipeline import Avatar, AvatarPipeline, Controls, FrameRequest
from streamer.options import BACKGROUNDS, Background, GeneratorKind
from streamer.rigging.picture import load_picture
from streamer.rigging.points import Points
from streamer.runtime.native_logs import quiet_natives
from streamer.tracking.calibration import Calibration, middle
from streamer.tracking.motion import Motion
from streamer.tracking.motion_extractor import MotionExtractor
from streamer.tracking.presence import Presence
from streamer.tracking.smoothing import smooth_both_ways

NeutralKind = Literal["first", "auto"]
Watch = Callable[[Iterable[AvatarFrame], int], Iterable[AvatarFrame]]


class NoDriverError(KagamiError):
    """The driving video shows nobody."""

    code = "no-driver"


@dataclass(frozen=True, slots=True)
class Job:
    """One file to make; the fields are the flags of the command line."""

    ref: Path
    drive: Path
    out: Path
    size: int = 512
    alpha: bool = False
    generator: GeneratorKind = "dit"
    checkpoint: Path | None = None
    steps: int = 1
    device: str = "cpu"
    points: Path | None = None
    controls: Controls = field(default_factory=lambda: Controls(mirror=False))
    smooth: bool = True
    neutral: NeutralKind = "first"


def animate(job: Job, note: Callable[[str], None], watch: Watch) -> int:
    """Make the file; the number of frames written.

    note: takes sentences for the person (several faces found, …). watch: wraps the frames, of which so many are
    expected, to show progress. Raises KagamiError; on any error or Ctrl-C nothing stands under the final name.
    """
    picture = load_picture(job.ref)
    points = None if job.points is None else Points.load(job.points)
    if job.out.exists() and any(job.out.samefile(path) for path in (job.ref, job.drive) if path.exists()):
        raise VideoError(f"{job.out} is also an input: choose another --out.")
    with VideoReader(job.drive) as reader, recording(job.out, reader.rate, job.alpha, job.drive) as out:
        pipeline = AvatarPipeline(job.generator, job.device, job.size, job.checkpoint, steps=job.steps)
        avatar = pipeline.prepare(picture, points)
        for sentence in avatar.notes:
            note(sentence)
        count = 0
        with closing(ahead(track(reader))) as tracked:
            motions = smooth_both_ways(tracked) if job.smooth else tracked
            frames = perform(pipeline, avatar, motions, job.controls, job.neutral, job.drive.name)
            for frame in watch(frames, reader.frames):
                out.write(frame)
                count += 1
    return count


def track(frames: Iterable[CameraFrame]) -> Iterator[Motion]:
    """The motion of every frame, body and hands included, not smoothed."""
    with MotionExtractor(smooth=False, live=False) as extractor:
        for frame in frames:
            yield extractor.process(frame)


def perform(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    motions: Iterable[Motion],
    controls: Controls,
    neutral: NeutralKind = "first",
    name: str = "the video",
) -> Iterator[AvatarFrame]:
    """One drawn frame for each motion. neutral: the first face, or what `Calibration` finds at the beginning.

    Raises NoDriverError if no motion has a face.
    """
    start: list[Motion] = []
    rest = iter(motions)
    base = find_neutral(rest, neutral, start)
    if base is None:
        raise NoDriverError(f"No face was found in {name}: use a video that shows the driver's face.")
    stream, presence = pipeline.open(avatar), Presence()
    for motion in chain(start, rest):
        shown = presence.resolve(motion, base, motion.captured)
        yield pipeline.draw([FrameRequest(stream, shown, base, controls)])[0]


def find_neutral(motions: Iterator[Motion], kind: NeutralKind, passed: list[Motion]) -> Motion | None:
    """The neutral of a clip, reading no further than needed; what is read is added to `passed`. None without a face."""
    calibration = Calibration()
    for motion in motions:
        passed.append(motion)
        found = calibration.update(motion) if kind == "auto" else motion
        if found is not None and found.face is not None:
            return found
    faces = [motion for motion in passed if motion.face is not None]  # the clip ended before calibration did
    return middle(faces) if faces else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    job = _job(argv)
    began = time.monotonic()

    def watch(frames: Iterable[AvatarFrame], expected: int) -> Iterable[AvatarFrame]:
        return tqdm(frames, total=expected or None, unit="frame", desc=job.out.name, dynamic_ncols=True)

    try:
        count = animate(job, lambda sentence: print(sentence, file=sys.stderr), watch)
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Stopped; {job.out} was not written.", file=sys.stderr)
        return 130
    seconds = time.monotonic() - began
    print(f"Wrote {job.out}: {count} frames in {seconds:.1f} s ({count / seconds:.1f} frames per second).")
    return 0


def _job(argv: Sequence[str] | None) -> Job:
    parser = argparse.ArgumentParser(
        prog="python -m streamer.animate",
        description="Let a picture make the motion of a video: every frame, with the video's frame rate and sound.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--ref", type=Path, required=True, help="the picture: PNG, JPEG or WebP")
    add("--drive", type=Path, required=True, help="the video of the driver")
    add("--out", type=Path, required=True, help="what to write: .mp4, .webm, .mov, or a folder name for PNGs")
    add("--size", type=_between(128, 1024, int), default=512, help="longest side of the output, pixels")
    add("--alpha", action="store_true", help="transparent background: .webm, .mov (ProRes 4444) or PNGs")
    add("--background", choices=BACKGROUNDS, default="original", help="what stands behind the character")
    add("--colour", type=_colour, default="#00b140", metavar="#RRGGBB", help="for --background colour")
    add("--head", type=_between(0, 2), default=1.0, help="strength of head motion, 0 to 2")
    add("--face", type=_between(0, 2), default=1.0, help="strength of facial motion, 0 to 2")
    add("--body", type=_between(0, 2), default=1.0, help="strength of body motion, 0 to 2")
    add("--light", type=_between(0, 2), default=1.0, help="strength of the light on the driver's face, 0 to 2")
    add("--no-teeth", action="store_true", help="make up teeth and tongue instead of drawing the driver's")
    add("--mirror", action="store_true", help="move as in a mirror")
    add("--neutral", choices=("first", "auto"), default="first", help="the neutral face: the first, or the calmest")
    add("--no-smooth", action="store_true", help="do not smooth the motion")
    add("--points", type=Path, help="JSON file of hand-placed points, for pictures in which no face is found")
    add("--generator", choices=("dit", "geometry"), default="dit", help="the network, or the geometric warp alone")
    add("--checkpoint", type=Path, help="weights of the network, if not the ones that came along")
    add("--steps", type=_between(1, 16, int), default=1, help="steps of the network for a frame; more take longer")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where the network runs")
    given = parser.parse_args(argv)
    background: Background = "transparent" if given.alpha else given.background
    device = given.device if given.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    controls = Controls(
        given.head, given.face, given.body, given.light, not given.no_teeth, given.mirror, background, given.colour
    )
    return Job(
        ref=given.ref,
        drive=given.drive,
        out=given.out,
        size=given.size,
        alpha=given.alpha,
        generator=given.generator,
        checkpoint=given.checkpoint,
        steps=given.steps,
        device=device,
        points=given.points,
        controls=controls,
        smooth=not given.no_smooth,
        neutral=given.neutral,
    )


def _between(low: float, high: float, kind: type[float] = float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return value

    return parse


def _colour(text: str) -> tuple[int, int, int]:
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a colour like #00b140") from error
    return red, green, blue


if __name__ == "__main__":
    quiet_natives()
    sys.exit(main())

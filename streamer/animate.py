"""From a picture and a video to a video: the live pipeline on files, every frame, nothing dropped.

python -m streamer.animate --ref avatar.png --drive talking.mp4 --out avatar_talking.mp4
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import tee
from operator import itemgetter
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from tqdm import tqdm

from streamer import flags
from streamer.errors import KagamiError, SettingsError
from streamer.files.prefetch import prefetch
from streamer.files.video_reader import VideoError, VideoReader
from streamer.files.video_writer import recording
from streamer.flags import Flag
from streamer.frames import AvatarFrame
from streamer.generation.controls import Controls
from streamer.generation.device import choose_device
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import Avatar, AvatarPipeline, FrameRequest
from streamer.options import (
    LARGEST_PERSON,
    MAX_GAZE,
    MAX_TILT,
    MAX_YAW,
    OWN_ASPECT,
    Background,
    parse_bones,
    parse_colour,
)
from streamer.rigging.backdrop import Backdrop, load_backdrop
from streamer.rigging.picture import load_picture
from streamer.rigging.points import Points
from streamer.runtime.native_logs import filter_native_logs
from streamer.settings import (
    PICTURE,
    Aspect,
    BackgroundFile,
    Bones,
    Checkpoint,
    Colour,
    Device,
    Frame,
    Generator,
    KeepInFrame,
    Person,
    PointsFile,
    References,
    ShiftX,
    ShiftY,
    Size,
    Smooth,
    Steps,
    Who,
    Zoom,
    check_background_file,
)
from streamer.tracking.bridging import bridge
from streamer.tracking.clip_scenes import NeutralKind, clip_scenes
from streamer.tracking.drivers import Drivers
from streamer.tracking.head_of_body import HeadOfBody
from streamer.tracking.motion import Motion
from streamer.tracking.presence import NEUTRAL, Presence
from streamer.tracking.smoothing import smooth_both_ways

FILES, MOTION = "files", "motion"  # headings of --help beside those of the settings
STRENGTH = Meta(ge=0, le=2)
YAW, TILT, GAZE = (Meta(ge=-most, le=most) for most in (MAX_YAW, MAX_TILT, MAX_GAZE))
ProgressBar = Callable[[Iterable[AvatarFrame], int], Iterable[AvatarFrame]]  # frames, and how many are expected


class NoDriverError(KagamiError):
    """Neither a face nor a body was found in the driving video."""

    code = "no-driver"


@dataclass(frozen=True)
class Job:
    """One file to make; each field is one flag of the command line."""

    ref: References
    drive: Annotated[Path, Flag("the video of the driver", FILES, "FILE")]
    out: Annotated[Path, Flag("what to write: .mp4, .webm, .mov, or a folder name for PNGs", FILES, "PATH")]
    alpha: Annotated[bool, Flag("transparent background: .webm, .mov (ProRes 4444) or PNGs", FILES)] = False

    points: PointsFile = None
    person: Person = LARGEST_PERSON
    bones: Bones = ""
    background: Annotated[Background, Flag("what stands behind the character", PICTURE)] = "original"
    background_file: BackgroundFile = None
    colour: Colour = "#00b140"

    head: Annotated[float, STRENGTH, Flag("strength of head motion, 0 to 2", MOTION)] = 1.0
    face: Annotated[float, STRENGTH, Flag("strength of facial motion, 0 to 2", MOTION)] = 1.0
    body: Annotated[float, STRENGTH, Flag("strength of body motion, 0 to 2", MOTION)] = 1.0
    eyes: Annotated[float, STRENGTH, Flag("strength of lids and gaze, times that of the face", MOTION)] = 1.0
    brows: Annotated[float, STRENGTH, Flag("strength of the brows, times that of the face", MOTION)] = 1.0
    mouth: Annotated[float, STRENGTH, Flag("strength of mouth and jaw, times that of the face", MOTION)] = 1.0
    hands: Annotated[float, STRENGTH, Flag("strength of palms and fingers, times that of the body", MOTION)] = 1.0
    light: Annotated[float, STRENGTH, Flag("strength of the light on the driver's face, 0 to 2", MOTION)] = 1.0
    yaw: Annotated[float, YAW, Flag("degrees by which the head turns to its own right as well", MOTION)] = 0.0
    pitch: Annotated[float, TILT, Flag("degrees by which the head turns up as well", MOTION)] = 0.0
    roll: Annotated[float, TILT, Flag("degrees by which the head tilts to its own right", MOTION)] = 0.0
    gaze_x: Annotated[float, GAZE, Flag("degrees by which the eyes look to their own right", MOTION)] = 0.0
    gaze_y: Annotated[float, GAZE, Flag("degrees by which the eyes look up", MOTION)] = 0.0
    teeth: Annotated[bool, Flag("make up teeth and tongue instead of drawing the driver's", MOTION)] = True
    mirror: Annotated[bool, Flag("move as in a mirror", MOTION)] = False
    neutral: Annotated[NeutralKind, Flag("the neutral: the first face or body, or the calmest face", MOTION)] = "first"
    smooth: Smooth = True
    who: Who = LARGEST_PERSON
    smoothing: Annotated[float, STRENGTH, Flag("smoothing of the motion, 0 none to 2 calm", MOTION)] = 1.0

    generator: Generator = "dit"
    device: Device = "auto"
    size: Size = 512
    frame: Frame = "whole"
    aspect: Aspect = OWN_ASPECT
    zoom: Zoom = 1.0
    shift_x: ShiftX = 0.0
    shift_y: ShiftY = 0.0
    keep_in_frame: KeepInFrame = True
    steps: Steps = 1
    checkpoint: Checkpoint = None

    @property
    def _background(self) -> Background:
        if self.alpha:
            return "transparent"
        return "picture" if self.background_file is not None else self.background

    @property
    def controls(self) -> Controls:
        """The same controls that a person has live."""
        return Controls(
            head=self.head, face=self.face, body=self.body, eyes=self.eyes, brows=self.brows, mouth=self.mouth,
            hands=self.hands, yaw=self.yaw, pitch=self.pitch, roll=self.roll, gaze_x=self.gaze_x, gaze_y=self.gaze_y,
            light=self.light, **parse_bones(self.bones)._asdict(),
            teeth=self.teeth, mirror=self.mirror, background=self._background,
            colour=parse_colour(self.colour), frame=self.frame, aspect=self.aspect, zoom=self.zoom,
            shift_x=self.shift_x, shift_y=self.shift_y, keep_in_frame=self.keep_in_frame,
        )  # fmt: skip


def animate(job: Job, note: Callable[[str], None], show_progress: ProgressBar) -> int:
    """Make the file; returns the number of frames written.

    note: called with each sentence about the picture, for example that several faces were found. show_progress: wraps
    the frames while they are written. Raises KagamiError; on any error or Ctrl-C no file is left under the final name.
    """
    check_background_file(job.background, job.background_file)
    picture, *views = map(load_picture, job.ref)
    backdrop = None if job.background_file is None else load_backdrop(job.background_file)
    points = None if job.points is None else Points.load(job.points)
    if job.out.exists() and any(job.out.samefile(path) for path in (*job.ref, job.drive) if path.exists()):
        raise VideoError(f"{job.out} is also an input: choose another --out.")
    with VideoReader(job.drive) as reader, recording(job.out, reader.rate, job.alpha, job.drive) as out:
        pipeline = make_pipeline(job.generator, choose_device(job.device), job.size, job.checkpoint, steps=job.steps)
        avatar = pipeline.prepare(picture, points, job.controls.framing, views, job.person)
        for sentence in (*avatar.notes, *(() if backdrop is None else backdrop.notes)):
            note(sentence)
        count = 0
        drivers = Drivers(
            smooth=False, live=False, shown=[one.shown_body for one in avatar.cast], who=job.who, mirrored=job.mirror
        )
        with drivers, closing(prefetch(map(drivers.process, reader))) as tracked:
            of_each = [
                smooth_both_ways(each, smoothing=job.smoothing) if job.smooth else each
                for each in map(bridge, split(tracked, len(avatar.cast)))
            ]
            frames = perform_all(pipeline, avatar, of_each, job.controls, job.neutral, job.drive.name, backdrop)
            for frame in show_progress(frames, reader.frames):
                out.write(frame)
                count += 1
    return count


def split(motions: Iterable[Sequence[Motion]], count: int) -> list[Iterator[Motion]]:
    """The motions of each of `count` drivers, to be read about as far as the others'."""
    return [map(itemgetter(slot), each) for slot, each in enumerate(tee(motions, count))]


def perform(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    motions: Iterable[Motion],
    controls: Controls,
    neutral: NeutralKind = "first",
    name: str = "the video",
    backdrop: Backdrop | None = None,
) -> Iterator[AvatarFrame]:
    """`perform_all` for a picture with one character. motions: of its driver."""
    return perform_all(pipeline, avatar, [motions], controls, neutral, name, backdrop)


def perform_all(
    pipeline: AvatarPipeline,
    avatar: Avatar,
    motions: Sequence[Iterable[Motion]],
    controls: Controls,
    neutral: NeutralKind = "first",
    name: str = "the video",
    backdrop: Backdrop | None = None,
) -> Iterator[AvatarFrame]:
    """One drawn frame for each motion. motions: of the driver of each character, from left to right.

    neutral, name: as in `resolve`. backdrop: see `Stream.background`. A further character without a driver idles.
    Raises NoDriverError if the first has none.
    """
    stream = pipeline.open(avatar)
    of_each = [resolve(each, neutral, None if slot else name, slot) for slot, each in enumerate(motions)]
    for (shown, related), *others in zip(*of_each, strict=True):
        yield pipeline.draw([FrameRequest(stream, shown, related, controls, tuple(others), backdrop=backdrop)])[0]


def resolve(
    motions: Iterable[Motion], neutral: NeutralKind = "first", name: str | None = "the video", seed: int = 0
) -> Iterator[tuple[Motion, Motion]]:
    """The motion to draw for each motion of one driver, and the neutral that it is measured against.

    neutral: "first" takes the first face or body, "auto" the face that `Calibration` finds at the beginning; either is
    corrected by what is usual (`Habits`) in the first seconds and since. After a cut the avatar eases to where the
    neutral of the new scene has it; until somebody is seen it idles. name: of the video, for the error; None: no error.
    seed: of the idle motion. Raises NoDriverError after the last motion if nobody was seen.
    """
    heads = HeadOfBody()
    presence = Presence(seed, heads)
    known: Motion | None = None  # the neutral in use
    for scene in clip_scenes(motions, neutral, heads):
        for motion in scene.motions:
            measured = scene.habits.update(motion)
            related = None if scene.neutral is None else scene.habits.relate(scene.neutral, motion.captured)
            if known is not None and related is not None and known.scene != related.scene:
                presence.change_scene(known, related, motion.captured)
            known = related or known
            yield presence.resolve(measured, known, motion.captured), known or NEUTRAL
    if known is None and name is not None:
        raise NoDriverError(f"Nobody was found in {name}: use a video that shows the driver's face or body.")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; the exit status."""
    job = read_job(argv)
    began = time.monotonic()

    def show_progress(frames: Iterable[AvatarFrame], expected: int) -> Iterable[AvatarFrame]:
        return tqdm(frames, total=expected or None, unit="frame", desc=job.out.name, dynamic_ncols=True)

    try:
        count = animate(job, lambda sentence: print(sentence, file=sys.stderr), show_progress)
    except KagamiError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Stopped; {job.out} was not written.", file=sys.stderr)
        return 130
    seconds = time.monotonic() - began
    print(f"Wrote {job.out}: {count} frames in {seconds:.1f} s ({count / seconds:.1f} frames per second).")
    return 0


def read_job(arguments: Sequence[str] | None) -> Job:
    """The job of a command line (default: sys.argv). argparse exits on flags that are unknown or out of range."""
    parser = flags.make_parser(
        Job,
        "python -m streamer.animate",
        "Let a picture make the motion of a video: every frame, with the video's frame rate and sound.",
    )
    try:
        return Job(**flags.check_all(Job, flags.parse(parser, arguments)))
    except SettingsError as error:
        parser.error(str(error))


if __name__ == "__main__":
    filter_native_logs()
    sys.exit(main())

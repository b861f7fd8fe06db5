"""What `streamer.animate` is asked for: each field is one flag of its command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from streamer.errors import SettingsError
from streamer.files.video_writer import MAX_CRF
from streamer.film.driving import Driving
from streamer.flags import Flag
from streamer.options import (
    EVERY_PERSON,
    LARGEST_PERSON,
    OWN_ASPECT,
    Background,
    ClipRange,
    Gaze,
    NeutralKind,
    Share,
    Strength,
    Tilt,
    Yaw,
    parse_clip,
)
from streamer.shared_settings import (
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
    MoodWords,
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
)

FILES, MOTION = "files", "motion"  # headings of --help beside those of the settings
MAX_IDLE_S = 36_000.0
FileFormat = Literal["mp4", "webm", "mov", "png"]


def _clip(place: str, text: str) -> str:
    try:
        parse_clip(text)
    except ValueError as error:
        raise SettingsError(f"{place}: {error}; write for example 3.5-12, 3.5-, -12 or 1:02-1:30.") from error
    return text


@dataclass(frozen=True, kw_only=True)
class Job:
    """The films to make of one picture; the `Flag` of a field gives its meaning."""

    ref: References
    drive: Annotated[
        tuple[Path, ...],
        Flag("the video of the driver, or a folder of videos; may be repeated: each becomes a film", FILES, "FILE"),
    ] = ()  # fmt: skip
    drive_face: Annotated[Path | None, Flag("a video for face, gaze and head alone", FILES, "FILE")] = None
    drive_body: Annotated[Path | None, Flag("a video for body and hands alone", FILES, "FILE")] = None
    drive_voice: Annotated[
        Path | None, Flag("a WAV, an MP3 or a video whose sound moves the mouth and becomes the film's", FILES, "FILE")
    ] = None  # fmt: skip
    voice: Annotated[
        Share, Flag("share of the mouth that this voice moves while a face is seen, 0 its sound alone", MOTION)
    ] = 1.0
    mood: MoodWords = ""
    script: Annotated[
        Path | None, Flag("a text file that says at which times it makes which face; see docs/words.md", MOTION, "FILE")
    ] = None  # fmt: skip
    out: Annotated[
        Path,
        Flag(
            "what to write: .mp4, .webm, .mov, or a folder name for PNGs; of several videos, the folder of the films",
            FILES, "PATH",
        ),
    ]  # fmt: skip
    clip: Annotated[
        str | None,
        Flag("only this part of the files that drive: 3.5-12, 3.5-, -12 or 1:02-1:30", FILES, "START-END", rule=_clip),
    ] = None
    seconds: Annotated[
        Annotated[float, Meta(gt=0, le=MAX_IDLE_S)] | None,
        Flag("how long a film is that no file drives, with --mood or --script alone", FILES),
    ] = None  # fmt: skip
    crf: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_CRF)] | None,
        Flag("quality of H.264 (0 to 51, else 16) or VP9 (0 to 63, else 20); smaller is better and larger", FILES),
    ] = None  # fmt: skip
    format: Annotated[
        FileFormat | None,
        Flag("of the films of several videos, if not mp4, or webm where the background is transparent", FILES),
    ] = None
    force: Annotated[bool, Flag("replace a film that exists already", FILES)] = False
    alpha: Annotated[
        bool, Flag("transparent background, as --background transparent: .webm, .mov (ProRes 4444) or PNGs", FILES)
    ] = False

    points: PointsFile = None
    person: Person = LARGEST_PERSON
    bones: Bones = ""
    background: Annotated[Background, Flag("what stands behind the character", PICTURE)] = "original"
    background_file: BackgroundFile = None
    colour: Colour = "#00b140"

    head: Annotated[Strength, Flag("strength of head motion, 0 to 2", MOTION)] = 1.0
    face: Annotated[Strength, Flag("strength of facial motion, 0 to 2", MOTION)] = 1.0
    body: Annotated[Strength, Flag("strength of body motion, 0 to 2", MOTION)] = 1.0
    eyes: Annotated[Strength, Flag("strength of lids and gaze, times that of the face", MOTION)] = 1.0
    brows: Annotated[Strength, Flag("strength of the brows, times that of the face", MOTION)] = 1.0
    mouth: Annotated[Strength, Flag("strength of mouth and jaw, times that of the face", MOTION)] = 1.0
    hands: Annotated[Strength, Flag("strength of palms and fingers, times that of the body", MOTION)] = 1.0
    light: Annotated[Strength, Flag("strength of the light on the driver's face, 0 to 2", MOTION)] = 1.0
    yaw: Annotated[Yaw, Flag("degrees by which the head turns to its own right as well", MOTION)] = 0.0
    pitch: Annotated[Tilt, Flag("degrees by which the head turns up as well", MOTION)] = 0.0
    roll: Annotated[Tilt, Flag("degrees by which the head tilts to its own right", MOTION)] = 0.0
    gaze_x: Annotated[Gaze, Flag("degrees by which the eyes look to their own right", MOTION)] = 0.0
    gaze_y: Annotated[Gaze, Flag("degrees by which the eyes look up", MOTION)] = 0.0
    teeth: Annotated[bool, Flag("make up teeth and tongue instead of drawing the driver's", MOTION)] = True
    mirror: Annotated[bool, Flag("move as in a mirror", MOTION)] = False
    neutral: Annotated[NeutralKind, Flag("the neutral: the first face or body, or the calmest face", MOTION)] = "first"
    smooth: Smooth = True
    who: Who = LARGEST_PERSON
    smoothing: Annotated[Strength, Flag("smoothing of the motion, 0 none to 2 calm", MOTION)] = 1.0

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

    def __post_init__(self) -> None:
        """Raises SettingsError where the flags that say what drives the films do not go together."""
        face_and_body = self.drive_face is not None and self.drive_body is not None
        if self.is_driven and self.seconds is not None:
            raise SettingsError("--seconds is for films that no file drives: leave it out, or use --clip.")
        if not self.is_driven and self.clip is not None:
            raise SettingsError("--clip is a part of files, and none drives the film: use --seconds.")
        if not (self.is_driven or self.seconds is not None or self.script is not None):
            how = "--drive, --drive-face, --drive-body, --drive-voice or --script"
            raise SettingsError(f"nothing says how long the film is: give {how}, or --seconds.")
        if self.drive and face_and_body:
            raise SettingsError("--drive-face and --drive-body leave nothing to --drive: leave one of the three out.")
        if self.person == EVERY_PERSON and (self.drive_face or self.drive_body):
            raise SettingsError("--drive-face and --drive-body move one character: leave --person all out.")
        if self.voice != 1 and self.drive_voice is None:
            raise SettingsError("--voice is the share of a voice: give --drive-voice, too, or leave it out.")

    @property
    def is_driven(self) -> bool:
        """Whether any file drives the films."""
        return bool(self.drive) or any((self.drive_face, self.drive_body, self.drive_voice))

    @property
    def drivings(self) -> tuple[Driving, ...]:
        """What drives each film; of a folder of videos, the folder."""
        given = self.drive or (None,)
        return tuple(Driving(drive, self.drive_face, self.drive_body, self.drive_voice) for drive in given)

    @property
    def clip_range(self) -> ClipRange:
        """The part of each video that is used."""
        return ClipRange() if self.clip is None else parse_clip(self.clip)

    @property
    def shown_background(self) -> Background:
        """What stands behind the character, whichever flag said so."""
        if self.alpha:
            return "transparent"
        return "picture" if self.background_file is not None else self.background

    @property
    def is_transparent(self) -> bool:
        """Whether the films need alpha."""
        return self.shown_background == "transparent"

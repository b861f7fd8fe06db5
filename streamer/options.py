"""The choices that settings, protocol, engine and generator share: each list stands here once.

Nothing heavy is imported, so that a wrong flag is answered before torch is loaded.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple, get_args

from msgspec import Meta

Background = Literal["original", "blur", "colour", "transparent", "picture"]
Codec = Literal["auto", "vp8", "h264"]
GeneratorKind = Literal["dit", "geometry"]
SpeedKind = Literal["fast", "balanced", "best"]
"""What a busy CPU keeps longest: frames, both, or the picture."""
Precision = Literal["float32", "bfloat16", "float16"]
FrameKind = Literal["whole", "bust", "face"]
NeutralKind = Literal["first", "auto"]
"""The neutral of a file: its first face or body, or the calmest face at its beginning; see `clip_scenes`."""
GivenUp = Literal["edges", "body", "closeups", "pixels"]
"""What a busy CPU does less well: see `streamer.effort.Effort`."""
Obstacle = Literal["dark", "small", "turned", "smiles", "moves", "talks", "blinks"]
"""What keeps a calibration from going on: the light, a small face, or what its driver does."""
Phase = Literal["waiting", "calibrating", "live", "lost", "stalled", "paused"]

FRAME_KINDS: tuple[FrameKind, ...] = get_args(FrameKind)
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
SPEEDS: tuple[SpeedKind, ...] = get_args(SpeedKind)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

RATIOS = {"1:1": (1, 1), "16:9": (16, 9), "9:16": (9, 16)}
OWN_ASPECT = "picture"  # the frame has the aspect of the picture
MIN_OUTPUT_SIDE, MAX_OUTPUT_SIDE = 64, 1920  # pixels of a size that is chosen as WIDTHxHEIGHT
ASPECT_PATTERN = r"^(picture|1:1|16:9|9:16|[0-9]{2,4}x[0-9]{2,4})\Z"
ZOOM_RANGE = (0.5, 4.0)
BONE_RANGE = (0.5, 1.5)  # factors of a character's bone lengths
# Degrees by which head and gaze can be turned in addition to the driver's motion, to either side.
MAX_YAW, MAX_TILT, MAX_GAZE = 45.0, 30.0, 30.0
TURN_LIMITS = {"yaw": MAX_YAW, "pitch": MAX_TILT, "roll": MAX_TILT, "gaze_x": MAX_GAZE, "gaze_y": MAX_GAZE}
MAX_MOOD_CHARACTERS = 200  # of the words that tell how a character is
MAX_STRENGTH = 2  # of a control; 1 is the motion of the driver

# Numbers of `Controls`, as flags, files and messages may give them.
Strength = Annotated[float, Meta(ge=0, le=MAX_STRENGTH)]
Share = Annotated[float, Meta(ge=0, le=1)]
Yaw = Annotated[float, Meta(ge=-MAX_YAW, le=MAX_YAW)]
Tilt = Annotated[float, Meta(ge=-MAX_TILT, le=MAX_TILT)]
Gaze = Annotated[float, Meta(ge=-MAX_GAZE, le=MAX_GAZE)]
Zoom = Annotated[float, Meta(ge=ZOOM_RANGE[0], le=ZOOM_RANGE[1])]
Shift = Annotated[float, Meta(ge=-1, le=1)]
BoneFactor = Annotated[float, Meta(ge=BONE_RANGE[0], le=BONE_RANGE[1])]

MAX_PEOPLE = 4  # who are animated in one picture, or followed before one camera
PICTURE_FORMATS = "PNG, JPEG, WebP, AVIF, HEIC, GIF, BMP or TIFF"  # that a character's picture may have
PICTURE_SUFFIXES = {
    ".png", ".apng", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".heic", ".heif", ".hif", ".gif", ".bmp", ".tif",
    ".tiff",
}  # fmt: skip
MAX_PICTURES = 4  # of one character: the first, which is drawn, and further views
LARGEST_PERSON = "largest"  # of the people in a picture, the one with the largest face on shoulders
EVERY_PERSON = "all"  # of the people in a picture are animated, by as many drivers
PERSON_PATTERN = r"^(all|largest|left|right|[1-9][0-9]?)\Z"  # a number counts from the left
WHO_PATTERN = r"^(largest|left|right|[1-9])\Z"  # of the people before a camera; a number counts from the left

TIME_PATTERN = r"^(([0-9]{1,2}:)?[0-9]{1,2}:[0-5]?[0-9]|[0-9]{1,6})(\.[0-9]{0,6})?\Z"  # [[H:]M:]S, or seconds alone
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def parse_colour(text: str) -> tuple[int, int, int]:
    """Convert `#rrggbb` or `rrggbb` to red, green and blue, 0..255. Raises ValueError for any other text."""
    digits = text.removeprefix("#")
    if len(digits) != 6 or not HEX_DIGITS.issuperset(digits):
        raise ValueError(f"'{text}' is not of the form #rrggbb")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def parse_aspect(text: str) -> tuple[int, int] | None:
    """Width and height of `1:1`, `16:9`, `9:16` or `WIDTHxHEIGHT`; None for `picture`, the picture's own aspect.

    Raises ValueError for any other text, and for a side that is odd or outside of MIN_OUTPUT_SIDE to MAX_OUTPUT_SIDE.
    """
    if text == OWN_ASPECT:
        return None
    if text in RATIOS:
        return RATIOS[text]
    if re.match(ASPECT_PATTERN, text) is None:
        raise ValueError(f"'{text}' is none of {OWN_ASPECT}, {', '.join(RATIOS)} and WIDTHxHEIGHT")
    width, height = (int(side) for side in text.split("x"))
    for side in (width, height):
        if side % 2 or not MIN_OUTPUT_SIDE <= side <= MAX_OUTPUT_SIDE:
            raise ValueError(
                f"'{text}' has a side that is not an even number from {MIN_OUTPUT_SIDE} to {MAX_OUTPUT_SIDE}"
            )
    return width, height


class BoneFactors(NamedTuple):
    """Factors of a character's bone lengths, each in BONE_RANGE; 1 is the picture's own."""

    shoulders: float = 1.0
    torso: float = 1.0
    arms: float = 1.0
    legs: float = 1.0


def parse_bones(text: str) -> BoneFactors:
    """The factors that text like `arms=0.9,legs=1.1` names.

    Raises ValueError for any other text, for a name twice, and for a factor outside of BONE_RANGE.
    """
    factors: dict[str, float] = {}
    for part in filter(None, text.replace(" ", "").split(",")):
        name, _, number = part.partition("=")
        if name not in BoneFactors._fields:
            raise ValueError(f"'{name}' is none of {', '.join(BoneFactors._fields)}")
        if name in factors:
            raise ValueError(f"'{name}' is named twice")
        try:
            factors[name] = float(number)
        except ValueError:
            raise ValueError(f"'{part}' is not of the form NAME=FACTOR") from None
        if not BONE_RANGE[0] <= factors[name] <= BONE_RANGE[1]:
            raise ValueError("'{}' is not between {} and {}".format(part, *BONE_RANGE))
    return BoneFactors(**factors)


class ClipRange(NamedTuple):
    """A part of a video file: seconds from its beginning. end: None for the rest of it; what is shown at `end` is left
    out.
    """

    start: float = 0.0
    end: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self == (0.0, None)


def parse_clip(text: str) -> ClipRange:
    """The part that text like `3.5-12`, `3.5-`, `-12` or `1:02-1:30` names; times are seconds, M:SS or H:MM:SS.

    Raises ValueError for any other text, and for a part that ends before it begins.
    """
    begin, dash, end = text.replace(" ", "").partition("-")
    if not dash or not (begin or end):
        raise ValueError(f"'{text}' is not of the form START-END")
    clip = ClipRange(parse_time(begin) if begin else 0.0, parse_time(end) if end else None)
    if clip.end is not None and clip.end <= clip.start:
        raise ValueError(f"'{text}' ends before it begins")
    return clip


def parse_time(text: str) -> float:
    """Seconds of a time such as `12.5`, `1:02` or `1:02:03.5`. Raises ValueError for any other text."""
    if re.match(TIME_PATTERN, text, re.ASCII) is None:
        raise ValueError(f"'{text}' is no time")
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def say_duration(seconds: float) -> str:
    """Seconds as people write them: `4.2 s`, `1:05`, `1:02:03`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

"""The settings that a server and a film share: annotations of fields, each one flag, and the rules of their texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from streamer import options
from streamer.errors import SettingsError
from streamer.flags import Flag
from streamer.options import (
    MAX_MOOD_CHARACTERS,
    MAX_PICTURES,
    PERSON_PATTERN,
    PICTURE_FORMATS,
    WHO_PATTERN,
    FrameKind,
    GeneratorKind,
    SpeedKind,
    parse_aspect,
    parse_bones,
    parse_colour,
)

PICTURE, DRAWING = "picture", "drawing"


def _colour(_place: str, text: str) -> str:
    try:
        parse_colour(text)
    except ValueError as error:
        raise SettingsError(f"The colour {error}; write for example #00b140.") from error
    return text


def _aspect(place: str, text: str) -> str:
    try:
        parse_aspect(text)
    except ValueError as error:
        raise SettingsError(f"{place}: {error}; write for example 16:9 or 1280x720.") from error
    return text


def _person(place: str, text: str) -> str:
    if re.match(PERSON_PATTERN, text) is None:
        raise SettingsError(
            f"{place} is '{text}'; it must be largest, left, right, all, or a number from the left, 1 to 99."
        )
    return text


def _who(place: str, text: str) -> str:
    if re.match(WHO_PATTERN, text) is None:
        raise SettingsError(f"{place} is '{text}'; it must be largest, left, right, or a number from the left, 1 to 9.")
    return text


def _bones(place: str, text: str) -> str:
    try:
        parse_bones(text)
    except ValueError as error:
        raise SettingsError(f"{place}: {error}; write for example arms=0.9,legs=1.1.") from error
    return text


def _mood(place: str, text: str) -> str:
    if len(text) > MAX_MOOD_CHARACTERS:
        raise SettingsError(f"{place} is longer than {MAX_MOOD_CHARACTERS} characters: write fewer words.")
    return text


References = Annotated[
    tuple[Path, ...],
    Meta(min_length=1, max_length=MAX_PICTURES),
    Flag(
        f"the picture to animate: {PICTURE_FORMATS}; repeated: further views of the same character, 4 pictures in all",
        PICTURE, "FILE",
    ),
]  # fmt: skip
PointsFile = Annotated[
    Path | None,
    Flag("JSON file of points placed by hand: of a face not found, of a body seen wrong", PICTURE, "FILE"),
]
Person = Annotated[
    str,
    Flag(
        "of several people in the picture, the one that is animated, counted from the left, or all of them", PICTURE,
        "largest|left|right|N|all", rule=_person,
    ),
]  # fmt: skip
Who = Annotated[
    str,
    Flag(
        "of several people before the camera, the one who is followed, counted from the left; who is followed stays",
        PICTURE, "largest|left|right|N", rule=_who,
    ),
]  # fmt: skip
Bones = Annotated[
    str,
    Flag(
        "factors of the character's bone lengths: shoulders, torso, arms, legs; for example arms=0.9,legs=1.1", PICTURE,
        "NAME=FACTOR,…", rule=_bones,
    ),
]  # fmt: skip
BackgroundFile = Annotated[
    Path | None,
    Flag("picture or short clip that stands behind the character instead of its own background", PICTURE, "FILE"),
]
Size = Annotated[int, Meta(ge=128, le=1024), Flag("longest side of the avatar video, pixels", DRAWING)]
Frame = Annotated[FrameKind, Flag("how much of the picture is shown: all of it, head and shoulders, the face", DRAWING)]
Aspect = Annotated[
    str,
    Flag(
        "shape of the avatar video: that of the picture, 1:1, 16:9, 9:16, or a size of its own in pixels", DRAWING,
        "picture|W:H|WIDTHxHEIGHT", rule=_aspect,
    ),
]  # fmt: skip
Zoom = Annotated[options.Zoom, Flag("size of the character in its frame", DRAWING)]
ShiftX = Annotated[options.Shift, Flag("character in its frame, -1 left to 1 right", DRAWING)]
ShiftY = Annotated[options.Shift, Flag("character in its frame, -1 up to 1 down", DRAWING)]
KeepInFrame = Annotated[bool, Flag("let the driver's motion carry the head out of the frame", DRAWING)]
Generator = Annotated[GeneratorKind, Flag("what draws: the network, or the geometric warp alone", DRAWING)]
Device = Annotated[Literal["auto", "cpu", "cuda"], Flag("where the network runs", DRAWING)]
Checkpoint = Annotated[Path | None, Flag("weights of the network, if not the ones that came along", DRAWING, "FILE")]
Steps = Annotated[int, Meta(ge=1, le=16), Flag("steps of the network for a frame; more take longer", DRAWING)]
Speed = Annotated[SpeedKind, Flag("what a busy CPU keeps longest: frames, both, or the picture", DRAWING)]
MoodWords = Annotated[
    str,
    Flag(
        "how the character is, in English words of docs/words.md: \"tired, a shy smile, looks down sometimes\"",
        PICTURE, "WORDS", rule=_mood,
    ),
]  # fmt: skip
Smooth = Annotated[bool, Flag("do not smooth the motion", PICTURE)]
Colour = Annotated[str, Flag("background colour for --background colour", PICTURE, "#RRGGBB", rule=_colour)]

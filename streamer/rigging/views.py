"""Further pictures of one character: found, compared with the first, described, and brought to its exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.geometry.topology import (
    LEFT_INNER_MOUTH_CORNER,
    LEFT_LID,
    LOWER_LIP_INNER,
    RIGHT_INNER_MOUTH_CORNER,
    RIGHT_LID,
    UPPER_LIP_INNER,
)
from streamer.errors import KagamiError
from streamer.options import MAX_PICTURES
from streamer.rigging.canvas import Array
from streamer.rigging.face_colours import expose, exposure_gain
from streamer.rigging.framing import Framing
from streamer.rigging.likeness import LIMIT, STYLE, STYLE_LIMIT, Appearance, differences
from streamer.rigging.picture import Picture
from streamer.rigging.rigger import Character, NoFaceError, find_character
from streamer.tracking.eyelids import eye_aspect_ratio

FRONTAL = 12.0  # degrees: a head turned less than this is told as seen from the front
LEVEL = 15.0  # degrees: a head pitched less than this is not told as seen from above or below
OPEN_MOUTH = 0.12  # height over width of the inner lips
CLOSED_EYES = 0.15  # height over width of an eye
HEAD_AND_SHOULDERS = Framing(kind="bust")
NOTHING_NEW = 10.0  # degrees between two heads below which the second picture adds little


class ViewError(KagamiError):
    """A further picture cannot serve as a view of the character; the message names the reason and the remedy."""

    code = "view"


class TooManyViewsError(ViewError):
    """More pictures than one character may have."""

    def __init__(self) -> None:
        super().__init__(f"A character has at most {MAX_PICTURES} pictures: take one away before you add another.")


def find_views(first: Character, views: Sequence[Picture | Character], size: int) -> list[Character]:
    """A character and its further views, each compared with those before. views: pictures, or what was found in them.

    Raises ViewError.
    """
    found, appearances = [first], [Appearance.of(first)]
    for view in views:
        found.append(view if isinstance(view, Character) else find_view(view, size, appearances))
        appearances.append(Appearance.of(found[-1]))
    return found


def find_view(picture: Picture, size: int, known: Sequence[Appearance]) -> Character:
    """Find the character in a further picture of it, on a canvas of its own of `size` pixels around head and shoulders,
    and bring the picture to the exposure of the first one. Its notes say what it shows.

    known: the pictures before, the first one first. Raises ViewError for a picture without a face, of another
    character, or in another style, and TooManyViewsError.
    """
    if len(known) >= MAX_PICTURES:
        raise TooManyViewsError
    try:
        view = find_character(picture, size, framing=HEAD_AND_SHOULDERS)
    except NoFaceError as error:
        raise ViewError(
            f"No face was found in {picture.name}: a further view must show the character's face, from the front or "
            "from a side; leave it out."
        ) from error
    appearance = Appearance.of(view)
    _check(known[0], appearance)
    gain = exposure_gain(known[0].colours, appearance.colours, known[0].angle_to(appearance))
    notes = [f"{picture.name}: {note.replace('animated', 'used')}" for note in view.notes]
    return replace(
        view,
        rgb=expose(view.rgb, gain),
        foreground=expose(view.foreground, gain),
        notes=[*notes, describe(view.face, appearance, known)],
    )


def describe(face: Array, appearance: Appearance, known: Sequence[Appearance]) -> str:
    """One sentence on what a view shows: the side, the turn towards the camera in degrees, mouth and eyes.

    face: (478, 3) landmarks. known: the pictures before it.
    """
    yaw, pitch = appearance.yaw, appearance.pitch
    if abs(yaw) < FRONTAL:
        shown = "the character from the front"
    else:
        shown = f"the character's {'right' if yaw > 0 else 'left'} side, turned by {abs(yaw):.0f} degrees"
    if abs(pitch) >= LEVEL:
        shown += f", from {'above' if pitch > 0 else 'below'}"
    more = [
        text
        for text, holds in (
            ("with the mouth open", mouth_aspect_ratio(face) > OPEN_MOUTH),
            ("with the eyes closed", closed_eyes(face)),
        )
        if holds
    ]
    nearest = min(other.angle_to(appearance) for other in known)
    sentence = " ".join([f"{appearance.name} shows {shown}", " and ".join(more)]).strip()
    if nearest < NOTHING_NEW and not more:
        sentence += ", as another picture does, and so adds little"
    return sentence + "."


def mouth_aspect_ratio(face: Array) -> float:
    """Height over width of the opening between the lips of landmarks (478, 3)."""
    height = np.linalg.norm(face[UPPER_LIP_INNER] - face[LOWER_LIP_INNER])
    width = np.linalg.norm(face[RIGHT_INNER_MOUTH_CORNER] - face[LEFT_INNER_MOUTH_CORNER])
    return float(height / max(float(width), 1e-6))


def closed_eyes(face: Array) -> bool:
    """Whether both eyes of landmarks (478, 3) are closed."""
    return max(eye_aspect_ratio(face, ring) for ring in (RIGHT_LID, LEFT_LID)) < CLOSED_EYES


def _check(first: Appearance, view: Appearance) -> None:
    """Raises ViewError where two pictures do not belong together."""
    found = differences(first, view)
    if sum(found.values()) <= LIMIT:
        return
    if sum(found[name] for name in STYLE) > STYLE_LIMIT:
        raise ViewError(
            f"{view.name} is in another style than {first.name}: give views that were made alike, or use it alone as a "
            "picture of its own."
        )
    raise ViewError(
        f"{view.name} does not seem to show the character of {first.name}: give views of one character, or use it "
        "alone as a picture of its own."
    )

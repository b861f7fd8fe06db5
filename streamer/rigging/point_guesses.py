"""Where the points of a picture probably are, for an editor to begin with: as they were found, or by the outline.

Positions are those of docs/points.md, pixels of the upright original, named from the picture's left and right.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.body import HANGING
from streamer.frames import Image
from streamer.rigging.body_points import BODY_POINTS, FEET, FOOT_REACH, HAND_REACH, HANDS, Position
from streamer.rigging.canvas import Array
from streamer.rigging.feature_search import USUAL_MOUTH, Eyes, find_eyes, find_nose_and_mouth
from streamer.rigging.matting import GRABCUT_SIDE, grabcut_from_border, segment_person
from streamer.rigging.picture import Picture, original_size, turned_place
from streamer.rigging.points import POINT_LANDMARKS
from streamer.rigging.rigger import Character
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

SUBJECT_SHARE = (0.04, 0.9)  # of the picture that a plausible subject covers
PERSON_PROBABILITY = 0.6  # of a pixel from which it is a person's
Box = tuple[float, float, float, float]  # left, top, width, height, pixels
CASCADE_SHARE, CASCADE_STEP, CASCADE_NEIGHBOURS = 0.25, 1.06, 2  # smallest face over the longer side; of the search
HEAD_HEIGHT = 1.25  # of a head's width, at most, counted from the top of a subject
# Places on a face in distances of the eyes from their middle, across and down; the picture's left is negative.
FACE_PLACES: dict[str, Position] = {
    "chin": (0.0, 1.55), "forehead": (0.0, -0.9), "ear_left": (-1.05, 0.1), "ear_right": (1.05, 0.1),
}  # fmt: skip
# From the middle of the mouth.
MOUTH_PLACES: dict[str, Position] = {
    "mouth_left": (-0.38, 0.0), "mouth_right": (0.38, 0.0), "mouth_top": (0.0, -0.1), "mouth_bottom": (0.0, 0.12),
}  # fmt: skip
CHIN_BELOW = 0.35  # distances of the eyes between mouth and chin, at least
EYE_PLACES: dict[str, Position] = {"outer": (-1, 0), "inner": (1, 0), "top": (0, -0.7), "bottom": (0, 0.6)}
EYE_HALF_WIDTH = 0.22  # distances of the eyes
# Places on a body in widths of its head from the chin, across and down.
BODY_PLACES: dict[str, Position] = {
    "shoulder": (0.75, 0.3), "elbow": (0.95, 1.2), "wrist": (1.0, 2.0), "hand": (1.0, 2.5), "hip": (0.45, 2.1),
    "knee": (0.47, 3.6), "ankle": (0.47, 5.0), "foot": (0.65, 5.3),
}  # fmt: skip


def points_found(character: Character) -> dict[str, Position]:
    """Where landmarks and skeleton of a character place the points: those of the face, and the joints that are seen.

    What the character was given as points keeps exactly that place.
    """
    to_original = _to_original(character)
    places = {name: character.face[list(marks), :2].mean(0) for name, marks in POINT_LANDMARKS.items()}
    body = character.body
    if body is not None:
        seen = {joint for joint in BODY_POINTS.values() if body[joint, VISIBILITY] > MIN_VISIBILITY}
        places |= {name: body[joint, :2] for name, joint in BODY_POINTS.items() if joint in seen}
        for tips, reach in ((HANDS, HAND_REACH), (FEET, FOOT_REACH)):
            for name, joint in tips.items():
                ends = [end for end in HANGING[joint][:2] if tips is HANDS or end == HANGING[joint][1]]
                if joint in seen:
                    places[name] = body[joint, :2] + (body[ends, :2].mean(0) - body[joint, :2]) * reach
    found = {name: to_original(place) for name, place in places.items()}
    width, height = original_size(character.picture)
    found = {name: at for name, at in found.items() if 0 <= at[0] <= width and 0 <= at[1] <= height}
    given = {} if character.points is None else dict(character.points.positions)
    return {**found, **given}


def guess_points(picture: Picture) -> dict[str, Position]:
    """Plausible places of the points in a picture in which no face is found: eyes that look alike on both sides of the
    subject's head, nose and mouth below them, the rest of the face by its proportions, and as much of a body below it
    as lies in the picture.
    """
    rgb, unit = _small(picture)
    head = animal_face(rgb) or head_box(subject_mask(rgb, _small_alpha(picture)))
    eyes = find_eyes(rgb, head)
    places = _face_places(rgb, eyes, head)
    left, top, width, height = head
    chin = min(places["chin"][1], top + height)
    for name, (across, down) in BODY_PLACES.items():
        for side, sign in (("left", -1), ("right", 1)):
            places[f"{side}_{name}"] = (left + width / 2 + sign * across * width, chin + down * width)
    right, bottom = rgb.shape[1], rgb.shape[0]
    for name in [name for name in POINT_LANDMARKS if name in places]:
        x, y = places[name]
        places[name] = min(max(x, 0.0), right), min(max(y, 0.0), bottom)
    return {name: (x * unit, y * unit) for name, (x, y) in places.items() if 0 <= x <= right and 0 <= y <= bottom}


def subject_mask(rgb: Image, alpha: NDArray[np.uint8] | None) -> NDArray[np.bool_]:
    """(H, W) where the subject of a small picture (H, W, 3) is: by its alpha, as a person, else by what differs from
    its border; the middle of the picture where nothing is plausible.
    """
    masks: list[NDArray[np.bool_]] = []
    if alpha is not None:
        masks.append(alpha > 127)
    masks.append(segment_person(rgb) > PERSON_PROBABILITY)
    masks.append(grabcut_from_border(rgb) > 0.5)
    for mask in masks:
        if SUBJECT_SHARE[0] < mask.mean() < SUBJECT_SHARE[1]:
            return mask
    height, width = rgb.shape[:2]
    middle = np.zeros((height, width), bool)
    middle[height // 8 : height - height // 8, width // 4 : width - width // 4] = True
    return middle


def head_box(mask: NDArray[np.bool_]) -> Box:
    """Left, top, width and height of the head of a subject (H, W): its uppermost part, down to where it is narrowest
    below its first bulge, and no higher than `HEAD_HEIGHT` widths.
    """
    rows = np.flatnonzero(mask.any(1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    widths = cv2.blur(mask[top:bottom].sum(1).astype(np.float32)[:, None], (1, max(3, (bottom - top) // 24)))[:, 0]
    end = bottom
    widest = 0.0
    for row in range(len(widths)):
        widest = max(widest, float(widths[row]))
        ahead = widths[row : row + max(4, len(widths) // 5)]
        is_neck = row > len(widths) // 8 and widths[row] < 0.7 * widest and widths[row] <= ahead.min() + 1e-3
        if is_neck and ahead.max() > 1.15 * widths[row]:
            end = top + row
            break
    columns = np.flatnonzero(mask[top:end].sum(0) > 0.15 * mask[top:end].sum(0).max())
    left, width = float(columns[0]), float(columns[-1] - columns[0] + 1)
    return left, float(top), width, min(float(end - top), HEAD_HEIGHT * width)


def animal_face(rgb: Image) -> Box | None:
    """Left, top, width and height of the largest face in a picture (H, W, 3) that OpenCV's cascade for cats finds; it
    also finds other faces with two eyes over a mouth. None without.
    """
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalcatface.xml"))
    least = round(CASCADE_SHARE * max(rgb.shape[:2]))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    found = cascade.detectMultiScale(grey, CASCADE_STEP, CASCADE_NEIGHBOURS, minSize=(least, least))
    if not len(found):
        return None
    left, top, width, height = (float(side) for side in max(found, key=lambda box: int(box[2])))
    return left, top, width, height


def _face_places(rgb: Image, eyes: Eyes, head: Box) -> dict[str, Position]:
    """Points of a face with these eyes, all inside of the head."""
    left, right = np.array(eyes.left), np.array(eyes.right)
    across, middle = right - left, (left + right) / 2
    down = np.array([-across[1], across[0]])
    room = (head[1] + head[3] - middle[1]) / max(down[1], 1e-6)
    nose, mouth = find_nose_and_mouth(rgb, eyes)
    chin = max(min(FACE_PLACES["chin"][1] * mouth / USUAL_MOUTH, 0.97 * room), mouth + CHIN_BELOW)

    def at(origin: NDArray[np.float64], x: float, y: float) -> Position:
        place = origin + x * across + y * down
        return float(place[0]), float(place[1])

    places = {"left_eye": eyes.left, "right_eye": eyes.right}
    places |= {name: at(middle, x, y) for name, (x, y) in FACE_PLACES.items()}
    places |= {name: at(middle, x, mouth + y) for name, (x, y) in MOUTH_PLACES.items()}
    places |= {"nose": at(middle, 0, nose), "chin": at(middle, 0, chin)}
    size = EYE_HALF_WIDTH if eyes.half_width is None else eyes.half_width / max(float(np.hypot(*across)), 1e-6)
    for side, centre, sign in (("left", left, 1), ("right", right, -1)):
        for part, (x, y) in EYE_PLACES.items():
            places[f"{side}_eye_{part}"] = at(centre, sign * x * size, y * size)
    return places


def _to_original(character: Character) -> Callable[[Array], Position]:
    """The way from canvas units of a character's layout to pixels of the upright original."""
    rect, shown, size = character.layout.rect, character.shown, character.rgb.shape[0]
    scale = size / max(rect.width, rect.height)
    width, height = original_size(character.picture)
    turned_size = (height, width) if shown.turns % 2 else (width, height)

    def convert(place: Array) -> Position:
        x, y = (
            ((float(at) * size / 2) / scale + start + length / 2) / shown.scale - 0.5
            for at, start, length in zip(place, (rect.left, rect.top), (rect.width, rect.height), strict=True)
        )
        return turned_place((x + shown.left, y + shown.top), -shown.turns % 4, *turned_size)

    return convert


def _small(picture: Picture) -> tuple[Image, float]:
    """A picture on white with a longer side of GRABCUT_SIDE pixels, and original pixels for one of them."""
    rgba = picture.rgba
    zoom = GRABCUT_SIDE / max(rgba.shape[:2])
    small = cv2.resize(rgba, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA).astype(np.float32)
    share = small[..., 3:] / 255
    rgb = np.round(small[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
    return rgb, 1 / zoom / picture.scale


def _small_alpha(picture: Picture) -> NDArray[np.uint8] | None:
    """The alpha of `_small`; None for an opaque picture."""
    if picture.rgba[..., 3].min() > 127:
        return None
    zoom = GRABCUT_SIDE / max(picture.rgba.shape[:2])
    return np.asarray(cv2.resize(picture.rgba[..., 3], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA))

"""Finds people in a picture whichever side is up and however small they are, and cuts small ones out at full detail."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from PIL import Image as Pillow

from models.geometry.topology import MESH
from streamer.rigging.canvas import Array, Canvas, Rect, place_on_canvas
from streamer.rigging.orientation import EVERY_TURN, TURN_SCORE, roll_of, turn_scores, turns_of_face
from streamer.rigging.person_search import HeadBox, Person, find_people
from streamer.rigging.picture import MAX_SIDE, MIN_SIDE, Picture, load_detail
from streamer.rigging.skeleton import find_skeleton
from streamer.rigging.tile_search import Spot, find_small_faces
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

CANDIDATE_SIDE = 512  # pixels of the whole picture in which detectors look for faces in four turns
LYING = 60.0  # degrees of roll from which a head without a face is that of a picture on its side
MAX_SPOTS = 8  # of small faces, the surest ones that are looked at closely
SPOT_MARGIN = 3.0  # half side of what is looked at around a small face, over that of its square
SMALL_PERSON = 0.12  # extent of a face, canvas units, below which the picture is cut to the person
# Around a small face, in extents of it: half side of the part in which a body is searched, and how far below the
# middle of the face its middle lies; and how much is kept at least to each side, above and below.
BODY_HALF_SIDE, BODY_BELOW = 5.0, 3.4
KEPT_ASIDE, KEPT_ABOVE, KEPT_BELOW = 1.7, 1.5, 2.2
JOINT_MARGIN = 0.5  # extents of the face around the joints that are seen


@dataclass
class PictureSearch:
    """The people in a picture.

    picture: the whole one, turned upright. people: from left to right, on the canvas around all of it; empty where
    nobody was found. notes: sentences for the user.
    """

    picture: Picture
    people: list[Person]
    notes: list[str] = field(default_factory=list)

    @cached_property
    def detail(self) -> Picture:
        """The picture with as many pixels as memory allows."""
        return load_detail(self.picture)

    @property
    def heads(self) -> tuple[HeadBox, ...]:
        """Boxes around the heads of all people."""
        height, width = self.picture.rgba.shape[:2]
        return tuple(person.head_box(width, height) for person in self.people)


def search_picture(picture: Picture, size: int) -> PictureSearch:
    """Find the people in a whole picture, on a canvas of `size` pixels.

    A picture whose main face is upright costs one look of a detector more than `find_people`. All others are searched
    in four turns, and then in tiles of full detail.
    """
    people, turns, _ = _people_and_turns(picture, size)
    if turns == 0:
        return PictureSearch(picture, people)
    for quarters in _candidates(picture) if turns is None else (turns,):
        turned = picture.turned(quarters)
        found, further, score = _people_and_turns(turned, size)
        if further == 0 and score > TURN_SCORE:
            return PictureSearch(turned, found, [_turned_note(quarters)])
    return _search_tiles(picture, size) or PictureSearch(picture, people)


def _people_and_turns(picture: Picture, size: int) -> tuple[list[Person], int | None, float]:
    """The people in a picture as it lies, the quarter turns after which the largest one is upright, and how sure that
    is, 0..2; None where nobody is found, or nobody convincing.
    """
    canvas = place_on_canvas(picture, size)
    people = find_people(canvas)
    if not people:
        return [], None, 0.0
    main = max(people, key=lambda person: person.size)
    if main.has_face:
        return people, *turns_of_face(canvas, main.face)
    roll = roll_of(main.face)
    return people, round(roll / 90) % 4 if abs(roll) > LYING else 0, 2.0


def _candidates(picture: Picture) -> list[int]:
    """The quarter turns after which a picture may show a face."""
    canvas = place_on_canvas(picture, CANDIDATE_SIDE, Rect(0, 0, picture.rgba.shape[1], picture.rgba.shape[0]))
    scores = turn_scores(canvas.full)
    order = sorted(EVERY_TURN, key=lambda turns: scores[turns], reverse=True)
    return [turns for turns in order if turns and scores[turns]]


def _turned_note(quarters: int) -> str:
    if quarters == 2:
        return "The picture was upside down and was turned upright."
    return "The picture lay on its side and was turned upright."


def _search_tiles(picture: Picture, size: int) -> PictureSearch | None:
    """People whose faces are found in tiles only; None without."""
    detail = load_detail(picture)
    turns, spots = find_small_faces(detail.rgba)
    if not spots:
        return None
    detail = detail.turned(turns)
    search = PictureSearch(picture.turned(turns), [], [_turned_note(turns)] if turns else [])
    search.detail = detail
    canvas = place_on_canvas(search.picture, size)
    for spot in spots[:MAX_SPOTS]:
        for face in _look_closely(detail, spot, size):
            search.people.append(Person(_to_canvas(face, canvas, detail.scale / search.picture.scale)))
    search.people.sort(key=lambda person: float(person.face[:MESH, 0].mean()))
    return search if search.people else None


def _look_closely(detail: Picture, spot: Spot, size: int) -> list[Array]:
    """The face (478, 3) at a spot in pixels of the detailed picture; empty unless it is a convincing, upright one."""
    half = SPOT_MARGIN * spot.half
    part, (left, top) = _part(detail, spot.x - half, spot.y - half, spot.x + half, spot.y + half)
    if min(part.rgba.shape[:2]) < 2:
        return []
    canvas = place_on_canvas(part, size)
    people = find_people(canvas)
    if not people:
        return []
    main = max(people, key=lambda person: person.size)
    if not main.has_face or turns_of_face(canvas, main.face)[0] != 0:
        return []
    return [_to_pixels(main.face, canvas) + np.array([left, top, 0], np.float32)]


def cut_to_person(search: PictureSearch, person: Person, size: int) -> tuple[Picture, Array]:
    """The part of a picture that shows one person of it at full detail, and the face (478, 3) on its canvas of `size`
    pixels.
    """
    detail = search.detail
    whole = place_on_canvas(search.picture, size)
    face = _to_pixels(person.face, whole) * (detail.scale / search.picture.scale)
    left, top, right, bottom = _around(detail, face, size)
    part, corner = _part(detail, left, top, right, bottom)
    face = face - np.array([*corner, 0], np.float32)
    longest = max(part.rgba.shape[:2])
    if longest > MAX_SIDE:
        small = Pillow.fromarray(part.rgba)
        small.thumbnail((MAX_SIDE, MAX_SIDE))  # ignores colours of transparent pixels
        part = replace(part, rgba=np.array(small), scale=part.scale * MAX_SIDE / longest)
        face = face * np.float32(MAX_SIDE / longest)
    return part, _to_canvas(face, place_on_canvas(part, size), 1.0)


def cut_note(whole: Picture, part: Picture) -> str:
    """What is said of a picture that was cut."""
    height, width = (round(side / part.scale) for side in part.rgba.shape[:2])
    return f"Only a small part of {whole.name} shows the character: it was cut to {width} x {height} pixels."


def _around(detail: Picture, face: Array, size: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is kept around a face (478, 3), pixels: the person as far as it is seen."""
    low, high = face[:MESH, :2].min(0), face[:MESH, :2].max(0)
    extent, (x, y) = float((high - low).max()), (low + high) / 2
    half, below = BODY_HALF_SIDE * extent, BODY_BELOW * extent
    part, corner = _part(detail, x - half, y + below - half, x + half, y + below + half)
    canvas = place_on_canvas(part, size)
    offset = np.array([*corner, 0], np.float32)
    skeleton = find_skeleton(canvas, _to_canvas(face - offset, canvas, 1.0))
    corners = [
        (x - KEPT_ASIDE * extent, y - KEPT_ABOVE * extent), (x + KEPT_ASIDE * extent, y + KEPT_BELOW * extent)
    ]  # fmt: skip
    if skeleton.body is not None:
        seen = skeleton.body[skeleton.body[:, VISIBILITY] > MIN_VISIBILITY, :3]
        joints = (_to_pixels(seen, canvas) + offset)[:, :2]
        margin = JOINT_MARGIN * extent
        corners += [tuple(each) for sign in (-1, 1) for each in joints + sign * margin]
    return *np.min(corners, 0).tolist(), *np.max(corners, 0).tolist()  # type: ignore[return-value]


def _part(picture: Picture, left: float, top: float, right: float, bottom: float) -> tuple[Picture, tuple[int, int]]:
    """What a rectangle shows of a picture, MIN_SIDE pixels at least where it has them, and the rectangle's corner."""
    height, width = picture.rgba.shape[:2]
    (x0, x1), (y0, y1) = _range(left, right, width), _range(top, bottom, height)
    rgba = np.ascontiguousarray(picture.rgba[y0:y1, x0:x1])
    return replace(picture, rgba=rgba, left=x0 / picture.scale, top=y0 / picture.scale), (x0, y0)


def _range(low: float, high: float, limit: int) -> tuple[int, int]:
    missing = max(0.0, MIN_SIDE - (high - low)) / 2
    start, end = max(0, round(low - missing)), min(limit, round(high + missing))
    return min(start, max(0, limit - MIN_SIDE)), max(end, min(limit, MIN_SIDE))


def _to_pixels(points: Array, canvas: Canvas) -> Array:
    """Points (N, 3) in canvas units in pixels of the canvas's picture, z as far as x."""
    half = canvas.size / 2
    shift = np.array([half - canvas.left, half - canvas.top, 0], np.float32)
    return ((points * np.float32(half) + shift) / np.float32(canvas.scale)).astype(np.float32)


def _to_canvas(points: Array, canvas: Canvas, scale: float) -> Array:
    """Points (N, 3) in pixels of a picture in units of a canvas with it. scale: those pixels for one of its picture."""
    half = canvas.size / 2
    shift = np.array([canvas.left - half, canvas.top - half, 0], np.float32)
    return ((points * np.float32(canvas.scale / scale) + shift) / np.float32(half)).astype(np.float32)

"""Finds the people in a picture, each a face and the body that it sits on, and the one that is animated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.geometry.body import SHOULDERS
from models.geometry.topology import MESH
from streamer.errors import KagamiError
from streamer.options import LARGEST_PERSON
from streamer.rigging.body_points import Position
from streamer.rigging.canvas import WHOLE_CANVAS, Array, Canvas
from streamer.rigging.face_search import face_extent, find_all_faces
from streamer.rigging.pose_model import detect_joints, pose_model, sees_whole_person
from streamer.rigging.skeleton import NO_POINTS, Skeleton, find_skeleton
from streamer.tracking.head_guess import face_of_head
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

MAX_FACES_TRIED = 3  # of several faces, the largest ones, on which a body is looked for
HEAD_MARGIN = 0.25  # of the extent of a face that the box of a person's head has around it; above it twice as much
NO_FACE = (
    "No face was found on the person, so the head alone tells where it is: use a picture that shows the face better, "
    "or name its points with --points points.json."
)


HeadBox = tuple[float, float, float, float]  # left, top, width and height in fractions of the picture, 0..1


class PersonError(KagamiError):
    """The picture does not show the person that was chosen; the message says how many it shows."""

    code = "person"


@dataclass(frozen=True)
class Person:
    """Somebody whom a picture shows.

    face: (478, 3) landmarks, canvas units. has_face: False where only a head was seen, from the side perhaps, and
    `face` is a neutral one on it.
    """

    face: Array
    has_face: bool = True

    @property
    def size(self) -> float:
        """The extent of the face, canvas units."""
        return face_extent(self.face)

    def head_box(self, width: float, height: float) -> HeadBox:
        """The box around the head in the picture, of width × height pixels, in the middle of the canvas."""
        low, high = self.face[:MESH, :2].min(0), self.face[:MESH, :2].max(0)
        margin = HEAD_MARGIN * self.size
        sides = np.array([width, height]) / max(width, height)  # of the canvas, on which they are twice as long
        corners = np.array([low - margin * np.array([1, 2]), high + margin]) / (2 * sides) + 0.5
        (left, top), (right, bottom) = corners.clip(0, 1).tolist()
        return left, top, right - left, bottom - top


def find_people(canvas: Canvas) -> list[Person]:
    """The people in a picture, from left to right; empty where nobody is found.

    Each has a face of at least some pixels. A person whose face is not found counts only where no face is found at
    all. The skeleton of one of them is `find_skeleton(canvas, person.face)`.
    """
    faces = find_all_faces(canvas)
    if not faces:
        return _people_without_faces(canvas)
    return [Person(face) for face in sorted(faces, key=lambda face: float(face[:MESH, 0].mean()))]


def choose_person(
    canvas: Canvas, people: Sequence[Person], choice: str = LARGEST_PERSON, points: Mapping[str, Position] = NO_POINTS
) -> tuple[int, Skeleton]:
    """The index of the chosen one of the people in a picture, and the skeleton with notes for the user.

    people: as `find_people` has them, one at least. choice: "largest", the largest face on shoulders, since the largest
    of all may be printed on a shirt; "left", "right", or a number that counts from the left, "1" the first. points: as
    in `find_skeleton`. Raises PersonError for a number that is too large.
    """
    if choice == LARGEST_PERSON:
        return _largest(canvas, people, points)
    index = index_of(people, choice)
    skeleton = _skeleton(canvas, people[index], points)
    return index, replace(skeleton, notes=[*choice_notes(people, index, choice), *skeleton.notes])


def index_of(people: Sequence[Person], choice: str) -> int:
    """The index of the chosen one of some people, as in `choose_person`, but whatever the largest face sits on.

    Raises PersonError.
    """
    if choice == LARGEST_PERSON:
        return max(range(len(people)), key=lambda index: people[index].size)
    index = {"left": 0, "right": len(people) - 1}.get(choice)
    if index is None:
        index = int(choice) - 1
    if index >= len(people):
        shown = "one person" if len(people) == 1 else f"{len(people)} people"
        raise PersonError(f"The picture shows {shown}, so that person {choice} cannot be animated: choose another.")
    return index


def choice_notes(people: Sequence[Person], index: int, choice: str) -> list[str]:
    """What is said of the choice of one of several people."""
    if len(people) == 1:
        return []
    which = "the largest" if choice == LARGEST_PERSON else f"number {index + 1} from the left"
    return [f"{len(people)} faces found; {which} is animated"]


def _largest(canvas: Canvas, people: Sequence[Person], points: Mapping[str, Position]) -> tuple[int, Skeleton]:
    order = sorted(range(len(people)), key=lambda index: people[index].size, reverse=True)
    if len(people) == 1:
        return 0, _skeleton(canvas, people[0], points)
    first: Skeleton | None = None
    for number, index in enumerate(order[:MAX_FACES_TRIED]):
        skeleton = find_skeleton(canvas, people[index].face, points)
        first = first or skeleton
        if skeleton.body is not None and skeleton.body[SHOULDERS, VISIBILITY].min() > MIN_VISIBILITY:
            which = "the largest" if number == 0 else "the largest one on shoulders"
            return index, skeleton.noting(f"{len(people)} faces found; {which} is animated")
    assert first is not None
    return order[0], replace(first, notes=[*choice_notes(people, order[0], LARGEST_PERSON), *first.notes])


def _skeleton(canvas: Canvas, person: Person, points: Mapping[str, Position]) -> Skeleton:
    skeleton = find_skeleton(canvas, person.face, points)
    return skeleton if person.has_face else skeleton.noting(NO_FACE)


def _people_without_faces(canvas: Canvas) -> list[Person]:
    with pose_model() as model:
        joints = detect_joints(model, canvas, WHOLE_CANVAS)
    if joints is None or not np.isfinite(joints).all() or not sees_whole_person(joints):
        return []
    return [Person(face_of_head(joints), has_face=False)]

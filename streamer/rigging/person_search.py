"""Finds the person that a picture is animated as: a face, and the body that it sits on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.geometry.body import SHOULDERS
from streamer.rigging.body_points import Position
from streamer.rigging.canvas import WHOLE_CANVAS, Array, Canvas
from streamer.rigging.face_search import find_faces
from streamer.rigging.pose_model import detect_joints, pose_model, sees_whole_person
from streamer.rigging.skeleton import NO_POINTS, Skeleton, find_skeleton
from streamer.tracking.head_guess import face_of_head
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

MAX_FACES_TRIED = 3  # of several faces, the largest ones, on which a body is looked for


def find_person(canvas: Canvas, points: Mapping[str, Position] = NO_POINTS) -> tuple[Array, Skeleton] | None:
    """Landmarks (478, 3) in canvas units and skeleton of a picture's person; None where nobody is found.

    Of several faces it is the largest one on shoulders, since the largest of all may be printed on a shirt. A person
    whose face is not found, seen from the side perhaps, gets a neutral one on the head. The skeleton's notes say so.
    points: as in `find_skeleton`.
    """
    faces = find_faces(canvas)
    if not faces:
        return _person_without_face(canvas, points)
    if len(faces) == 1:
        return faces[0], find_skeleton(canvas, faces[0], points)
    first: Skeleton | None = None
    for number, face in enumerate(faces[:MAX_FACES_TRIED]):
        skeleton = find_skeleton(canvas, face, points)
        first = first or skeleton
        if skeleton.body is not None and skeleton.body[SHOULDERS, VISIBILITY].min() > MIN_VISIBILITY:
            which = "the largest" if number == 0 else "the largest one on shoulders"
            return face, skeleton.noting(f"{len(faces)} faces found; {which} is animated")
    assert first is not None
    return faces[0], first.noting(f"{len(faces)} faces found; the largest is animated")


def _person_without_face(canvas: Canvas, points: Mapping[str, Position]) -> tuple[Array, Skeleton] | None:
    with pose_model() as model:
        joints = detect_joints(model, canvas, WHOLE_CANVAS)
    if joints is None or not np.isfinite(joints).all() or not sees_whole_person(joints):
        return None
    face = face_of_head(joints)
    return face, find_skeleton(canvas, face, points).noting(
        "No face was found on the person, so the head alone tells where it is: use a picture that shows the face "
        "better, or name its points with --points points.json."
    )

"""Make models/geometry/face_topology.safetensors: our own canonical face in MediaPipe's 478-point order, and its
triangles.

    python scripts/make_canonical_face.py path/to/ict_facekit.npz

Draws the neutral mean head of ICT-FaceKit (MIT) with plain shading, runs MediaPipe's face mesh on the picture, makes
the result symmetric and triangulates its frontal view (Delaunay). Canonical units: the origin lies between the eyes'
outer corners, the inter-ocular distance (outer corner to outer corner) is 1, x right, y down, z away from the camera.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from mediapipe.python.solutions import face_mesh
from safetensors.numpy import save_file
from scipy.optimize import linear_sum_assignment
from scipy.spatial import Delaunay

from models.geometry.topology import (
    INNER_LIPS,
    LANDMARKS,
    LEFT_EYE,
    LEFT_EYE_OUTER,
    LEFT_LID,
    MESH,
    MOUTH,
    RIGHT_EYE,
    RIGHT_EYE_OUTER,
    RIGHT_LID,
)

SIZE = 1024  # pixels, of the drawing's side
OUT = Path(__file__).resolve().parent.parent / "models" / "geometry" / "face_topology.safetensors"
# Landmarks on the border of the mesh, clockwise on screen from the top.
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
        152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip


def draw(kit: dict[str, np.ndarray], jaw: float) -> np.ndarray:
    """The mean head, jaw opened by `jaw` (0..1), drawn from back to front, orthographic: (SIZE, SIZE, 3) uint8."""
    points = kit["base"].astype(np.float64)
    neutral = points
    points = points + jaw * kit["expression"][[str(n) for n in kit["expr_names"]].index("jawOpen")].astype(np.float64)
    faces, material = kit["faces"], kit["mat"]
    names = [str(n) for n in kit["mat_names"]]
    hidden = [i for i, n in enumerate(names) if any(k in n for k in ("Lash", "Lacrimal", "Occlusion", "Blend"))]
    faces, material = faces[~np.isin(material, hidden)], material[~np.isin(material, hidden)]
    centre = (neutral[:9409].min(0) + neutral[:9409].max(0)) / 2
    scale = SIZE * 0.5 / np.ptp(neutral[:9409, 1])
    flat = (points[:, :2] - centre[:2]) * scale * [1, -1] + SIZE / 2
    a, b, c = (points[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    shade = 0.35 + 0.65 * np.clip(normal @ (np.array([0.25, 0.45, 0.85]) / 1.0), 0, 1)
    colour = np.tile(np.array([205, 160, 135.0]), (len(faces), 1))
    for i, name in enumerate(names):
        if "Gums" in name or "Socket" in name:
            colour[material == i] = (120, 50, 50)
        if "Sclera" in name or "Teeth" in name or "Iris" in name:
            colour[material == i] = (235, 232, 228)
    for first, last in ((21451, 23021), (23021, 24591)):  # iris and pupil by the angle from the eyeball's axis
        ball = points[first:last].mean(0)
        of_ball = (faces[:, 0] >= first) & (faces[:, 0] < last)
        offset = (a + b + c)[of_ball] / 3 - ball
        angle = np.degrees(np.arccos(offset[:, 2] / np.linalg.norm(offset, axis=1)))
        colour[np.flatnonzero(of_ball)[angle < 27]] = (70, 45, 30)
    order = np.argsort((a + b + c)[:, 2])
    picture = np.full((SIZE, SIZE, 3), 90, np.uint8)
    for k in order:
        if normal[k, 2] > 0:
            triangle = np.round(flat[faces[k]] * 16).astype(np.int32)
            cv2.fillConvexPoly(picture, triangle, (colour[k] * shade[k]).clip(0, 255), cv2.LINE_AA, 4)
    return picture


def mirror_pairs(points: np.ndarray) -> np.ndarray:
    """For each of the points (478, 3) the index of its mirror image, by matching with the reflected points."""
    middle = (points[RIGHT_EYE_OUTER, 0] + points[LEFT_EYE_OUTER, 0]) / 2
    reflected = points.copy()
    reflected[:, 0] = 2 * middle - reflected[:, 0]
    pairs = np.empty(len(points), int)
    for part in (slice(0, MESH), slice(MESH, LANDMARKS)):
        distance = np.linalg.norm(reflected[part, None] - points[None, part], axis=-1)
        pairs[part] = linear_sum_assignment((distance + distance.T) ** 2)[1] + part.start
    return pairs


def canonical(picture: np.ndarray) -> np.ndarray:
    """(478, 3) MediaPipe landmarks of a frontal picture, symmetric, in canonical units."""
    mesh = face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
    landmarks = mesh.process(picture).multi_face_landmarks[0].landmark
    points = np.array([[p.x, p.y, p.z] for p in landmarks])
    pairs = mirror_pairs(points)
    if not (pairs[pairs] == np.arange(LANDMARKS)).all():
        raise SystemExit("The mirror pairs are not an involution: the render is not frontal enough.")
    eyes = points[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER]]
    points = (points - eyes.mean(0)) / np.linalg.norm(eyes[0] - eyes[1])
    return (points + points[pairs] * [-1, 1, 1]) / 2


def main() -> None:
    """Write models/geometry/face_topology.safetensors."""
    kit = dict(np.load(sys.argv[1], allow_pickle=True))
    points = canonical(draw(kit, 0.0))
    # The lips of the neutral face touch; with an open mouth every triangle lies either on the lips or in the opening.
    layout = canonical(draw(kit, 0.5))
    triangles = Delaunay(layout[:MESH, :2]).simplices
    rings = {MOUTH: set(INNER_LIPS), RIGHT_EYE: set(RIGHT_LID), LEFT_EYE: set(LEFT_LID)}
    a, b, c = (layout[triangles[:, k], :2] for k in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    triangles[area < 0] = triangles[area < 0][:, ::-1]
    region = np.zeros(len(triangles), np.int64)
    for label, ring in rings.items():
        region[[set(t) <= ring for t in triangles.tolist()]] = label
    tensors = {
        "canonical": points.astype(np.float32),
        "triangles": triangles.astype(np.int16),
        "region": region.astype(np.int8),
        "oval": np.array(OVAL, np.int16),
    }
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, OUT)
    print(f"{OUT.name}: {len(triangles)} triangles, holes {[int((region == k).sum()) for k in rings]}")


if __name__ == "__main__":
    main()

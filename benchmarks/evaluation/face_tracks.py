"""Landmarks of the frames of a clip, measured in the same way for ground truth and drawn frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.evaluation.score import Face
from streamer.frames import Image
from streamer.tracking.mediapipe_models import camera_units, face_mesh


def track_faces(frames: Sequence[Image]) -> list[Face | None]:
    """Landmarks (478, 3) in pixels by MediaPipe's face mesh, frame by frame; None where it finds no face."""
    height, width = frames[0].shape[:2]
    longer_side = max(height, width)
    faces: list[Face | None] = []
    with face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=1) as mesh:
        for rgb in frames:
            found = mesh.process(rgb).multi_face_landmarks
            points = camera_units(found[0].landmark, rgb.shape).astype(np.float64) if found else None
            faces.append(None if points is None else points * (longer_side / 2) + [width / 2, height / 2, 0])
    return faces

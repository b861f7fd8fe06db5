"""Finds the face in a picture with MediaPipe's bundled models, however small the face is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.geometry.body import HEAD_JOINTS, NOSE
from models.geometry.topology import MESH, NOSE_TIP
from streamer.rigging.canvas import WHOLE_CANVAS, Array, Box, Canvas, crop
from streamer.rigging.pose_model import detect_joints, pose_model, sees_whole_person
from streamer.tracking.mediapipe_models import camera_units, face_detection, face_mesh

MESH_SIDE = 512  # pixels of the crop on which the face mesh runs
# Pixels of the canvas on which the face detector runs: its own input, and one that it samples without smoothing, where
# other faces are found.
DETECTOR_SIDES = (192, 1024)
MIN_TRACKING_CONFIDENCE = 0.9  # faces, drawn ones too, reach 0.95 and more; false detections stay below
SETTLE_PASSES = 4  # runs on a still picture until the mesh's region of interest is the one it tracks a driver with
FACE_MARGIN = 1.2  # half side of the crop on which a small face is measured again, over the extent of the face
DETECTION_MARGIN = 2.2  # half side of the box around a detection, over half of the detection's longer side
HEAD_MARGINS = (1.5, 3.0)  # half sides of the boxes around the head of a body, over its extent
GRID_HALF_SIDE = 0.6  # canvas units; in smaller boxes the mesh begins to detect faces in the eye of a cat
GRID_CENTRES = (-0.4, 0.0, 0.4)  # canvas units, x and y
SMALL_FACE = 0.35  # canvas units; smaller faces are measured again on a crop at the picture's own resolution


def find_faces(canvas: Canvas) -> list[Array]:
    """(478, 3) landmarks of the faces in canvas units, the largest first. Searches ever smaller boxes until some are
    found.
    """
    for boxes in _search_boxes(canvas):
        faces = [face for box in boxes for face in detect_faces(canvas, box, 4) if _in_picture(canvas, face)]
        if faces:
            return [_closer(canvas, face) for face in _distinct(faces)]
    return []


def find_all_faces(canvas: Canvas) -> list[Array]:
    """`find_faces`, and the faces that only the detector for small ones sees, each (478, 3), the largest first."""
    near = [face for box in _detections(canvas) for face in detect_faces(canvas, box, 1) if _in_picture(canvas, face)]
    return _distinct([*find_faces(canvas), *near])


def _closer(canvas: Canvas, face: Array) -> Array:
    """A small face (478, 3) measured again at the picture's own resolution."""
    extent = face_extent(face)
    if extent >= SMALL_FACE:
        return face
    centre = (face[:, :2].max(0) + face[:, :2].min(0)) / 2
    closer = detect_faces(canvas, (float(centre[0]), float(centre[1]), extent * FACE_MARGIN), 1)
    same = [each for each in closer if np.linalg.norm(each[:, :2].mean(0) - face[:, :2].mean(0)) < extent / 2]
    return same[0] if same else face  # another one may be its reflection beyond the picture


def detect_faces(canvas: Canvas, box: Box, max_faces: int) -> list[Array]:
    """Up to `max_faces` faces (478, 3) within a box of the canvas, canvas units."""
    pixels = crop(canvas.full, box, MESH_SIDE)
    options = {"refine_landmarks": True, "max_num_faces": max_faces, "min_detection_confidence": 0.3}
    with face_mesh.FaceMesh(**options, min_tracking_confidence=MIN_TRACKING_CONFIDENCE) as mesh:
        for _ in range(SETTLE_PASSES):
            found = mesh.process(pixels).multi_face_landmarks
            if not found:
                return []
    centre = np.array([box[0], box[1], 0], np.float32)
    return [camera_units(face.landmark, pixels.shape) * box[2] + centre for face in found]


def face_extent(face: Array) -> float:
    """Longer side of the box around the landmarks (478, 3), without the irises, in their units."""
    return float(np.ptp(face[:MESH, :2], axis=0).max())


def _search_boxes(canvas: Canvas) -> Iterator[list[Box]]:
    """Lists of boxes in which to look for a face: the whole canvas, around detections, around the head of a body, a
    grid.
    """
    yield [WHOLE_CANVAS]
    yield _detections(canvas)
    with pose_model() as model:
        joints = detect_joints(model, canvas, WHOLE_CANVAS)
    if joints is not None:
        head = joints[HEAD_JOINTS, :2]
        extent = max(float(np.ptp(head, axis=0).max()), 0.05)
        yield [(float(head[NOSE, 0]), float(head[NOSE, 1]), extent * factor) for factor in HEAD_MARGINS]
        if sees_whole_person(joints):
            return  # a face elsewhere would be that of a wheel
    yield [(x, y, GRID_HALF_SIDE) for y in GRID_CENTRES for x in GRID_CENTRES]


def _detections(canvas: Canvas) -> list[Box]:
    """Boxes around what the detector takes for faces."""
    boxes: list[Box] = []
    with face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.3) as detector:
        for side in DETECTOR_SIDES:
            for found in detector.process(crop(canvas.full, WHOLE_CANVAS, side)).detections or []:
                box = found.location_data.relative_bounding_box
                x, y = 2 * box.xmin + box.width - 1, 2 * box.ymin + box.height - 1
                half = DETECTION_MARGIN * max(box.width, box.height)
                if all(np.hypot(x - other[0], y - other[1]) > other[2] / DETECTION_MARGIN for other in boxes):
                    boxes.append((x, y, half))
    return boxes


def _in_picture(canvas: Canvas, face: Array) -> bool:
    """Whether a face lies in the picture itself and not in the reflected margins."""
    x, y = (face[:, :2].mean(0) + 1) * canvas.size / 2
    across, down = (x - canvas.left) / canvas.width, (y - canvas.top) / canvas.height
    return bool(np.isfinite(face).all() and 0 <= across <= 1 and 0 <= down <= 1)


def _distinct(faces: list[Array]) -> list[Array]:
    """The faces, the largest first, without repeated detections of the same one."""
    distinct: list[Array] = []
    for face in sorted(faces, key=face_extent, reverse=True):
        nose = face[NOSE_TIP, :2]
        if all(np.linalg.norm(nose - other[NOSE_TIP, :2]) > face_extent(other) / 2 for other in distinct):
            distinct.append(face)
    return distinct

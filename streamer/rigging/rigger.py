"""From a picture to a rig: finds the face, the person's outline and the joints, with MediaPipe's bundled models."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry.rig import Rig
from models.geometry.topology import topology
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points, PointsError

os.environ.setdefault("GLOG_minloglevel", "3")  # MediaPipe's C++ side reads it when it is loaded, and is chatty
from mediapipe.python.solutions import face_detection, face_mesh, pose, selfie_segmentation

logging.getLogger("absl").setLevel(logging.ERROR)

__all__ = ["MadeRig", "NoFaceError", "Points", "PointsError", "make_rig"]

Array = NDArray[np.float32]
Box = tuple[float, float, float]  # centre x, y and half side, canvas units

MESH_SIDE = 512  # pixels of the crop in which landmarks are taken
CUT_SIDE = 256  # pixels in which GrabCut works
SURE = 0.9  # faces, drawn ones too, reach 0.95 and more; what only looks like one does not
SETTLE = 4  # passes over a still picture until the mesh's tracking window stands where a driver's does


class NoFaceError(KagamiError):
    """The picture shows no face that the tracker knows."""

    code = "no-face"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No face was found in {name}: use a picture that shows one, or name the places of eyes, nose, mouth and "
            "chin yourself with --points points.json."
        )


@dataclass(frozen=True)
class MadeRig:
    """rig: one picture. width, height: pixels of the picture on the canvas, which is what the output keeps."""

    rig: Rig
    width: int
    height: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Canvas:
    """A picture centred on a square.

    rgb, alpha (S, S, 3), (S, S) float 0..1; fine: the square in the picture's own pixels, uint8; left, top, width,
    height: where the picture lies, pixels; cut_out: it brings its own alpha.
    """

    rgb: Array
    alpha: Array
    fine: Image
    left: int
    top: int
    width: int
    height: int
    cut_out: bool

    @property
    def size(self) -> int:
        return self.rgb.shape[0]


def make_rig(picture: Picture, size: int, points: Points | None, device: torch.device | str) -> MadeRig:
    """Prepare a picture on a canvas of `size` pixels.

    points: hand-placed points, which go before what the tracker finds. Raises NoFaceError when there is no face and no
    points, PointsError when the points lie outside of the picture.
    """
    canvas = place(picture, size)
    notes: list[str] = []
    if points is None:
        face = find_face(canvas, notes)
        if face is None:
            raise NoFaceError(picture.name)
        body = find_body(canvas, face)
    else:
        face, body = fit_points(points, canvas, picture), None
    matte = canvas.alpha if canvas.cut_out else separate(canvas, face, None if points is None else points, picture)

    def batch(array: Array) -> torch.Tensor:
        return torch.from_numpy(np.array(array, np.float32, order="C"))[None].to(device)

    backdrop = batch(np.ones((3, size, size), np.float32)) if canvas.cut_out else None
    with torch.inference_mode():
        rig = Rig.build(
            batch(canvas.rgb.transpose(2, 0, 1)),
            batch(matte[None]),
            batch(face),
            None if body is None else batch(body),
            backdrop,
        )
    return MadeRig(rig, canvas.width, canvas.height, notes)


def place(picture: Picture, size: int) -> Canvas:
    """The picture on its canvas; beyond its edges it goes on as in a mirror. Transparent pictures stand on white."""
    rgba = picture.rgba
    height, width = rgba.shape[:2]
    scale = size / max(height, width)
    small_width, small_height = max(2, round(width * scale)), max(2, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    whole = rgba.astype(np.float32) / 255
    whole[..., :3] = whole[..., :3] * whole[..., 3:]  # premultiplied, so that clear pixels' colours do not bleed in
    small = cv2.resize(whole, (small_width, small_height), interpolation=method).clip(0, 1)
    left, top = (size - small_width) // 2, (size - small_height) // 2
    margins = ((top, size - small_height - top), (left, size - small_width - left))
    rgb = np.pad(small[..., :3] + 1 - small[..., 3:], (*margins, (0, 0)), mode="symmetric")
    side = max(height, width)
    x, y = (side - width) // 2, (side - height) // 2
    edges = ((y, side - height - y), (x, side - width - x), (0, 0))
    fine = np.pad(whole[..., :3] + 1 - whole[..., 3:], edges, mode="symmetric")
    return Canvas(
        rgb=rgb.astype(np.float32),
        alpha=np.pad(small[..., 3], margins).astype(np.float32),
        fine=_bytes(fine),
        left=left,
        top=top,
        width=small_width,
        height=small_height,
        cut_out=bool((rgba[..., 3] < 128).mean() > 0.01),
    )


def find_face(canvas: Canvas, notes: list[str]) -> Array | None:
    """(478, 3) landmarks of the largest face, canvas units; looks closer and closer until there is one."""
    for boxes in _closer(canvas):
        faces = [face for box in boxes for face in mesh_in(canvas, box, 4) if _in_picture(canvas, face)]
        if faces:
            count = _different(faces)
            if count > 1:
                notes.append(f"{count} faces found; the largest is animated")
            face = max(faces, key=_side)
            if _side(face) < 0.35:  # small on the canvas: take its landmarks from the picture's own pixels
                middle = (face[:, :2].max(0) + face[:, :2].min(0)) / 2
                near = mesh_in(canvas, (float(middle[0]), float(middle[1]), _side(face) * 1.2), 1)
                face = near[0] if near else face
            return face
    return None


def _closer(canvas: Canvas) -> Iterator[list[Box]]:
    """Where to look for a face, from the likeliest to the most patient."""
    yield [(0.0, 0.0, 1.0)]
    with face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.3) as detector:
        found = detector.process(_crop(canvas.fine, (0.0, 0.0, 1.0), 1024)).detections or []
    boxes = [d.location_data.relative_bounding_box for d in found]
    yield [(2 * b.xmin + b.width - 1, 2 * b.ymin + b.height - 1, 2.2 * max(b.width, b.height)) for b in boxes]
    joints = _joints(_crop(canvas.fine, (0.0, 0.0, 1.0), 768))
    if joints is not None:
        head = joints[:11, :2]
        spread = max(float(np.ptp(head, axis=0).max()), 0.05)
        yield [(float(head[0, 0]), float(head[0, 1]), spread * k) for k in (1.5, 3.0)]
    # Closer than this the mesh begins to see faces in an eye of a cat.
    yield [(x, y, 0.6) for y in (-0.4, 0.0, 0.4) for x in (-0.4, 0.0, 0.4)]


def mesh_in(canvas: Canvas, box: Box, most: int) -> list[Array]:
    """Up to `most` faces (478, 3) in a box of the canvas, canvas units."""
    pixels = _crop(canvas.fine, box, MESH_SIDE)
    options = {"refine_landmarks": True, "max_num_faces": most, "min_detection_confidence": 0.3}
    with face_mesh.FaceMesh(**options, min_tracking_confidence=SURE) as mesh:
        for _ in range(SETTLE):
            found = mesh.process(pixels).multi_face_landmarks
            if not found:
                return []
    corner = np.array([1, 1, 0], np.float32)
    centre = np.array([box[0], box[1], 0], np.float32)
    return [
        (np.array([[p.x, p.y, p.z] for p in one.landmark], np.float32) * 2 - corner) * box[2] + centre for one in found
    ]


def fit_points(points: Points, canvas: Canvas, picture: Picture) -> Array:
    """(478, 3) landmarks from hand-placed points. Raises PointsError when one lies outside of the picture."""
    scale = canvas.width / (picture.rgba.shape[1] / picture.scale)
    width, height = canvas.width / scale, canvas.height / scale
    for name, (x, y) in points.places.items():
        if not (0 <= x <= width and 0 <= y <= height):
            raise PointsError(
                f"The point {name} [{x:g}, {y:g}] lies outside of the picture, which has "
                f"{width:.0f} x {height:.0f} pixels."
            )
    return points.landmarks(scale, (canvas.left, canvas.top), canvas.size / 2)


def separate(canvas: Canvas, face: Array, points: Points | None, picture: Picture) -> Array:
    """(S, S) matte of the character, 0..1, its soft edge drawn along the picture's own."""
    rgb = _bytes(canvas.rgb)
    if points is not None and points.outline:
        scale = canvas.width / (picture.rgba.shape[1] / picture.scale)
        shape = np.array(points.outline) * scale + (canvas.left, canvas.top)
        coarse = np.zeros(rgb.shape[:2], np.float32)
        cv2.fillPoly(coarse, [np.round(shape * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    else:
        coarse = segment(rgb) if points is None else np.zeros(rgb.shape[:2], np.float32)
        mask = _face_mask(face, canvas.size)
        known = coarse[mask > 0].mean() > 0.6  # a person that the network knows
        more = _beside(rgb, coarse, face) if known else _grab(rgb, face)
        coarse = np.maximum(np.maximum(coarse, more), mask)
    return _along_edges(canvas.rgb, coarse)


def segment(rgb: Image) -> Array:
    """(S, S) how much each pixel belongs to a person, 0..1."""
    with selfie_segmentation.SelfieSegmentation(model_selection=0) as model:
        return np.asarray(model.process(rgb).segmentation_mask, np.float32)


def find_body(canvas: Canvas, face: Array) -> Array | None:
    """(33, 4) joints of the person whose face (478, 3) it is, canvas units and visibility; None when there are none."""
    joints = _joints(_crop(canvas.fine, (0.0, 0.0, 1.0), 768))
    if joints is None:
        return None
    away = np.linalg.norm(joints[0, :2] - face[1, :2])  # nose to nose
    return joints if away < _side(face) else None


def _joints(rgb: Image) -> Array | None:
    with pose.Pose(static_image_mode=True, model_complexity=1) as model:
        found = model.process(rgb).pose_landmarks
    if not found:
        return None
    return np.array([[p.x * 2 - 1, p.y * 2 - 1, p.z * 2, p.visibility] for p in found.landmark], np.float32)


def _crop(pixels: Image, box: Box, side: int) -> Image:
    """A box of a square picture, resampled to side×side; beyond the picture its border goes on."""
    size = pixels.shape[0]
    x, y, half = ((box[0] + 1) * size / 2, (box[1] + 1) * size / 2, box[2] * size / 2)
    if 2 * half > 1.5 * side:
        shrink = side / (2 * half)
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        x, y, half = x * shrink, y * shrink, side / 2
    zoom = side / (2 * half)
    matrix = np.array([[zoom, 0, (half - x) * zoom + (zoom - 1) / 2], [0, zoom, (half - y) * zoom + (zoom - 1) / 2]])
    return cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _in_picture(canvas: Canvas, face: Array) -> bool:
    """Whether a face lies in the picture itself and not in its mirrored margins."""
    x, y = (face[:, :2].mean(0) + 1) * canvas.size / 2
    across, down = (x - canvas.left) / canvas.width, (y - canvas.top) / canvas.height
    return bool(np.isfinite(face).all() and 0 <= across <= 1 and 0 <= down <= 1)


def _side(face: Array) -> float:
    return float(np.ptp(face[:468, :2], axis=0).max())


def _different(faces: list[Array]) -> int:
    """How many faces, those found twice counted once."""
    kept: list[Array] = []
    for face in sorted(faces, key=_side, reverse=True):
        if all(np.linalg.norm(face[1, :2] - other[1, :2]) > _side(other) / 2 for other in kept):
            kept.append(face)
    return len(kept)


def _face_mask(face: Array, size: int) -> Array:
    oval = face[topology().oval.numpy(), :2]
    mask = np.zeros((size, size), np.float32)
    inner = oval.mean(0) + (oval - oval.mean(0)) * 0.94
    cv2.fillPoly(mask, [np.round(((inner + 1) * size / 2 - 0.5) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return mask


def _grab(rgb: Image, face: Array) -> Array:
    """(S, S) matte of a character that no network knows, by GrabCut (Rother et al. 2004) grown from the face."""
    middle = ((face[:468, :2].max(0) + face[:468, :2].min(0)) / 2 + 1) * CUT_SIDE / 2
    half = _side(face) * CUT_SIDE / 4
    y, x = np.mgrid[:CUT_SIDE, :CUT_SIDE].astype(np.float32)
    distance = np.hypot((x - middle[0]) / half, (y - middle[1]) / half)
    below = (np.abs(x - middle[0]) < 1.3 * half) & (y > middle[1])
    labels = np.full((CUT_SIDE, CUT_SIDE), cv2.GC_BGD, np.uint8)
    labels[(distance < 2.6) | below] = cv2.GC_PR_BGD
    labels[distance < 1.4] = cv2.GC_PR_FGD
    labels[_face_mask(face, CUT_SIDE) > 0.5] = cv2.GC_FGD
    return _smooth(_cut(rgb, labels), rgb.shape[0])


def _beside(rgb: Image, coarse: Array, face: Array) -> Array:
    """(S, S) what belongs to a person beside the coarse matte by its colours: hair that the network left out."""
    small = cv2.resize(coarse, (CUT_SIDE, CUT_SIDE))
    reach = max(3, int(_side(face) * CUT_SIDE * 0.11))
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    labels = np.full((CUT_SIDE, CUT_SIDE), cv2.GC_BGD, np.uint8)
    labels[cv2.dilate((small > 0.5).astype(np.uint8), ball) > 0] = cv2.GC_PR_BGD
    labels[small > 0.5] = cv2.GC_PR_FGD
    labels[cv2.erode((small > 0.9).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0] = cv2.GC_FGD
    found = _cut(rgb, labels)
    found[small > 0.5] = 0
    return _smooth(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), rgb.shape[0])


def _cut(rgb: Image, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """GrabCut from labels (CUT_SIDE, CUT_SIDE): 1 where the character is. Labels that leave nothing open stay."""
    small = cv2.resize(rgb, (CUT_SIDE, CUT_SIDE), interpolation=cv2.INTER_AREA)
    front = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if front.any() and not front.all():
        cv2.setRNGSeed(1)
        cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)


def _smooth(mask: NDArray[np.uint8], size: int) -> Array:
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)
    return cv2.resize(soft, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _along_edges(rgb: Array, coarse: Array) -> Array:
    """A guided filter (He et al. 2010) of the matte by the picture, its contrast raised; only near the edge."""
    size = coarse.shape[0]
    radius = max(2, size // 128)
    sharp = cv2.ximgproc.guidedFilter(rgb, coarse, radius, 1e-4)
    sharp = ((sharp - 0.15) / 0.7).clip(0, 1)
    return np.where((coarse > 0.98) & (cv2.erode(coarse, np.ones((5, 5))) > 0.98), 1.0, sharp).astype(np.float32)


def _bytes(picture: Array) -> Image:
    return np.round(picture * 255).clip(0, 255).astype(np.uint8)

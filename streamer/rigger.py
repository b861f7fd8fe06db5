"""From a picture to a rig: finds the face, the person's outline and the joints, with MediaPipe's bundled models."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.rig import Rig
from streamer.errors import KagamiError
from streamer.frames import Image
from streamer.picture import Picture

os.environ.setdefault("GLOG_minloglevel", "3")  # MediaPipe's C++ side reads it when it is loaded, and is chatty
from mediapipe.python.solutions import face_mesh, pose, selfie_segmentation

logging.getLogger("absl").setLevel(logging.ERROR)

Array = NDArray[np.float32]


class NoFaceError(KagamiError):
    """The picture shows no face that the tracker knows."""

    code = "no-face"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No face was found in {name}: use a picture that shows one, or name the places of eyes, nose, mouth and chin "
            "yourself with --points points.json."
        )


class PointsError(KagamiError):
    """The points file cannot be used."""

    code = "points"


@dataclass(frozen=True)
class Points:
    """Named places in a picture, in its pixels."""

    places: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class MadeRig:
    """rig: one picture. width, height: pixels of the picture on the canvas, which is what the output keeps."""

    rig: Rig
    width: int
    height: int
    notes: list[str] = field(default_factory=list)


def make_rig(picture: Picture, size: int, points: Points | None, device: torch.device | str) -> MadeRig:
    """Prepare a picture on a canvas of `size` pixels. Raises NoFaceError when there is no face and no points."""
    rgba = picture.rgba
    height, width = rgba.shape[:2]
    scale = size / max(height, width)
    width, height = max(2, round(width * scale)), max(2, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(rgba, (width, height), interpolation=method).astype(np.float32) / 255
    has_alpha = bool((rgba[..., 3] < 250).any())
    rgb = small[..., :3] * small[..., 3:] + (1 - small[..., 3:])
    left, top = (size - width) // 2, (size - height) // 2
    margins = ((top, size - height - top), (left, size - width - left))
    canvas = np.pad(rgb, (*margins, (0, 0)), mode="symmetric")
    pixels = np.round(canvas * 255).clip(0, 255).astype(np.uint8)
    notes: list[str] = []
    face = find_face(pixels, notes)
    if face is None:
        raise NoFaceError(picture.name)
    matte = np.pad(small[..., 3], margins) if has_alpha else segment(pixels)
    body = find_body(pixels)
    tensor = torch.from_numpy

    def batch(array: Array) -> torch.Tensor:
        return tensor(np.array(array, np.float32, order="C"))[None].to(device)

    with torch.inference_mode():
        rig = Rig.build(
            batch(canvas.transpose(2, 0, 1)),
            batch(matte[None]),
            batch(face),
            None if body is None else batch(body),
        )
    return MadeRig(rig, width, height, notes)


def find_face(rgb: Image, notes: list[str]) -> Array | None:
    """(478, 3) landmarks of the largest face on a square canvas, canvas units."""
    with face_mesh.FaceMesh(refine_landmarks=True, max_num_faces=4, min_detection_confidence=0.3) as mesh:
        for _ in range(4):  # tracking settles on a tighter window than detection: what the driver's landmarks come from
            found = mesh.process(rgb).multi_face_landmarks
    if not found:
        return None
    corner = np.array([1, 1, 0], np.float32)
    faces = [np.array([[p.x, p.y, p.z] for p in one.landmark], np.float32) * 2 - corner for one in found]
    if len(faces) > 1:
        notes.append(f"{len(faces)} faces found; the largest is animated")
    return max(faces, key=lambda face: np.ptp(face[:, 0]))


def segment(rgb: Image) -> Array:
    """(S, S) matte of the person, 0..1."""
    with selfie_segmentation.SelfieSegmentation(model_selection=0) as model:
        return np.asarray(model.process(rgb).segmentation_mask, np.float32)


def find_body(rgb: Image) -> Array | None:
    """(33, 4) joints on a square canvas, canvas units and visibility."""
    with pose.Pose(static_image_mode=True, model_complexity=1) as model:
        found = model.process(rgb).pose_landmarks
    if not found:
        return None
    joints = np.array([[p.x * 2 - 1, p.y * 2 - 1, p.z * 2, p.visibility] for p in found.landmark], np.float32)
    return joints

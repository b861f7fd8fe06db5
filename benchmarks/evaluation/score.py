"""How well an animated clip matches its ground truth: pixels, landmarks, openings, pose, jitter.

Landmarks here are (478, 3) in pixels of the frame (z in the unit of x), or None where no face was found.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.topology import (
    CHIN,
    FOREHEAD,
    LEFT_BROW_MIDDLE,
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_FACE_EDGE,
    LEFT_INNER_MOUTH_CORNER,
    LEFT_LOWER_LID,
    LEFT_MOUTH_CORNER,
    LEFT_UPPER_LID,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTER,
    MESH,
    NOSE_BRIDGE,
    NOSE_TIP,
    RIGHT_BROW_MIDDLE,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_FACE_EDGE,
    RIGHT_INNER_MOUTH_CORNER,
    RIGHT_LOWER_LID,
    RIGHT_MOUTH_CORNER,
    RIGHT_UPPER_LID,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
)
from streamer.frames import Image

Face = NDArray[np.float64]
FIGURES = (
    "frames", "found", "psnr", "ssim", "face_psnr", "mouth_l1", "eyes_l1", "sharp",
    "akd", "mouth_corr", "eye_corr", "brow_corr", "mouth_gain", "pose_deg", "jitter",
)  # fmt: skip

_RIGID = [
    RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER, NOSE_TIP, NOSE_BRIDGE, 6, FOREHEAD, CHIN,
    RIGHT_FACE_EDGE, LEFT_FACE_EDGE, 127, 356, 9, 8, 4, 5, 195, 197,
]  # fmt: skip
_MOUTH = [
    RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER, UPPER_LIP_OUTER, LOWER_LIP_OUTER, UPPER_LIP_INNER, LOWER_LIP_INNER,
    RIGHT_INNER_MOUTH_CORNER, LEFT_INNER_MOUTH_CORNER, 37, 267, 84, 314,
]  # fmt: skip
_EYES = [
    RIGHT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_UPPER_LID, RIGHT_LOWER_LID,
    LEFT_EYE_INNER, LEFT_EYE_OUTER, LEFT_UPPER_LID, LEFT_LOWER_LID,
]  # fmt: skip
_SSIM_STEP = 5  # SSIM is computed for every fifth frame
_MIN_VARIATION = 0.006  # of the eye distance: standard deviation of an opening below which it has no correlation


def score(
    truth: Sequence[Image],
    drawn: Sequence[Image],
    truth_faces: Sequence[Face | None],
    drawn_faces: Sequence[Face | None],
) -> dict[str, float]:
    """All FIGURES for two clips of equal size, (H, W, 3) uint8 frames and their landmarks; NaN where one is undefined.

    frames: number of frames.
    found: share of drawn frames in which a face is found.
    psnr, ssim: whole frame, dB and 0..1, without the first frame (the reference itself).
    face_psnr: in the box of the true face.
    mouth_l1, eyes_l1: mean error 0..255 in the boxes of mouth and eyes.
    sharp: median variance of the Laplacian in the face box, ratio of drawn to true.
    akd: mean landmark distance, % of the eye distance.
    mouth_corr, eye_corr, brow_corr: correlation of the opening with the true one.
    mouth_gain: slope of the mouth's opening over the true one.
    pose_deg: mean error of the head's rotation since the first frame.
    jitter: mean |third difference| of the landmarks, ratio of drawn to true.
    """
    count = min(len(truth), len(drawn))
    pairs = list(zip(truth[:count], drawn[:count], strict=True))
    figures: dict[str, float] = {
        "frames": count,
        "found": float(np.mean([face is not None for face in drawn_faces[:count]])),
    }
    figures["psnr"] = _mean([_psnr(a, b) for a, b in pairs[1:]])
    figures["ssim"] = _mean([ssim(a, b) for a, b in pairs[1::_SSIM_STEP]])
    figures |= _boxes(pairs, truth_faces)
    both = [
        (a, b) for a, b in zip(truth_faces[:count], drawn_faces[:count], strict=True) if a is not None and b is not None
    ]
    figures |= _landmarks([a for a, _ in both], [b for _, b in both])
    return {name: figures[name] for name in FIGURES}


def means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over the clips where it is defined; NaN where it is defined in none."""
    return {name: _mean([row[name] for row in rows if not np.isnan(row[name])]) for name in FIGURES}


def ssim(a: Image, b: Image) -> float:
    """Structural similarity (Wang et al., TIP 2004) of (H, W, 3) uint8 pictures: 7×7 flat window, sample covariance."""
    x, y = a.astype(np.float64), b.astype(np.float64)

    def local(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.blur(values, (7, 7))[3:-3, 3:-3], np.float64)

    mean_x, mean_y, sample = local(x), local(y), 49 / 48
    var_x, var_y = sample * (local(x * x) - mean_x**2), sample * (local(y * y) - mean_y**2)
    covariance = sample * (local(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((numerator / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def _boxes(pairs: list[tuple[Image, Image]], faces: Sequence[Face | None]) -> dict[str, float]:
    psnr: list[float] = []
    sharp: list[float] = []
    mouth: list[float] = []
    eyes: list[float] = []
    for (truth, drawn), face in list(zip(pairs, faces, strict=False))[1:]:
        if face is None:
            continue
        box = _box(face, list(range(MESH)), 0.1)
        psnr.append(_psnr(truth[box], drawn[box]))
        sharp.append(_sharpness(drawn[box]) / max(_sharpness(truth[box]), 1e-3))
        for points, errors in ((_MOUTH, mouth), (_EYES, eyes)):
            box = _box(face, points, 0.25)
            errors.append(float(np.abs(truth[box].astype(np.float64) - drawn[box]).mean()))
    return {
        "face_psnr": _mean(psnr),
        "mouth_l1": _mean(mouth),
        "eyes_l1": _mean(eyes),
        "sharp": float(np.median(sharp)) if sharp else np.nan,
    }


def _landmarks(truth: list[Face], drawn: list[Face]) -> dict[str, float]:
    if not truth:
        names = ("akd", "mouth_corr", "eye_corr", "brow_corr", "mouth_gain", "pose_deg", "jitter")
        return dict.fromkeys(names, np.nan)
    distances = [
        np.linalg.norm(a[:MESH, :2] - b[:MESH, :2], axis=1).mean() / _eye_distance(a)
        for a, b in zip(truth, drawn, strict=True)
    ]
    expected, got = np.array([_openings(face) for face in truth]), np.array([_openings(face) for face in drawn])
    pose_errors = [
        _angle(_rotation(truth[0], a).T @ _rotation(drawn[0], b)) for a, b in zip(truth[1:], drawn[1:], strict=True)
    ]
    mouth_varies = np.std(expected[:, 0]) > _MIN_VARIATION
    return {
        "akd": 100 * _mean(distances),
        "mouth_corr": _correlation(expected[:, 0], got[:, 0]),
        "eye_corr": _correlation(expected[:, 1], got[:, 1]),
        "brow_corr": _correlation(expected[:, 2], got[:, 2]),
        "mouth_gain": float(np.polyfit(expected[:, 0], got[:, 0], 1)[0]) if mouth_varies else np.nan,
        "pose_deg": _mean(pose_errors),
        "jitter": _jitter(drawn) / max(_jitter(truth), 1e-6) if len(truth) > 3 else np.nan,
    }


def _openings(face: Face) -> tuple[float, float, float]:
    """Openings of the mouth and the eyes, and height of the brows above the eyes, in units of the eye distance."""
    unit = _eye_distance(face)

    def gap(a: int, b: int) -> float:
        return float(np.linalg.norm(face[a] - face[b]) / unit)

    mouth = gap(UPPER_LIP_INNER, LOWER_LIP_INNER)
    eyes = (gap(RIGHT_UPPER_LID, RIGHT_LOWER_LID) + gap(LEFT_UPPER_LID, LEFT_LOWER_LID)) / 2
    brows = (gap(RIGHT_BROW_MIDDLE, RIGHT_UPPER_LID) + gap(LEFT_BROW_MIDDLE, LEFT_UPPER_LID)) / 2
    return mouth, eyes, brows


def _eye_distance(face: Face) -> np.floating:
    """Between the outer corners of the eyes, in pixels."""
    return np.linalg.norm(face[RIGHT_EYE_OUTER, :2] - face[LEFT_EYE_OUTER, :2])


def _rotation(first: Face, later: Face) -> NDArray[np.float64]:
    """(3, 3) rotation of the rigid landmarks from one frame to another (Kabsch 1976)."""
    a, b = first[_RIGID] - first[_RIGID].mean(0), later[_RIGID] - later[_RIGID].mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    return np.asarray(u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt)


def _angle(rotation: NDArray[np.float64]) -> float:
    """The angle of a rotation, degrees."""
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.std(a) > _MIN_VARIATION and np.std(b) > 1e-6 else np.nan


def _jitter(faces: list[Face]) -> float:
    return float(np.abs(np.diff(np.array([face[:MESH, :2] for face in faces]), 3, axis=0)).mean())


def _box(face: Face, points: list[int], grow: float) -> tuple[slice, slice]:
    chosen = face[points, :2]
    low, high = chosen.min(0), chosen.max(0)
    margin = (high - low) * grow + 2
    (left, top), (right, bottom) = (low - margin), (high + margin)
    return slice(int(max(0, top)), int(bottom)), slice(int(max(0, left)), int(right))


def _psnr(a: Image, b: Image) -> float:
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return 10 * np.log10(255**2 / max(error, 1e-3))


def _sharpness(picture: Image) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else np.nan

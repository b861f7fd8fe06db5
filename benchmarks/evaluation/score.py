"""How well an animated clip matches the truth: pixels, landmarks, openings, pose, jitter.

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

_MESH = 468  # without the irises
_BONE = [
    RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER, NOSE_TIP, NOSE_BRIDGE, 6, FOREHEAD, CHIN,
    RIGHT_FACE_EDGE, LEFT_FACE_EDGE, 127, 356, 9, 8, 4, 5, 195, 197,
]  # fmt: skip
_MOUTH = [
    RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER, UPPER_LIP_OUTER, LOWER_LIP_OUTER, UPPER_LIP_INNER, LOWER_LIP_INNER,
    RIGHT_INNER_MOUTH_CORNER, LEFT_INNER_MOUTH_CORNER, 37, 267, 84, 314,
]  # fmt: skip
_EYES = [
    RIGHT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_UPPER_LID, RIGHT_LOWER_LID, LEFT_EYE_INNER, LEFT_EYE_OUTER, LEFT_UPPER_LID,
    LEFT_LOWER_LID,
]  # fmt: skip
_SSIM_EVERY = 5
_FLAT = 0.006  # of the eye distance; an opening that varies less has no correlation worth the name


def score(
    truth: Sequence[Image],
    drawn: Sequence[Image],
    truth_faces: Sequence[Face | None],
    drawn_faces: Sequence[Face | None],
) -> dict[str, float]:
    """All FIGURES for two clips of equal size, (H, W, 3) uint8 frames and their landmarks; NaN where one is undefined.

    psnr, ssim: whole frame, dB and 0..1, without the first frame (the reference itself). face_psnr: in the truth's face
    box. mouth_l1, eyes_l1: mean error 0..255 in the boxes of mouth and eyes. sharp: median variance of the Laplacian in
    the face box, drawn over truth. akd: mean landmark distance, % of the eye distance. *_corr: correlation of the
    opening with the truth's; mouth_gain: its slope. pose_deg: mean error of the head's turn since the first frame.
    jitter: mean |third difference| of the landmarks, drawn over truth. found: share of drawn frames that show a face.
    """
    count = min(len(truth), len(drawn))
    pairs = list(zip(truth[:count], drawn[:count], strict=True))
    figures: dict[str, float] = {
        "frames": count,
        "found": float(np.mean([face is not None for face in drawn_faces[:count]])),
    }
    figures["psnr"] = _mean([_psnr(a, b) for a, b in pairs[1:]])
    figures["ssim"] = _mean([ssim(a, b) for a, b in pairs[1::_SSIM_EVERY]])
    figures |= _boxes(pairs, truth_faces)
    both = [
        (a, b) for a, b in zip(truth_faces[:count], drawn_faces[:count], strict=True) if a is not None and b is not None
    ]
    figures |= _landmarks([a for a, _ in both], [b for _, b in both])
    return {name: figures[name] for name in FIGURES}


def means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Each figure's mean over clips, leaving out where it is undefined; NaN if it is nowhere defined."""
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
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((above / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def _boxes(pairs: list[tuple[Image, Image]], faces: Sequence[Face | None]) -> dict[str, float]:
    psnr: list[float] = []
    sharp: list[float] = []
    mouth: list[float] = []
    eyes: list[float] = []
    for (truth, drawn), face in list(zip(pairs, faces, strict=False))[1:]:
        if face is None:
            continue
        box = _box(face, list(range(_MESH)), 0.1)
        psnr.append(_psnr(truth[box], drawn[box]))
        sharp.append(_detail(drawn[box]) / max(_detail(truth[box]), 1e-3))
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
        np.linalg.norm(a[:_MESH, :2] - b[:_MESH, :2], axis=1).mean()
        / np.linalg.norm(a[RIGHT_EYE_OUTER, :2] - a[LEFT_EYE_OUTER, :2])
        for a, b in zip(truth, drawn, strict=True)
    ]
    wanted, made = np.array([_openings(face) for face in truth]), np.array([_openings(face) for face in drawn])
    turns = [_angle(_turn(truth[0], a).T @ _turn(drawn[0], b)) for a, b in zip(truth[1:], drawn[1:], strict=True)]
    moves = np.std(wanted[:, 0]) > _FLAT
    return {
        "akd": 100 * _mean(distances),
        "mouth_corr": _correlation(wanted[:, 0], made[:, 0]),
        "eye_corr": _correlation(wanted[:, 1], made[:, 1]),
        "brow_corr": _correlation(wanted[:, 2], made[:, 2]),
        "mouth_gain": float(np.polyfit(wanted[:, 0], made[:, 0], 1)[0]) if moves else np.nan,
        "pose_deg": _mean(turns),
        "jitter": _jitter(drawn) / max(_jitter(truth), 1e-6) if len(truth) > 3 else np.nan,
    }


def _openings(face: Face) -> tuple[float, float, float]:
    """Mouth, eyes and brows, in units of the eye distance."""
    unit = np.linalg.norm(face[RIGHT_EYE_OUTER, :2] - face[LEFT_EYE_OUTER, :2])

    def gap(a: int, b: int) -> float:
        return float(np.linalg.norm(face[a] - face[b]) / unit)

    eyes = (gap(RIGHT_UPPER_LID, RIGHT_LOWER_LID) + gap(LEFT_UPPER_LID, LEFT_LOWER_LID)) / 2
    brows = (gap(RIGHT_BROW_MIDDLE, RIGHT_UPPER_LID) + gap(LEFT_BROW_MIDDLE, LEFT_UPPER_LID)) / 2
    return gap(UPPER_LIP_INNER, LOWER_LIP_INNER), eyes, brows


def _turn(first: Face, later: Face) -> NDArray[np.float64]:
    """(3, 3) rotation of the bony landmarks from one frame to another (Kabsch 1976)."""
    a, b = first[_BONE] - first[_BONE].mean(0), later[_BONE] - later[_BONE].mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    return np.asarray(u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt)


def _angle(rotation: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.std(a) > _FLAT and np.std(b) > 1e-6 else np.nan


def _jitter(faces: list[Face]) -> float:
    return float(np.abs(np.diff(np.array([face[:_MESH, :2] for face in faces]), 3, axis=0)).mean())


def _box(face: Face, points: list[int], grow: float) -> tuple[slice, slice]:
    chosen = face[points, :2]
    low, high = chosen.min(0), chosen.max(0)
    margin = (high - low) * grow + 2
    (left, top), (right, bottom) = (low - margin), (high + margin)
    return slice(int(max(0, top)), int(bottom)), slice(int(max(0, left)), int(right))


def _psnr(a: Image, b: Image) -> float:
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return 10 * np.log10(255**2 / max(error, 1e-3))


def _detail(picture: Image) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else np.nan

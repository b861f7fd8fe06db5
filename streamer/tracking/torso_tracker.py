"""The torso's motion from the texture of the clothes, far more precise than the shoulders' joints.

Corners below the chin are tracked by pyramidal Lucas-Kanade from one keyframe to every frame, so that errors do not
accumulate (Bouguet: Pyramidal Implementation of the Lucas Kanade Feature Tracker, Intel 2000), and a similarity is
fitted to them robustly.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.body import (
    HAND_LENGTH,
    LEFT_ELBOW,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    SHOULDERS,
)
from models.geometry.topology import CHIN
from streamer.frames import Image
from streamer.tracking.image_points import to_camera_units, to_pixels
from streamer.tracking.motion import CONFIDENCE, KEYFRAME, MIN_VISIBILITY, VISIBILITY, Array, face_size

GREY_SIDE = 320  # pixels of the longer side of the grey picture
MAX_CORNERS = 80  # of a keyframe
CORNER_QUALITY = 0.003  # of the strongest corner's; untrackable ones are rejected by the round trip anyway
MIN_CORNER_WEIGHT = 8.0  # total weight of tracked corners; less gives no confidence, twice as much full confidence
MAX_ROUND_TRIP_ERROR = 1.0  # px between a corner and its track forwards and back
CLOTH_NOISE = 0.01  # shoulder widths that folding cloth deviates from a rigid torso; at least one pixel is assumed
SIMILARITY_PRIOR = 0.1  # radians, and log of scale: usual rotation and growth of a torso in front of a camera
CONFIDENCE_SMOOTHING_S = 0.15  # time constant of the reported confidence
MAX_ROTATION = 0.6  # radians since the keyframe; a larger one is a false match
MAX_SIZE_RATIO = 2  # factor of the size since the keyframe, or its inverse; a larger one is a false match
# `torso_region`, in face sizes from the chin or in shoulder widths:
NECK_DROP = 0.35  # face sizes from the chin to the region's upper edge
NECK_HALF_WIDTHS = (0.8, 0.3)  # face sizes, and shoulder widths; the smaller one counts
SHOULDER_MARGIN = 0.08  # shoulder widths of the region's edge above the joints
WAIST_DROP = 1.2  # shoulder widths from the joints to the region's lower edge
FOREARM_WIDTH, HAND_BORDER = 0.25, 0.15  # shoulder widths, of what `arm_mask` covers
UNMATCHED_S = 2.0  # without a match, after which the next good frame becomes the keyframe

_FOREARMS = ([LEFT_ELBOW, LEFT_WRIST], [RIGHT_ELBOW, RIGHT_WRIST])
_LK_WINDOW = (15, 15)
_LK_LEVELS = 2
_LK_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.02)

Complex = NDArray[np.complex128]  # points x + iy: a similarity is then factor · point + offset


class TorsoTracker:
    """Tracks one person's torso. The only picture it stores is the keyframe, small and grey. Not thread-safe."""

    def __init__(self) -> None:
        self._keyframe_number = 0
        self.reset()

    def reset(self) -> None:
        """Drop the keyframe."""
        self._keyframe: Image | None = None
        self._corners = np.zeros((0, 2), np.float32)  # in the keyframe
        self._shoulders = np.zeros(2, np.complex128)  # in the keyframe
        self._factor, self._offset = 1 + 0j, 0j  # similarity from the keyframe to the last matched frame
        self._confidence, self._time, self._last_match = 0.0, 0.0, 0.0

    def track(self, rgb: Image, captured: float, face: Array | None, body: Array | None, hands: Array) -> Array:
        """(2, 4) two points that move with the torso: x, y in camera units, number of the keyframe, confidence 0..1.

        They are the left and the right shoulder as measured in the keyframe, moved by the similarity since. Points of
        different keyframes must not be compared. rgb (H, W, 3); face (478, 3), body (33, 4), hands (2, 21, 4) of it.
        """
        grey = small_grey(rgb)
        if self._keyframe is not None and self._keyframe.shape != grey.shape:
            self.reset()
        confidence = 0.0
        if face is not None and body is not None and bool(body[SHOULDERS, VISIBILITY].min() > MIN_VISIBILITY):
            hidden = arm_mask(grey.shape, body, hands)
            if self._keyframe is not None and 0 <= captured - self._last_match <= UNMATCHED_S:
                confidence = self._match(self._keyframe, grey, hidden, body)
            else:
                confidence = self._new_keyframe(grey, hidden, face, body)
                self._time = captured if confidence else self._time
            if confidence:
                self._last_match = captured
        self._smooth_confidence(confidence, captured)
        return self._torso_points(grey.shape)

    def _new_keyframe(self, grey: Image, hidden: Image, face: Array, body: Array) -> float:
        """Make this picture the keyframe if it has enough corners; its confidence."""
        corners = find_corners(grey, torso_region(grey.shape, face, body) & ~hidden)
        confidence = _fit_confidence(corners, np.ones(len(corners)), len(corners), _shoulder_width(grey.shape, body))
        self._keyframe = None
        if confidence > 0:
            self._keyframe, self._corners = grey, corners
            self._shoulders = _to_complex(to_pixels(body[SHOULDERS, :2], grey.shape))
            self._factor, self._offset = 1 + 0j, 0j
            self._keyframe_number += 1
            self._confidence = confidence
        return confidence

    def _match(self, keyframe: Image, grey: Image, hidden: Image, body: Array) -> float:
        """Track the keyframe's corners in this picture and update the similarity; its confidence, 0 without a match."""
        corners = _to_complex(self._corners)
        guess = _to_points(self._factor * corners + self._offset)
        if self._confidence < 0.1:  # the last similarity is out of date: start from the motion of the joints
            shoulders = _to_complex(to_pixels(body[SHOULDERS, :2], grey.shape))
            guess = _to_points(corners + (shoulders - self._shoulders).mean())
        column, row = np.rint(guess).astype(int).T
        height, width = grey.shape
        visible = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        visible[visible] = hidden[row[visible], column[visible]] == 0
        if visible.sum() < MIN_CORNER_WEIGHT:
            return 0.0
        tracked, consistent = track_corners(keyframe, grey, self._corners[visible], guess[visible])
        if consistent.sum() < MIN_CORNER_WEIGHT:
            return 0.0
        points = self._corners[visible][consistent]
        shoulder_width = _shoulder_width(grey.shape, body)
        noise = max(1.0, CLOTH_NOISE * shoulder_width)
        factor, offset, weights = fit_similarity(_to_complex(points), _to_complex(tracked[consistent]), noise)
        confidence = _fit_confidence(points, weights, int(visible.sum()), shoulder_width)
        rotation, growth = abs(math.atan2(factor.imag, factor.real)), abs(factor)
        if not (1 / MAX_SIZE_RATIO < growth < MAX_SIZE_RATIO and rotation < MAX_ROTATION):
            return 0.0
        if confidence > 0:
            self._factor, self._offset = factor, offset
        return confidence

    def _smooth_confidence(self, confidence: float, captured: float) -> None:
        step = captured - self._time
        if step > 0:
            self._confidence += (confidence - self._confidence) * (1 - math.exp(-step / CONFIDENCE_SMOOTHING_S))
        self._time = captured

    def _torso_points(self, shape: tuple[int, ...]) -> Array:
        """`Motion.torso` in a picture of `shape` (H, W)."""
        torso = np.zeros((2, 4), np.float32)
        if self._keyframe is not None:
            torso[:, :2] = to_camera_units(_to_points(self._factor * self._shoulders + self._offset), shape)
            torso[:, KEYFRAME], torso[:, CONFIDENCE] = self._keyframe_number, self._confidence
        return torso


def small_grey(rgb: Image) -> Image:
    """(H, W, 3) → grey, at most GREY_SIDE pixels along its longer side."""
    factor = GREY_SIDE / max(rgb.shape[:2])
    if factor < 1:
        size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def torso_region(shape: tuple[int, ...], face: Array, body: Array) -> Image:
    """(H, W) mask, 255 on the torso: from below the chin along the slope of the shoulders, and down between them.

    It is narrow, to exclude arms and background. face (478, 3), body (33, 4): camera units.
    """
    left, right, chin = to_pixels(np.stack([body[LEFT_SHOULDER, :2], body[RIGHT_SHOULDER, :2], face[CHIN, :2]]), shape)
    width = max(float(np.linalg.norm(left - right)), 1.0)
    size = face_size(face) * max(shape[:2]) / 2
    across = (left - right) / width
    down = np.array([-across[1], across[0]])
    neck = chin + NECK_DROP * size * down
    half_neck = min(NECK_HALF_WIDTHS[0] * size, NECK_HALF_WIDTHS[1] * width) * across
    rise = -SHOULDER_MARGIN * width * down
    waist = WAIST_DROP * width * down
    polygon = [neck + half_neck, left + rise, left + waist, right + waist, right + rise, neck - half_neck]
    region = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(region, [np.rint(polygon).astype(np.int32)], 255)
    return region


def arm_mask(shape: tuple[int, ...], body: Array, hands: Array) -> Image:
    """(H, W) mask, 255 on forearms and hands, which may cover the torso. body (33, 4), hands (2, 21, 4)."""
    mask = np.zeros(shape[:2], np.uint8)
    width = _shoulder_width(shape, body)
    for elbow_wrist in _FOREARMS:
        if body[elbow_wrist[1], VISIBILITY] > MIN_VISIBILITY:
            elbow, wrist = to_pixels(body[elbow_wrist, :2], shape)
            fingertips = wrist + HAND_LENGTH * (wrist - elbow)
            ends = [tuple(int(v) for v in np.rint(end)) for end in (elbow, fingertips)]
            cv2.line(mask, ends[0], ends[1], 255, max(1, int(FOREARM_WIDTH * width)))
    for hand in hands:
        if hand[:, CONFIDENCE].any():
            hull = cv2.convexHull(np.rint(to_pixels(hand[:, :2], shape)).astype(np.int32))
            cv2.fillPoly(mask, [hull], 255)
            cv2.polylines(mask, [hull], True, 255, max(1, int(HAND_BORDER * width)))
    return mask


def find_corners(grey: Image, region: Image) -> Array:
    """(N, 2) pixels of corners within a region (Shi and Tomasi), whose texture varies in both directions."""
    found = cv2.goodFeaturesToTrack(grey, MAX_CORNERS, CORNER_QUALITY, 4, mask=region, blockSize=5)
    return np.zeros((0, 2), np.float32) if found is None else np.asarray(found.reshape(-1, 2), np.float32)


def track_corners(keyframe: Image, grey: Image, corners: Array, guess: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Positions (N, 2) of the keyframe's corners (N, 2) in another picture, searched from a guess (N, 2).

    The second result (N,) is true where tracking back returns to the corner.
    """

    def flow(first: Image, second: Image, points: Array, initial: Array) -> tuple[Array, NDArray[np.uint8]]:
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            first,
            second,
            points,
            initial.copy(),
            winSize=_LK_WINDOW,
            maxLevel=_LK_LEVELS,
            criteria=_LK_CRITERIA,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        return np.asarray(moved, np.float32), np.asarray(found[:, 0], np.uint8)

    tracked, found = flow(keyframe, grey, corners, guess)
    back, found_back = flow(grey, keyframe, tracked, corners)
    round_trip = np.linalg.norm(back - corners, axis=1)
    return tracked, (found > 0) & (found_back > 0) & (round_trip < MAX_ROUND_TRIP_ERROR)


def fit_similarity(source: Complex, target: Complex, noise: float) -> tuple[complex, complex, NDArray[np.float64]]:
    """factor, offset with target ≈ factor · source + offset, for N points x + iy, and the points' weights (N,), 0..1.

    Iteratively reweighted least squares with Cauchy weights, whose width shrinks to `noise` pixels, so that the
    majority of consistent points wins. Rotation and growth are regularised by SIMILARITY_PRIOR, which matters only for
    few points close together.
    """
    factor, offset = 1 + 0j, complex(np.median((target - source).real), np.median((target - source).imag))
    weights = np.ones(len(source))
    for width in (8, 4, 2, 1, 1, 1):
        weights = 1 / (1 + (np.abs(factor * source + offset - target) / (width * noise)) ** 2)
        total = weights.sum()
        source_mean, target_mean = (weights * source).sum() / total, (weights * target).sum() / total
        centred = source - source_mean
        covariance = (weights * np.conj(centred) * (target - target_mean - centred)).sum()
        variance = (weights * np.abs(centred) ** 2).sum()
        factor = complex(1 + covariance / (variance + (noise / SIMILARITY_PRIOR) ** 2))
        offset = complex(target_mean - factor * source_mean)
    return factor, offset, weights


def _fit_confidence(points: Array, weights: NDArray[np.float64], visible: int, width: float) -> float:
    """Confidence 0..1 of a similarity: many points (N, 2), most of the visible ones, spread over the torso.

    weights (N,): of the fit. visible: number of corners that were searched. width: of the shoulders, pixels.
    """
    total = float(weights.sum())
    if total < MIN_CORNER_WEIGHT:
        return 0.0
    mean = (weights[:, None] * points).sum(0) / total
    spread = math.sqrt(float((weights[:, None] * (points - mean) ** 2).sum()) / total)
    count_score = (total - MIN_CORNER_WEIGHT) / MIN_CORNER_WEIGHT
    agreement_score = (total / visible - 0.2) / 0.2
    spread_score = spread / width / 0.15
    return float(np.clip([count_score, agreement_score, spread_score], 0, 1).prod())


def _shoulder_width(shape: tuple[int, ...], body: Array) -> float:
    """Pixels, at least 1."""
    return max(float(np.linalg.norm(body[LEFT_SHOULDER, :2] - body[RIGHT_SHOULDER, :2])) * max(shape[:2]) / 2, 1.0)


def _to_complex(points: Array) -> Complex:
    return points[:, 0].astype(np.float64) + 1j * points[:, 1]


def _to_points(values: Complex) -> Array:
    return np.stack([values.real, values.imag], 1).astype(np.float32)

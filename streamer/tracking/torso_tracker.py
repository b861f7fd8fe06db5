"""The torso's motion from the camera's picture: the texture of the clothes tells what the shoulders' joints only guess.

Corners below the chin are followed by pyramidal Lucas-Kanade from one keyframe to every frame, so that nothing drifts
(Bouguet: Pyramidal Implementation of the Lucas Kanade Feature Tracker, Intel 2000), and vote for one similarity.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image
from streamer.tracking.image_points import to_camera_units, to_pixels
from streamer.tracking.motion import Array, face_size

SIDE = 320  # pixels of the longer side of the grey picture
POINTS = 80  # corners of a keyframe
FAINT = 0.003  # of the strongest corner's strength; what cannot be followed there and back is left out anyway
ENOUGH = 8  # points with fewer votes tell nothing; twice as many tell all
SEEN = 0.5  # visibility from which a joint counts as seen
ROUND_TRIP = 1.0  # px that a point may miss its start by, followed there and back
FOLDS = 0.01  # of the shoulders' distance, by which folding cloth strays from a rigid torso; never below a pixel
LIMBER = 0.1  # radians, and log of size: how far a torso in front of a camera usually turns and grows
FADE = 0.15  # s in which the confidence follows what is measured
GIVE_UP = 2.0  # s without a match after which the next good frame becomes the keyframe

_WINDOW = (15, 15)
_LEVELS = 2
_STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.02)


class TorsoTracker:
    """Follows one person's torso. Of the camera's pictures it keeps one in memory, the keyframe, small and grey. Not
    thread-safe.
    """

    def __init__(self) -> None:
        self._keys = 0
        self.reset()

    def reset(self) -> None:
        """Forget person and keyframe."""
        self._key: Image | None = None
        self._points = np.zeros((0, 2), np.float32)
        self._anchors = np.zeros(2, np.complex128)
        self._factor, self._offset = 1 + 0j, 0j
        self._confidence, self._time, self._matched = 0.0, 0.0, 0.0

    def track(self, rgb: Image, captured: float, face: Array | None, body: Array | None, hands: Array) -> Array:
        """(2, 4) two points that go with the torso: x, y in camera units, number of the keyframe, confidence 0..1.

        They stand on the shoulders' joints (left, right) as these were measured in the keyframe. Points of different
        keyframes must not be compared. rgb (H, W, 3); face (478, 3), body (33, 4), hands (2, 21, 4) of the same frame.
        """
        grey = small_grey(rgb)
        if self._key is not None and self._key.shape != grey.shape:
            self.reset()
        seen = face is not None and body is not None and bool(body[11:13, 3].min() > SEEN)
        measured = 0.0
        if seen and face is not None and body is not None:
            hidden = cover(grey.shape, body, hands)
            if self._key is not None and 0 <= captured - self._matched <= GIVE_UP:
                measured = self._match(self._key, grey, hidden, body)
            else:
                measured = self._begin(grey, hidden, face, body)
                self._time = captured if measured else self._time
            if measured:
                self._matched = captured
        self._fade(measured, captured)
        return self._report(grey.shape)

    def _begin(self, grey: Image, hidden: Image, face: Array, body: Array) -> float:
        """Make a keyframe of this picture, if it shows enough; its confidence."""
        points = corners(grey, torso_region(grey.shape, face, body) & ~hidden)
        confidence = _support(points, np.ones(len(points)), len(points), _span(grey.shape, body))
        self._key = None
        if confidence > 0:
            self._key, self._points = grey, points
            self._anchors = _complex(to_pixels(body[11:13, :2], grey.shape))
            self._factor, self._offset = 1 + 0j, 0j
            self._keys += 1
            self._confidence = confidence
        return confidence

    def _match(self, key: Image, grey: Image, hidden: Image, body: Array) -> float:
        """Find the keyframe's points again; the confidence, and if there is some the new similarity."""
        start = _complex(self._points)
        guess = _plane(self._factor * start + self._offset)
        if self._confidence < 0.1:  # lost: where the joints went is a beginning
            guess = _plane(start + (_complex(to_pixels(body[11:13, :2], grey.shape)) - self._anchors).mean())
        column, row = np.rint(guess).astype(int).T
        height, width = grey.shape
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        inside[inside] = hidden[row[inside], column[inside]] == 0
        if inside.sum() < ENOUGH:
            return 0.0
        there, kept = follow(key, grey, self._points[inside], guess[inside])
        if kept.sum() < ENOUGH:
            return 0.0
        points = self._points[inside][kept]
        span = _span(grey.shape, body)
        factor, offset, votes = similarity(_complex(points), _complex(there[kept]), max(1.0, FOLDS * span))
        confidence = _support(points, votes, int(inside.sum()), span)
        if not (0.5 < abs(factor) < 2 and abs(math.atan2(factor.imag, factor.real)) < 0.6):
            return 0.0
        if confidence > 0:
            self._factor, self._offset = factor, offset
        return confidence

    def _fade(self, measured: float, captured: float) -> None:
        step = captured - self._time
        if step > 0:
            self._confidence += (measured - self._confidence) * (1 - math.exp(-step / FADE))
        self._time = captured

    def _report(self, shape: tuple[int, ...]) -> Array:
        out = np.zeros((2, 4), np.float32)
        if self._key is not None:
            out[:, :2] = to_camera_units(_plane(self._factor * self._anchors + self._offset), shape)
            out[:, 2], out[:, 3] = self._keys, self._confidence
        return out


def small_grey(rgb: Image) -> Image:
    """(H, W, 3) → grey, at most SIDE long."""
    factor = SIDE / max(rgb.shape[:2])
    if factor < 1:
        size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def torso_region(shape: tuple[int, ...], face: Array, body: Array) -> Image:
    """(H, W) 255 where only the torso can be: from under the chin along the shoulders' slope to between them and down.

    Narrow enough to leave out what stands behind the person, and the arms.
    """
    left, right, chin = to_pixels(np.stack([body[11, :2], body[12, :2], face[152, :2]]), shape)
    span = max(float(np.linalg.norm(left - right)), 1.0)
    size = face_size(face) * max(shape[:2]) / 2
    across = (left - right) / span
    down = np.array([-across[1], across[0]])
    neck = chin + 0.35 * size * down
    half = min(0.8 * size, 0.3 * span) * across
    slope = -0.08 * span * down
    waist = 1.2 * span * down
    corner = [neck + half, left + slope, left + waist, right + waist, right + slope, neck - half]
    region = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(region, [np.rint(corner).astype(np.int32)], 255)
    return region


def cover(shape: tuple[int, ...], body: Array, hands: Array) -> Image:
    """(H, W) 255 where forearms and hands are, which do not go with the torso."""
    hidden = np.zeros(shape[:2], np.uint8)
    span = _span(shape, body)
    for elbow, wrist in ((13, 15), (14, 16)):
        if body[wrist, 3] > SEEN:
            a, b = to_pixels(body[[elbow, wrist], :2], shape)
            tip = b + 0.5 * (b - a)
            ends = [tuple(int(v) for v in np.rint(end)) for end in (a, tip)]
            cv2.line(hidden, ends[0], ends[1], 255, max(1, int(0.25 * span)))
    for hand in hands:
        if hand[:, 3].any():
            hull = cv2.convexHull(np.rint(to_pixels(hand[:, :2], shape)).astype(np.int32))
            cv2.fillPoly(hidden, [hull], 255)
            cv2.polylines(hidden, [hull], True, 255, max(1, int(0.15 * span)))
    return hidden


def corners(grey: Image, region: Image) -> Array:
    """(N, 2) pixels where the region's texture can be followed in both directions."""
    found = cv2.goodFeaturesToTrack(grey, POINTS, FAINT, 4, mask=region, blockSize=5)
    return np.zeros((0, 2), np.float32) if found is None else np.asarray(found.reshape(-1, 2), np.float32)


def follow(key: Image, now: Image, points: Array, guess: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Where points (N, 2) of the keyframe are now, near a guess (N, 2), and which of them lead back to their start."""

    def step(a: Image, b: Image, start: Array, near: Array) -> tuple[Array, NDArray[np.uint8]]:
        at, found, _ = cv2.calcOpticalFlowPyrLK(
            a,
            b,
            start,
            near.copy(),
            winSize=_WINDOW,
            maxLevel=_LEVELS,
            criteria=_STOP,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        return np.asarray(at, np.float32), np.asarray(found[:, 0], np.uint8)

    there, found = step(key, now, points, guess)
    back, again = step(now, key, there, points)
    kept = (found > 0) & (again > 0) & (np.linalg.norm(back - points, axis=1) < ROUND_TRIP)
    return there, kept


def similarity(
    start: NDArray[np.complex128], there: NDArray[np.complex128], noise: float
) -> tuple[complex, complex, NDArray[np.float64]]:
    """factor, offset with there ≈ factor · start + offset, x + iy, and each point's vote 0..1.

    Least squares with Cauchy's weights, which begin wide and narrow down to `noise`, so that most of the points that
    agree win. Turn and growth are held towards none with the strength of `LIMBER`, which decides only for few points
    in one place.
    """
    factor, offset = 1 + 0j, complex(np.median((there - start).real), np.median((there - start).imag))
    votes = np.ones(len(start))
    for width in (8, 4, 2, 1, 1, 1):
        votes = 1 / (1 + (np.abs(factor * start + offset - there) / (width * noise)) ** 2)
        total = votes.sum()
        middle, goal = (votes * start).sum() / total, (votes * there).sum() / total
        arm = start - middle
        pull = (votes * np.conj(arm) * (there - goal - arm)).sum()
        factor = complex(1 + pull / ((votes * np.abs(arm) ** 2).sum() + (noise / LIMBER) ** 2))
        offset = complex(goal - factor * middle)
    return factor, offset, votes


def _support(points: Array, votes: NDArray[np.float64], asked: int, span: float) -> float:
    """0..1 how far a similarity can be believed: many points, most of those asked, spread over the torso."""
    total = float(votes.sum())
    if total < ENOUGH:
        return 0.0
    middle = (votes[:, None] * points).sum(0) / total
    spread = math.sqrt(float((votes[:, None] * (points - middle) ** 2).sum()) / total)
    many = (total - ENOUGH) / ENOUGH
    agreed = (total / asked - 0.2) / 0.2
    wide = spread / span / 0.15
    return float(np.clip([many, agreed, wide], 0, 1).prod())


def _span(shape: tuple[int, ...], body: Array) -> float:
    return max(float(np.linalg.norm(body[11, :2] - body[12, :2])) * max(shape[:2]) / 2, 1.0)


def _complex(points: Array) -> NDArray[np.complex128]:
    return points[:, 0].astype(np.float64) + 1j * points[:, 1]


def _plane(values: NDArray[np.complex128]) -> Array:
    return np.stack([values.real, values.imag], 1).astype(np.float32)

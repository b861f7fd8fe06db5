"""Measures whether the avatar follows the driver: both are captured in the page on one clock, and MediaPipe measures
both faces.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from mediapipe.python.solutions import face_mesh
from numpy.typing import NDArray
from playwright.sync_api import Page

from models.geometry.topology import LEFT_EYE_OUTER, LOWER_LIP_INNER, RIGHT_EYE_OUTER, UPPER_LIP_INNER
from streamer.tracking.head_pose import head_pose, rotation_vector

Series = NDArray[np.float64]
Pictures = list[tuple[float, NDArray[np.uint8]]]  # (seconds, (H, W, 3)), oldest first
LAGS_S = np.arange(0.0, 3.0, 0.02)  # candidates for the delay of the avatar

# Captures each new frame of the avatar and, often enough to sample a mouth's motion, of the camera's preview.
_CAPTURE = """
async ({minCount, seconds, maxSeconds}) => {
  const avatar = document.getElementById('avatar');
  const preview = document.getElementById('preview');
  const captured = {driver: [], avatar: []};
  const started = performance.now();
  const past = (limit) => performance.now() - started > limit * 1000;
  const isRunning = () => !past(maxSeconds) && !(past(seconds) && captured.avatar.length >= minCount);
  const capture = async (video, list, pauseMs) => {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', {willReadFrequently: true});
    while (isRunning()) {
      const shown = await Promise.race([
        new Promise((done) => video.requestVideoFrameCallback(() => done(true))),
        new Promise((done) => setTimeout(done, 1000)),
      ]);
      if (shown) {
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        context.drawImage(video, 0, 0);
        list.push({at: performance.now() / 1000, jpeg: canvas.toDataURL('image/jpeg', 0.95).split(',')[1]});
        await new Promise((done) => setTimeout(done, pauseMs));
      }
    }
  };
  await Promise.all([capture(avatar, captured.avatar, 80), capture(preview, captured.driver, 50)]);
  return captured;
}
"""


@dataclass(frozen=True)
class Signals:
    """One face over time. at: seconds; mouth: distance of the inner lips by the distance of the outer eye corners;
    pitch, yaw, roll: rotation of the head about the axes to the right, down and away, radians.
    """

    at: Series
    mouth: Series
    pitch: Series
    yaw: Series
    roll: Series


def capture(page: Page, min_count: int, seconds: float, max_seconds: float = 90.0) -> tuple[Pictures, Pictures]:
    """(driver, avatar) pictures with their times: for `seconds`, and until there are `min_count` of the avatar, but not
    for longer than `max_seconds`.
    """
    captured = page.evaluate(_CAPTURE, {"minCount": min_count, "seconds": seconds, "maxSeconds": max_seconds})
    driver, avatar = (
        [(picture["at"], _decode(picture["jpeg"])) for picture in captured[name]] for name in ("driver", "avatar")
    )
    return driver, avatar


def _decode(jpeg: str) -> NDArray[np.uint8]:
    data = np.frombuffer(base64.b64decode(jpeg), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def measure_faces(pictures: Pictures, mirror: bool = False) -> Signals:
    """MediaPipe's measurements of the pictures in which it finds a face. mirror: flip the pictures first."""
    rows = []
    with face_mesh.FaceMesh(static_image_mode=False, refine_landmarks=True) as mesh:
        for at, rgb in pictures:
            oriented = np.ascontiguousarray(rgb[:, ::-1]) if mirror else rgb
            found = mesh.process(oriented).multi_face_landmarks
            if found:
                height, width = rgb.shape[:2]
                points = np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark], np.float32)
                rows.append((at, _opening(points), *rotation_vector(head_pose(points).rotation)))
    return Signals(*np.array(rows).T) if rows else Signals(*np.zeros((5, 0)))


def _opening(points: NDArray[np.float32]) -> float:
    """Distance of the inner lips by the distance of the outer eye corners. points: (478, 3) pixels."""
    lips = float(np.linalg.norm(points[UPPER_LIP_INNER] - points[LOWER_LIP_INNER]))
    return lips / float(np.linalg.norm(points[RIGHT_EYE_OUTER] - points[LEFT_EYE_OUTER]))


def best_correlation(driver: Signals, avatar: Signals, name: str) -> tuple[float, float]:
    """The highest correlation of a signal over all lags, and its lag in seconds."""
    best = (-1.0, 0.0)
    for lag in LAGS_S:
        at = avatar.at - lag
        inside = (at >= driver.at[0]) & (at <= driver.at[-1])
        if inside.sum() < 15:
            continue
        expected = np.interp(at[inside], driver.at, getattr(driver, name))
        measured = getattr(avatar, name)[inside]
        if expected.std() > 0 and measured.std() > 0:
            best = max(best, (float(np.corrcoef(expected, measured)[0, 1]), float(lag)))
    return best

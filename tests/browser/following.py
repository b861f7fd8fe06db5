"""Does the avatar do what the driver does? Both are looked at on one clock, in the page; MediaPipe reads both faces."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import cv2
import mediapipe as mp
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from streamer.tracking.head_pose import head_pose, rotation_vector

Series = NDArray[np.float64]
Pictures = list[tuple[float, NDArray[np.uint8]]]  # (seconds, (H, W, 3)), oldest first
LAGS = np.arange(0.0, 3.0, 0.02)  # seconds that the avatar may be behind the driver

# Looks at each new picture of the avatar and, often enough to follow a mouth, at the camera's preview.
_GRAB = """
async ({least, seconds, longest}) => {
  const avatar = document.getElementById('avatar');
  const preview = document.getElementById('preview');
  const seen = {driver: [], avatar: []};
  const began = performance.now();
  const past = (wanted) => performance.now() - began > wanted * 1000;
  const going = () => !past(longest) && !(past(seconds) && seen.avatar.length >= least);
  const watch = async (video, list, pause) => {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', {willReadFrequently: true});
    while (going()) {
      const shown = await Promise.race([
        new Promise((done) => video.requestVideoFrameCallback(() => done(true))),
        new Promise((done) => setTimeout(done, 1000)),
      ]);
      if (shown) {
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        context.drawImage(video, 0, 0);
        list.push({at: performance.now() / 1000, jpeg: canvas.toDataURL('image/jpeg', 0.95).split(',')[1]});
        await new Promise((done) => setTimeout(done, pause));
      }
    }
  };
  await Promise.all([watch(avatar, seen.avatar, 80), watch(preview, seen.driver, 50)]);
  return seen;
}
"""


@dataclass(frozen=True)
class Signals:
    """One face over time. at: seconds; mouth: its opening by the distance of the eyes; nod, turn, roll: of the head
    about the axes to the right, down and away, radians.
    """

    at: Series
    mouth: Series
    nod: Series
    turn: Series
    roll: Series


def grab(page: Page, least: int, seconds: float, longest: float = 90.0) -> tuple[Pictures, Pictures]:
    """(driver, avatar) pictures with their times: for `seconds`, and until there are `least` of the avatar, but not for
    longer than `longest` seconds.
    """
    seen = page.evaluate(_GRAB, {"least": least, "seconds": seconds, "longest": longest})
    driver, avatar = ([(one["at"], _decode(one["jpeg"])) for one in seen[who]] for who in ("driver", "avatar"))
    return driver, avatar


def _decode(jpeg: str) -> NDArray[np.uint8]:
    data = np.frombuffer(base64.b64decode(jpeg), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def read(pictures: Pictures, mirror: bool = False) -> Signals:
    """What MediaPipe sees; pictures without a face are left out. mirror: look at them in a mirror."""
    rows = []
    with mp.solutions.face_mesh.FaceMesh(static_image_mode=False, refine_landmarks=True) as mesh:
        for at, rgb in pictures:
            seen = np.ascontiguousarray(rgb[:, ::-1]) if mirror else rgb
            found = mesh.process(seen).multi_face_landmarks
            if found:
                height, width = rgb.shape[:2]
                points = np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark], np.float32)
                rows.append((at, _opening(points), *rotation_vector(head_pose(points).rotation)))
    return Signals(*np.array(rows).T) if rows else Signals(*np.zeros((5, 0)))


def _opening(points: NDArray[np.float32]) -> float:
    """points: (478, 3) pixels. MediaPipe's indices: 33, 263 outer eye corners; 13, 14 inner lips."""
    apart = [float(np.linalg.norm(points[a] - points[b])) for a, b in ((13, 14), (33, 263))]
    return apart[0] / apart[1]


def follows(driver: Signals, avatar: Signals, name: str) -> tuple[float, float]:
    """Best correlation of a signal, and the lag in seconds at which it is reached."""
    best = (-1.0, 0.0)
    for lag in LAGS:
        at = avatar.at - lag
        inside = (at >= driver.at[0]) & (at <= driver.at[-1])
        if inside.sum() < 15:
            continue
        expected = np.interp(at[inside], driver.at, getattr(driver, name))
        made = getattr(avatar, name)[inside]
        if expected.std() > 0 and made.std() > 0:
            best = max(best, (float(np.corrcoef(expected, made)[0, 1]), float(lag)))
    return best

"""MediaPipe looking at renders."""

from __future__ import annotations

from types import TracebackType

import mediapipe as mp
import numpy as np
from numpy.typing import NDArray

from training.render.arrays import Array


class FaceReader:
    """Face landmarks (478, 3) in canvas units of square pictures; a context manager.

    tracking = True follows a face through a video's frames, False searches each picture anew.
    """

    def __init__(self, tracking: bool = False) -> None:
        self._mesh = mp.solutions.face_mesh.FaceMesh(
            static_image_mode=not tracking, refine_landmarks=True, max_num_faces=1, min_detection_confidence=0.3
        )

    def __enter__(self) -> FaceReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mesh.close()

    def read(self, image: NDArray[np.uint8]) -> Array | None:
        """RGB (S, S, 3) → (478, 3) or None where no face is found; z as MediaPipe gives it, in canvas units."""
        result = self._mesh.process(np.ascontiguousarray(image))
        if not result.multi_face_landmarks:
            return None
        points = result.multi_face_landmarks[0].landmark
        return np.array([[p.x * 2 - 1, p.y * 2 - 1, p.z * 2] for p in points], np.float32)


class BodyReader:
    """Body joints (33, 4) and points of every hand (21, 3) in canvas units of square pictures; a context manager."""

    def __init__(self) -> None:
        self._pose = mp.solutions.pose.Pose(static_image_mode=True)
        self._hands = mp.solutions.hands.Hands(static_image_mode=True, max_num_hands=2, min_detection_confidence=0.3)

    def __enter__(self) -> BodyReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pose.close()
        self._hands.close()

    def read(self, image: NDArray[np.uint8]) -> tuple[Array | None, list[Array]]:
        """RGB (S, S, 3) → joints x, y, z, visibility, or None where nobody is found, and the hands found."""
        picture = np.ascontiguousarray(image)
        pose, hands = self._pose.process(picture), self._hands.process(picture)
        joints = None
        if pose.pose_landmarks:
            rows = [[p.x * 2 - 1, p.y * 2 - 1, p.z * 2, p.visibility] for p in pose.pose_landmarks.landmark]
            joints = np.array(rows, np.float32)
        found = hands.multi_hand_landmarks or []
        return joints, [np.array([[p.x * 2 - 1, p.y * 2 - 1, p.z * 2] for p in h.landmark], np.float32) for h in found]

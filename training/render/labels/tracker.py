"""MediaPipe's landmarks of rendered pictures."""

from __future__ import annotations

from types import TracebackType

import numpy as np
from mediapipe.python.solutions import face_mesh, hands, pose
from numpy.typing import NDArray

from training.render.arrays import Array


class FaceReader:
    """Face landmarks (478, 3) in canvas units of square pictures; a context manager.

    tracking: True tracks a face through the frames of a video, False detects it in each picture.
    """

    def __init__(self, tracking: bool = False) -> None:
        self._mesh = face_mesh.FaceMesh(
            static_image_mode=not tracking, refine_landmarks=True, max_num_faces=1, min_detection_confidence=0.3
        )

    def __enter__(self) -> FaceReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mesh.close()

    def read(self, image: NDArray[np.uint8]) -> Array | None:
        """Landmarks (478, 3) of an RGB picture (S, S, 3), z as MediaPipe reports it; None where no face is detected."""
        result = self._mesh.process(np.ascontiguousarray(image))
        if not result.multi_face_landmarks:
            return None
        points = result.multi_face_landmarks[0].landmark
        return np.array([[p.x * 2 - 1, p.y * 2 - 1, p.z * 2] for p in points], np.float32)


class BodyReader:
    """Body joints (33, 4) and points of every hand (21, 3) in canvas units of square pictures; a context manager."""

    def __init__(self) -> None:
        self._pose = pose.Pose(static_image_mode=True)
        self._hands = hands.Hands(static_image_mode=True, max_num_hands=2, min_detection_confidence=0.3)

    def __enter__(self) -> BodyReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pose.close()
        self._hands.close()

    def read(self, image: NDArray[np.uint8]) -> tuple[Array | None, list[Array]]:
        """Joints (33, 4): x, y, z, visibility, or None, and detected hands (21, 3) of an RGB picture (S, S, 3)."""
        picture = np.ascontiguousarray(image)
        pose, hands = self._pose.process(picture), self._hands.process(picture)
        joints = None
        if pose.pose_landmarks:
            rows = [[p.x * 2 - 1, p.y * 2 - 1, p.z * 2, p.visibility] for p in pose.pose_landmarks.landmark]
            joints = np.array(rows, np.float32)
        found = hands.multi_hand_landmarks or []
        return joints, [np.array([[p.x * 2 - 1, p.y * 2 - 1, p.z * 2] for p in h.landmark], np.float32) for h in found]

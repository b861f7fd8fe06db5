"""Looks for the faces of all people before a camera: seldom while there is one, often while there are several."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from streamer.frames import Image
from streamer.runtime.priority import BODY_TRACKER_NICENESS, lower_priority
from streamer.tracking.mediapipe_models import face_detection
from streamer.tracking.people import Place

ALONE_PERIOD_S = 1.0  # between two looks while one person is seen
SEVERAL_PERIOD_S = 0.15  # while several are, whose faces move and have to be hidden from the others' trackers
MIN_SCORE = 0.6  # of MediaPipe's detector for faces up to 5 m away


class PeopleWatch:
    """Detects faces in some of the frames of one camera.

    live: in a thread of low priority, so that a frame waits for the first look alone; else in the caller's.
    """

    def __init__(self, live: bool) -> None:
        self._detector = face_detection.FaceDetection(model_selection=1, min_detection_confidence=MIN_SCORE)
        self._thread = ThreadPoolExecutor(1, "people", lower_priority, (BODY_TRACKER_NICENESS,)) if live else None
        self._pending: Future[tuple[list[Place], float]] | None = None
        self._last: float | None = None  # seconds, of the newest frame that was looked at

    def close(self) -> None:
        """Release the model, and end the thread."""
        if self._thread is not None:
            self._thread.shutdown()
        self._detector.close()

    def look(self, rgb: Image, captured: float, several: bool) -> tuple[list[Place], float] | None:
        """The places of the faces of the newest frame that was looked at and its seconds, once; None without news.

        rgb: (H, W, 3), captured at so many seconds, which is looked at where it is due. several: whether several people
        are seen.
        """
        news = None
        if self._pending is not None and self._pending.done():
            news, self._pending = self._pending.result(), None
        period = SEVERAL_PERIOD_S if several else ALONE_PERIOD_S
        if self._pending is not None or (self._last is not None and 0 <= captured - self._last < period):
            return news
        first, self._last = self._last is None, captured
        if first or self._thread is None:
            return self._detect(rgb, captured)
        self._pending = self._thread.submit(self._detect, rgb, captured)
        return news

    def _detect(self, rgb: Image, captured: float) -> tuple[list[Place], float]:
        found = self._detector.process(rgb).detections or []
        return [_place(each.location_data.relative_bounding_box, rgb.shape) for each in found], captured


def _place(box: Any, shape: tuple[int, ...]) -> Place:
    """A box of MediaPipe, 0..1 across an image of `shape` (H, W, …), in camera units."""
    height, width = shape[:2]
    across, down = 2 * width / max(height, width), 2 * height / max(height, width)
    return Place(
        (box.xmin + box.width / 2 - 0.5) * across,
        (box.ymin + box.height / 2 - 0.5) * down,
        max(box.width * across, box.height * down) / 2,
    )

"""Bodies, hands and mattes of the frames of a clip, measured in the same way for ground truth and drawn frames.

The models are MediaPipe's, but run apart from the product's tracker: each frame's hands are searched for anew, with the
larger model, so that a hand which is drawn badly is not found where the one before it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.regions import Mask
from streamer.frames import Image
from streamer.tracking.mediapipe_models import hands, pose, selfie_segmentation

Points = NDArray[np.float64]
VISIBILITY = 2  # column of the joints, after x, y
MIN_VISIBILITY = 0.6  # from which a joint counts as seen, if it lies within the frame
PERSON = 0.5  # of the matte, from which a pixel shows the person


@dataclass(frozen=True)
class BodyTrack:
    """What was found in the T frames of a clip.

    width, height: of a frame, pixels. joints: (33, 3) x, y in pixels, visibility 0..1; None where nobody was found.
    hands: (21, 2) landmarks in pixels by the side that MediaPipe names, "Left" or "Right".
    """

    width: int
    height: int
    joints: list[Points | None]
    hands: list[dict[str, Points]]

    def visible(self, frame: int) -> Mask:
        """(33,) whether each joint is visible and within the frame; False where nobody was found."""
        joints = self.joints[frame]
        if joints is None:
            return np.zeros(33, np.bool_)
        inside = ((joints[:, :VISIBILITY] >= 0) & (joints[:, :VISIBILITY] < (self.width, self.height))).all(1)
        return np.asarray(inside & (joints[:, VISIBILITY] > MIN_VISIBILITY))


def track_bodies(frames: Sequence[Image]) -> BodyTrack:
    """Find the body and the hands in each of the frames (H, W, 3), all of one size."""
    height, width = frames[0].shape[:2]
    joints: list[Points | None] = []
    found_hands: list[dict[str, Points]] = []
    with (
        pose.Pose(model_complexity=1, smooth_landmarks=False) as pose_model,
        hands.Hands(static_image_mode=True, max_num_hands=2, model_complexity=1) as hand_model,
    ):
        for rgb in frames:
            body = pose_model.process(rgb).pose_landmarks
            rows = None if body is None else [(p.x * width, p.y * height, p.visibility) for p in body.landmark]
            joints.append(None if rows is None else np.array(rows))
            result = hand_model.process(rgb)
            both = zip(result.multi_hand_landmarks or [], result.multi_handedness or [], strict=True)
            found_hands.append(
                {
                    side.classification[0].label: np.array([(p.x * width, p.y * height) for p in hand.landmark])
                    for hand, side in both
                }
            )
    return BodyTrack(width, height, joints, found_hands)


def person_masks(frames: Sequence[Image]) -> list[Mask]:
    """(H, W) where each frame shows a person, by MediaPipe's selfie segmentation."""
    with selfie_segmentation.SelfieSegmentation(model_selection=0) as model:
        return [np.asarray(model.process(rgb).segmentation_mask > PERSON) for rgb in frames]

"""Several looks at one body in a film: what MediaPipe's pose reads otherwise in a mirror image or on a crop.

Its joints are off by some per cent of the shoulders' width, by more on one side than on the other, and steadily so. A
mirror image is off to the other side, and a person who is searched for anew on a crop is seen at another size. Joints
of a picture are what such looks agree on (`streamer/rigging/skeleton.py`): so are a film's, then, that move it.
"""

from __future__ import annotations

import math

import numpy as np

from models.geometry.body import HEAD_JOINTS, LEFT_EYE, LEFT_MOUTH, RIGHT_EYE, RIGHT_MOUTH, SHOULDERS
from models.geometry.limb_curve import FIRST_JOINTS as TRUNK
from streamer.frames import Image
from streamer.tracking.image_points import to_camera_units, to_pixels
from streamer.tracking.joint_agreement import AGREEMENT, central_mean, limb_distance
from streamer.tracking.limb_gate import body_size
from streamer.tracking.mediapipe_models import pose, pose_joints
from streamer.tracking.motion import MIN_VISIBILITY, MIRRORED_JOINTS, VISIBILITY, Array

CROP_MARGIN = 1.3  # half side of a crop around a person, over half of the extent of the joints
MAX_CROP = 0.8  # of a frame's pixels that a crop around the person has, to be another look
CROP_PERIOD_S = 0.25  # between two looks at a crop; what they tell changes slowly, and they cost most
SETTLE_S = 0.1  # time constant with which joints follow what crops tell
JUMP = 0.5  # sizes of the body by which shoulders that move between two frames are at another place

_MIRROR = np.array([-1, 1, 1, 1], np.float32)


class BodyLooks:
    """Corrects the joints of one person in the order of capture. Runs in the caller's thread."""

    def __init__(self) -> None:
        self._mirrored = pose.Pose(model_complexity=1, smooth_landmarks=False)
        self._anew = pose.Pose(static_image_mode=True, model_complexity=1)
        self._target = self._shown = np.zeros((0, 3), np.float32)  # (33, 3), sizes of the body: by crops, and eased
        self._shoulders = np.zeros(2, np.float32)
        self._time = self._cropped = -math.inf

    def close(self) -> None:
        """Release the models."""
        self._mirrored.close()
        self._anew.close()

    def correct(self, rgb: Image, body: Array, captured: float) -> Array:
        """Joints (33, 4), camera units, of which `body` (33, 4) was read in a frame (H, W, 3); visibility stays."""
        guesses = [body]
        mirrored = self._read_mirrored(rgb)
        if mirrored is not None and _is_same(mirrored, body):
            guesses.append(mirrored)
        elif mirrored is not None:
            self._mirrored.reset()  # follows somebody else, or has lost an arm
        size, seen = body_size(body), _agreed(guesses)
        shoulders = body[SHOULDERS, :2].mean(0)
        moved = float(np.linalg.norm(shoulders - self._shoulders)) / size
        is_new = not len(self._target) or moved > JUMP or not 0 <= captured - self._cropped < math.inf
        if is_new or captured - self._cropped >= CROP_PERIOD_S - 1e-3:
            crops = [each for each in self._read_crop(rgb, body) if _is_same(each, body)]
            self._target = (_agreed([*guesses, *crops]) - seen) / size
            self._cropped = captured
        if is_new:
            self._shown = self._target
        else:
            share = -math.expm1(-max(captured - self._time, 0.0) / SETTLE_S)
            self._shown = self._shown + np.float32(share) * (self._target - self._shown)
        self._shoulders, self._time = shoulders, captured
        return np.concatenate([seen + size * self._shown, body[:, VISIBILITY:]], axis=1).astype(np.float32)

    def _read_mirrored(self, rgb: Image) -> Array | None:
        found = self._mirrored.process(np.ascontiguousarray(rgb[:, ::-1])).pose_landmarks
        return None if found is None else pose_joints(found.landmark, rgb.shape)[MIRRORED_JOINTS] * _MIRROR

    def _read_crop(self, rgb: Image, body: Array) -> list[Array]:
        """The joints of a person on a crop around them and on its mirror image; visibility 0 beyond the crop."""
        rows, columns = crop_around_body(rgb, body)
        part = rgb[rows, columns]
        guesses = []
        for is_mirrored in (False, True):
            found = self._anew.process(np.ascontiguousarray(part[:, ::-1] if is_mirrored else part)).pose_landmarks
            if found is None:
                continue
            joints = pose_joints(found.landmark, part.shape)
            if is_mirrored:
                joints = joints[MIRRORED_JOINTS] * _MIRROR
            reach = np.array(part.shape[1::-1]) / max(part.shape)
            joints[(np.abs(joints[:, :2]) > reach).any(1), VISIBILITY] = 0
            pixels = to_pixels(joints[:, :2], part.shape) + np.array([columns.start, rows.start], np.float32)
            joints[:, :2] = to_camera_units(pixels, rgb.shape)
            joints[:, 2] *= max(part.shape) / max(rgb.shape)
            guesses.append(joints)
        return guesses


def crop_around_body(rgb: Image, body: Array) -> tuple[slice, slice]:
    """Rows and columns of a frame (H, W, 3) around the seen joints and the head of a body (33, 4), or around its head
    and trunk where the former would be nearly the whole frame.
    """
    height, width = rgb.shape[:2]
    eyes, mouth = (body[pair, :2].mean(0) for pair in ([LEFT_EYE, RIGHT_EYE], [LEFT_MOUTH, RIGHT_MOUTH]))
    head = np.concatenate([body[HEAD_JOINTS, :2], [2 * eyes - mouth, 2 * mouth - eyes]])
    crops = []
    for joints in (body[body[:, VISIBILITY] > MIN_VISIBILITY], body[[*TRUNK]]):
        points = np.concatenate([joints[:, :2], head]).clip(-1, 1)
        low, high = points.min(0), points.max(0)
        middle, half = (low + high) / 2, CROP_MARGIN * float((high - low).max()) / 2
        corners = to_pixels(np.stack([middle - half, middle + half]), rgb.shape) + 0.5
        (left, top), (right, bottom) = np.round(corners).astype(int).clip(0, (width, height))
        crops.append((slice(min(top, height - 2), max(bottom, 2)), slice(min(left, width - 2), max(right, 2))))
    whole, upper = crops
    is_frame = (whole[0].stop - whole[0].start) * (whole[1].stop - whole[1].start) > MAX_CROP * width * height
    return upper if is_frame else whole


def _is_same(guess: Array, body: Array) -> bool:
    """Whether both (33, 4) are the same person in the same pose."""
    return limb_distance(guess, body) < AGREEMENT * body_size(body)


def _agreed(guesses: list[Array]) -> Array:
    """One place (33, 3) of joints for guesses (33, 4), the first of which counts for all joints."""
    stack = np.stack(guesses)
    counted = stack[..., VISIBILITY] > 0
    counted[0] = True
    return central_mean(stack[..., :VISIBILITY], counted, body_size(guesses[0]))[0]

"""Several looks at one body in a film: what MediaPipe's pose reads otherwise in a mirror image or on a crop.

Its joints are off by some per cent of the shoulders' width, by more on one side than on the other, and steadily so. A
mirror image is off to the other side, and a person who is searched for anew on a crop is seen at another size. Joints
of a picture are what such looks agree on (`streamer/rigging/skeleton.py`), and so are those of the film that moves it.
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
from streamer.tracking.mediapipe_models import pose, read_joints, unseen_beyond
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY, Array

CROP_MARGIN = 1.3  # half side of a crop around a person, over half of the extent of the joints
MAX_CROP = 0.8  # of a frame's pixels that a crop around the person has, to be another look
CROP_PERIOD_S = 0.25  # between two looks at a crop; what they tell changes slowly, and they cost most
SETTLE_S = 0.1  # time constant with which joints follow what crops tell
JUMP = 0.5  # sizes of the body by which shoulders that move between two frames are at another place

_NOTHING = np.zeros((33, 3), np.float32)


class BodyLooks:
    """Corrects the joints of one person in the order of capture. Runs in the caller's thread."""

    def __init__(self) -> None:
        self._mirrored = pose.Pose(model_complexity=1, smooth_landmarks=False)
        self._anew = pose.Pose(static_image_mode=True, model_complexity=1)
        # (33, 3) sizes of the body: what the newest mirror image changed, and what crops change, measured and eased.
        self._by_mirror = self._by_crops = self._eased = _NOTHING
        self._shoulders = np.zeros(2, np.float32)
        self._time = self._cropped = -math.inf

    def close(self) -> None:
        """Release the models."""
        self._mirrored.close()
        self._anew.close()

    def correct(self, rgb: Image, body: Array, captured: float) -> Array:
        """Joints (33, 4), camera units, of which `body` (33, 4) was read in a frame (H, W, 3); visibility stays."""
        size, shoulders = body_size(body), body[SHOULDERS, :2].mean(0)
        moved = float(np.linalg.norm(shoulders - self._shoulders)) / size
        is_new = moved > JUMP or not 0 <= captured - self._cropped < math.inf
        if is_new:
            self._by_mirror = self._by_crops = _NOTHING
        guesses = [body]
        mirrored = read_joints(self._mirrored, rgb, mirrored=True)
        if mirrored is not None and _is_same(mirrored, body):
            guesses.append(mirrored)
            self._by_mirror = (_agreed(guesses) - body[:, :VISIBILITY]) / size
        elif mirrored is not None:
            self._mirrored.reset()  # follows somebody else, or has lost an arm
        # Where this frame's mirror image shows nobody, the last correction stays, so that no joint jumps.
        seen = body[:, :VISIBILITY] + size * self._by_mirror
        if is_new or captured - self._cropped >= CROP_PERIOD_S - 1e-3:
            crops = [each for each in self._read_crop(rgb, body) if _is_same(each, body)]
            if crops:
                self._by_crops = (_agreed([*guesses, *crops]) - seen) / size
            self._cropped = captured
        if is_new:
            self._eased = self._by_crops
        else:
            share = -math.expm1(-max(captured - self._time, 0.0) / SETTLE_S)
            self._eased = self._eased + np.float32(share) * (self._by_crops - self._eased)
        self._shoulders, self._time = shoulders, captured
        return np.concatenate([seen + size * self._eased, body[:, VISIBILITY:]], axis=1).astype(np.float32)

    def _read_crop(self, rgb: Image, body: Array) -> list[Array]:
        """The joints of a person on a crop around them and on its mirror image; visibility 0 beyond the crop."""
        rows, columns = crop_around_body(rgb, body)
        part, guesses = np.ascontiguousarray(rgb[rows, columns]), []
        for mirrored in (False, True):
            joints = read_joints(self._anew, part, mirrored)
            if joints is None:
                continue
            joints = unseen_beyond(joints, part.shape)
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
        left, top = min(left, max(width - 2, 0)), min(top, max(height - 2, 0))
        crops.append((slice(top, max(bottom, top + 2)), slice(left, max(right, left + 2))))
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

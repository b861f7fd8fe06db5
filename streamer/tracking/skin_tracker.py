"""Corrects face landmarks by optical flow of the skin, whose texture moves exactly where landmarks only estimate.

Each frame's face is warped onto a keyframe by its landmarks; what still differs is their error. It is measured by dense
inverse search (DIS; Kroeger et al.: Fast Optical Flow using Dense Inverse Search, ECCV 2016), averaged over neighbours
by the structure tensor as in Lucas and Kanade (IJCAI 1981), so that each place counts by its texture, and corrected in
the landmarks. Every frame is compared with the keyframe itself, so that errors do not accumulate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from kernels.mesh import rasterise
from models.geometry.grid_mesh import face_buckets
from models.geometry.topology import INNER_LIPS, LEFT_LID, RIGHT_LID, topology
from streamer.frames import Image
from streamer.tracking.image_points import crop_around, sample_area, to_camera_units, to_pixels
from streamer.tracking.motion import Array, face_size

LIVE_SIDE, OFFLINE_SIDE = 128, 256  # pixels of the square in which faces are compared: live, and in files
SQUARE_SIZE = 1.05  # side of the square, in extents of the landmarks
# Distances, in units of 1/128 of the square's side:
CONTRAST_RADIUS = 3.0  # of the local contrast normalisation, against lighting changes
MAX_LANDMARK_ERROR = 3.0  # landmarks are hardly ever further off; larger flow is a false match
BORDER_WIDTH = 3.0  # along the face's outline, which is ignored, since background appears there
AVERAGING_RADIUS = 3.0  # over which flow is averaged
# Grey levels after the contrast normalisation:
CONTRAST_DEVIATION = 48.0  # grey levels of one local standard deviation
NOISE_VARIANCE = 16.0  # (grey levels of the camera)², which is not amplified to full contrast
MAX_DIFFERENCE = 24.0  # grey levels; places that differ by this much have a weight of 1/e
FLOW_PRIOR = 16.0  # (grey levels per unit)²: texture whose flow counts as much as the landmarks
MIN_KEYFRAME_CONFIDENCE = 0.6  # of the landmarks that a keyframe is made from
CHANCE_SUPPORT = 0.2  # share of the skin that matches the keyframe by chance; twice as much has full weight
UNMATCHED_S = 2.0  # without a match, after which the next confident frame becomes the keyframe

_PATCH_STRIDE = 4  # pixels between the patches of the search


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A face on a square of n × n pixels, and its triangles on m × m cells, m = n / 2.

    landmarks: (478, 2) in pixels of the square.
    scale: pixels of the camera frame in one pixel of the square.
    corners: (3, m²) landmarks of the triangle that covers each cell.
    weights: (3, m², 1) their barycentric weights, 0 beyond the face.
    face_mask: (n, n) bool, the face's oval.
    skin_mask: (m, m) 0 or 1, skin that can be compared: without openings and outline.
    normalised: (n, n) uint8, the picture after `local_contrast`.
    structure: (m, m, 3) structure tensor of it: xx, xy, yy.
    """

    landmarks: Array
    scale: float
    corners: NDArray[np.int64]
    weights: Array
    face_mask: NDArray[np.bool_]
    skin_mask: Array
    normalised: Image
    structure: Array

    @classmethod
    def of(cls, rgb: Image, face: Array, side: int) -> Keyframe:
        """From a frame (H, W, 3) and its landmarks (478, 3) in camera units. side: n."""
        unit, longest = side / 128, max(rgb.shape)
        rgb, found = crop_around(rgb, to_pixels(face[:, :2], rgb.shape))
        low, high = found.min(0), found.max(0)
        scale = SQUARE_SIZE * float((high - low).max()) / side
        origin = (low + high) / 2 - scale * (side - 1) / 2
        landmarks = (found - origin) / scale
        mesh = np.concatenate([(landmarks * 2 + 1) / side - 1, face[:, 2:]], 1).astype(np.float32)
        eye_distance = face_size(face) * longest / 2 / scale  # pixels of the square
        buckets = face_buckets(eye_distance / 2, torch.device("cpu"))
        corners, weights = rasterise(torch.from_numpy(mesh)[None], buckets, side // 2)
        face_mask = _filled([topology().oval.tolist()], landmarks, side)
        openings = _filled([INNER_LIPS, RIGHT_LID, LEFT_LID], landmarks, side)
        skin = cv2.erode(face_mask, _square_kernel(BORDER_WIDTH * unit)) & ~cv2.dilate(openings, _square_kernel(unit))
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        normalised = local_contrast(sample_area(grey, (_pixel_grid(side) * scale + origin).astype(np.float32), scale))
        dx, dy = (cv2.Sobel(normalised, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
        structure = cv2.blur(np.stack([dx * dx, dx * dy, dy * dy], -1), (5, 5))
        return cls(
            landmarks=landmarks.astype(np.float32),
            scale=scale,
            corners=corners[0].T.contiguous().numpy(),
            weights=weights[0].T[..., None].numpy(),
            face_mask=face_mask > 0,
            skin_mask=(_halved(skin) == 255).astype(np.float32),
            normalised=normalised,
            structure=_halved(structure),
        )


class SkinTracker:
    """Corrects the landmarks of one person. The only picture it stores is the keyframe's face, small and grey.

    side: `LIVE_SIDE` or `OFFLINE_SIDE`. interval: one of so many frames is measured; its correction is applied to the
    others. Not thread-safe.
    """

    def __init__(self, side: int = LIVE_SIDE, interval: int = 1) -> None:
        self._side, self._interval = side, interval
        self._keyframe: Keyframe | None = None
        self._last_match = 0.0  # seconds, of a frame that matched the keyframe
        self._correction = np.zeros((478, 2), np.float32)  # of the landmarks, pixels of the keyframe's square
        self._age = 0  # frames since the correction was measured
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._dis.setVariationalRefinementIterations(0)
        self._dis.setPatchStride(_PATCH_STRIDE)

    def track(self, rgb: Image, captured: float, face: Array, confidence: float) -> Array:
        """(478, 3) landmarks in camera units, each moved to the skin on which it lay in the keyframe; z is unchanged.

        rgb (H, W, 3) and face (478, 3): a frame and the landmarks found in it, with their confidence 0..1. Landmarks on
        hidden, changed or textureless skin stay where they are.
        """
        if self._keyframe is None or not 0 <= captured - self._last_match <= UNMATCHED_S:
            if confidence >= MIN_KEYFRAME_CONFIDENCE:
                self._keyframe = Keyframe.of(rgb, face, self._side)
                self._last_match, self._age = captured, self._interval
            return face
        found = to_pixels(face[:, :2], rgb.shape)
        matrix = _fit_linear(self._keyframe.landmarks, found)
        self._age += 1
        if self._age >= self._interval:
            self._age = 0
            scale = float(np.sqrt(abs(np.linalg.det(matrix))))
            correction, support = self._measure_correction(self._keyframe, *crop_around(rgb, found), scale)
            trust = np.float32(np.clip(support / CHANCE_SUPPORT - 1, 0, 1))
            self._correction = trust * correction
            if trust > 0:
                self._last_match = captured
        return np.concatenate([to_camera_units(found + self._correction @ matrix.T, rgb.shape), face[:, 2:]], axis=1)

    def _measure_correction(self, keyframe: Keyframe, rgb: Image, found: Array, scale: float) -> tuple[Array, float]:
        """Offset from landmarks to their skin (478, 2), pixels of the square, and the share 0..1 of skin that matches.

        rgb (H, W, 3), found (478, 2): a crop and the landmarks in its pixels. scale: its pixels in one of the square.
        """
        unit, side = self._side / 128, self._side
        triangles = zip(keyframe.weights, keyframe.corners, strict=True)
        cells = sum(weight * found.take(corner, 0) for weight, corner in triangles)  # (m², 2), pixels of the crop
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        grid = cv2.resize(cells.reshape(side // 2, side // 2, 2), (side, side))
        warped = local_contrast(sample_area(grey, grid, scale))
        warped = np.where(keyframe.face_mask, warped, keyframe.normalised)
        flow = self._dis.calc(keyframe.normalised, warped, None)
        aligned = cv2.remap(warped, _pixel_grid(side) + flow, None, cv2.INTER_LINEAR)
        difference = cv2.absdiff(aligned, keyframe.normalised)
        difference = cv2.GaussianBlur(_halved(difference).astype(np.float32), (0, 0), unit)
        flow = _halved(flow)
        plausible = np.maximum(*cv2.split(np.abs(flow))) < MAX_LANDMARK_ERROR * unit
        weight = keyframe.skin_mask * plausible * np.exp(-np.square(difference / MAX_DIFFERENCE))
        averaged = weighted_flow(flow, keyframe.structure * weight[..., None], unit)
        positions = (keyframe.landmarks / 2 - 0.25)[:, None]  # cells
        correction = cv2.remap(averaged, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        return correction, float(weight.sum() / max(keyframe.skin_mask.sum(), 1))


def weighted_flow(flow: Array, structure: Array, unit: float) -> Array:
    """Average flow (m, m, 2) over neighbours, weighted by their structure tensors (m, m, 3), xx, xy, yy; (m, m, 2).

    Solves the regularised normal equations of Lucas and Kanade, so that the result is 0 where there is no texture.
    unit: 1/128 of the square's side, pixels; cells are two pixels wide.
    """
    (xx, xy, yy), (x, y) = cv2.split(structure), cv2.split(flow)
    products = np.stack([xx, xy, yy, xx * x + xy * y, xy * x + yy * y], -1)
    xx, xy, yy, bx, by = cv2.split(cv2.GaussianBlur(products, (0, 0), AVERAGING_RADIUS * unit / 2))
    xx, yy = xx + FLOW_PRIOR / unit**2, yy + FLOW_PRIOR / unit**2
    return np.stack([yy * bx - xy * by, xx * by - xy * bx], -1) / (xx * yy - xy * xy)[..., None]


def local_contrast(grey: Image) -> Image:
    """(n, n) uint8 normalised to one mean and one standard deviation in each neighbourhood."""
    values, radius = grey.astype(np.float32), CONTRAST_RADIUS * len(grey) / 128
    centred = values - cv2.GaussianBlur(values, (0, 0), radius)
    variance = cv2.GaussianBlur(centred * centred, (0, 0), radius)
    return np.clip(centred / np.sqrt(variance + NOISE_VARIANCE) * CONTRAST_DEVIATION + 128, 0, 255).astype(np.uint8)


@cache
def _pixel_grid(side: int) -> Array:
    """(n, n, 2) x, y of each pixel."""
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).astype(np.float32)


def _filled(rings: Sequence[Sequence[int]], points: Array, side: int) -> Image:
    """(n, n) mask, 255 inside of rings of landmarks, 0 elsewhere. points: (478, 2), pixels."""
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.rint(points[list(ring)]).astype(np.int32) for ring in rings], 255)
    return mask


def _square_kernel(radius: float) -> Image:
    """Structuring element for `cv2.erode` and `cv2.dilate`."""
    return np.ones((2 * round(radius) + 1,) * 2, np.uint8)


def _halved(values: NDArray) -> NDArray:
    return np.asarray(cv2.resize(values, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _fit_linear(source: Array, target: Array) -> Array:
    """(2, 2) linear part of the least-squares affine map from source (N, 2) to target (N, 2)."""
    return np.asarray(np.linalg.lstsq(source - source.mean(0), target - target.mean(0), rcond=None)[0].T, np.float32)

"""The coarse matte of the character: a segmentation network for people, GrabCut for all others, from which
`streamer.rigging.cutout` makes the fine one; a guided filter, where that fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.body import SHOULDERS
from models.geometry.topology import MESH, topology
from streamer.frames import Image
from streamer.rigging.body_mask import GROWN, MIN_FACE_COVERAGE, body_mask, open_gaps, with_body
from streamer.rigging.canvas import Array, Canvas, canvas_pixels, crop, original_grid, to_uint8, whole_on_white
from streamer.rigging.face_search import face_extent
from streamer.rigging.head_region import head_region
from streamer.rigging.limb_gaps import limb_gaps
from streamer.rigging.limb_outline import limb_regions
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points
from streamer.tracking.mediapipe_models import selfie_segmentation
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

SQUARES, LANDSCAPES = 0, 1  # numbers of MediaPipe's segmentation networks
AROUND_CANVAS = 0.3  # of a canvas's side that they see of the picture beyond each side
GRABCUT_SIDE = 256  # pixels at which GrabCut runs
# GrabCut around a face that the network does not recognise, in half extents of the face from its centre:
LIKELY_CHARACTER = 1.4  # up to here a pixel is probably the character's
POSSIBLE_CHARACTER = 2.6  # up to here it may be
BODY_HALF_WIDTH = 1.3  # below the centre, in a strip so wide, it may be
BORDER = 0.03  # of a picture's sides: what a subject does not begin with, save at the lower one
# Of the face by what differs from the picture's border, at least; of that in the picture, at most.
MIN_SUBJECT_COVERAGE, MAX_SUBJECT_SHARE = 0.6, 0.9
HAIR_REACH = 0.11  # extents of the face beyond the coarse matte in which hair is searched
OVAL_SHARE = 0.94  # size of the mask of the face over its oval
SUBPIXEL_BITS = 4  # fractional bits of polygon corners for OpenCV


@dataclass(frozen=True)
class CoarseMatte:
    """Where the character of a picture is, without fine edges.

    matte: (H, W) float32, coverage 0..1.
    face: (H, W) float32, coverage 0..1 of its face.
    gaps: (H, W), where background is seen between its limbs and its torso; None: nowhere.
    """

    matte: Array
    face: Array
    gaps: NDArray[np.bool_] | None = None


def coarse_matte(
    canvas: Canvas, face: Array, body: Array | None, points: Points | None, picture: Picture
) -> CoarseMatte:
    """The coarse matte, on the picture's own pixels of the canvas, of the character with this face (478, 3).

    body: (33, 4) joints, where hands and feet are searched. points: hand-placed points; their outline is taken for the
    matte if they have one.
    """
    rgb = to_uint8(repeated_margins(canvas))
    if points is not None and points.outline:
        scale, corner = original_grid(canvas, picture)
        outline = np.array(points.outline) * scale + corner
        of_face = matte = _filled(outline, canvas.size)
    else:
        of_face = face_mask(face, canvas.size)
        by_network = points is None or not points.has_face
        matte = segment_person(*with_surroundings(canvas, picture)) if by_network else np.zeros_like(of_face)
        recognised = matte[of_face > 0].mean() > MIN_FACE_COVERAGE
        mask_of_body = None
        if recognised and body is not None and body[SHOULDERS, VISIBILITY].min() > MIN_VISIBILITY:
            mask_of_body = body_mask(canvas, face, body, of_face)
        if mask_of_body is not None:
            head = head_region(canvas_pixels(face, canvas.size), of_face.shape)[canvas.inside]
            matte[canvas.inside] = with_body(matte[canvas.inside], mask_of_body, head)
        subject = None if recognised else grabcut_subject(rgb, of_face)
        if subject is not None:
            return CoarseMatte(subject[canvas.inside], (of_face * subject)[canvas.inside])
        grown = grabcut_hair(rgb, matte, face) if recognised else grabcut_from_face(rgb, face)
        if mask_of_body is not None:
            grown[canvas.inside] *= head | (mask_of_body > GROWN)
        if recognised and body is not None:
            likely, possible = (mask[canvas.inside] for mask in limb_regions(body, canvas.size))
            # Repeated below the picture, hands would be colours of the background.
            limbs = grabcut_limbs(rgb[canvas.inside], matte[canvas.inside], likely, possible)
            grown[canvas.inside] = np.maximum(grown[canvas.inside], limbs)
        matte = np.maximum(np.maximum(matte, grown), of_face)
        if recognised and body is not None:
            gaps = limb_gaps(rgb, matte, face, body)[canvas.inside]
            gaps = gaps if mask_of_body is None else open_gaps(gaps, mask_of_body)
            return CoarseMatte(matte[canvas.inside] * ~gaps, of_face[canvas.inside], gaps)
    return CoarseMatte(matte[canvas.inside], of_face[canvas.inside])


def repeated_margins(canvas: Canvas) -> Array:
    """(S, S, 3) the canvas with the picture's border repeated beyond it, so that nobody stands there a second time."""
    return np.pad(canvas.rgb[canvas.inside], (*canvas.margins, (0, 0)), mode="edge")


def with_surroundings(canvas: Canvas, picture: Picture) -> tuple[Image, tuple[slice, slice]]:
    """A canvas (S, S, 3) with its border repeated, and what its picture shows around it: shoulders tell to whom hair
    belongs. Also the rows and columns of the canvas in that.
    """
    far, size = round(AROUND_CANVAS * canvas.size), canvas.size
    own = to_uint8(repeated_margins(canvas))
    left, top = (min(far, max(0, math.ceil(-side))) for side in (canvas.left, canvas.top))
    right, bottom = (
        min(far, max(0, math.ceil(side - size))) for side in (canvas.left + canvas.width, canvas.top + canvas.height)
    )
    if not (left or top or right or bottom):
        return own, (slice(0, size), slice(0, size))
    side, (x, y), height = size + 2 * far, canvas.to_picture(0, 0), picture.rgba.shape[0]
    box = 2 * x / height - 1, 2 * y / height - 1, side / canvas.scale / height  # the picture's height is 2
    wide = crop(whole_on_white(picture), box, side)
    surroundings = wide[far - top : far + size + bottom, far - left : far + size + right].copy()
    inside = slice(top, top + size), slice(left, left + size)
    surroundings[inside] = own
    return surroundings, inside


def segment_person(rgb: Image, inside: tuple[slice, slice] = (slice(None), slice(None))) -> Array:
    """Probability 0..1 that a pixel of a picture (H, W, 3) belongs to a person, in these rows and columns of it: by
    MediaPipe's network for squares, and where that is in doubt by the mean of it and the one for landscapes.
    """
    masks = []
    for number in SQUARES, LANDSCAPES:
        with selfie_segmentation.SelfieSegmentation(model_selection=number) as model:
            masks.append(np.asarray(model.process(rgb).segmentation_mask, np.float32)[inside])
    first, second = masks
    in_doubt = 1 - np.abs(2 * first - 1)
    return first + in_doubt * (second - first) / 2


def grabcut_subject(rgb: Image, of_face: Array) -> Array | None:
    """(S, S) matte of a character that the network does not recognise: what differs from the picture's border, ears and
    handles included. None unless the middle of its face (S, S), a mask, lies in that.
    """
    subject = grabcut_from_border(rgb)
    covered = float((subject * of_face).sum() / max(float(of_face.sum()), 1.0))
    plausible = covered > MIN_SUBJECT_COVERAGE and float(subject.mean()) < MAX_SUBJECT_SHARE
    return subject if plausible else None


def grabcut_from_border(rgb: Image) -> Array:
    """(H, W) matte of the largest connected part of a picture (H, W, 3) that GrabCut parts from its border."""
    labels = np.full((GRABCUT_SIDE, GRABCUT_SIDE), cv2.GC_PR_FGD, np.uint8)
    edge = round(BORDER * GRABCUT_SIDE)
    labels[:edge], labels[:, :edge], labels[:, -edge:] = (cv2.GC_BGD,) * 3  # below, a body goes on
    mask = run_grabcut(rgb, labels)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count > 2:
        mask = (parts == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    return _upscaled(mask, rgb.shape[:2])


def grabcut_from_face(rgb: Image, face: Array) -> Array:
    """(S, S) matte of a character that the network does not recognise, grown from its face (478, 3) by GrabCut."""
    centre = ((face[:MESH, :2].max(0) + face[:MESH, :2].min(0)) / 2 + 1) * GRABCUT_SIDE / 2
    half = face_extent(face) * GRABCUT_SIDE / 4
    y, x = np.mgrid[:GRABCUT_SIDE, :GRABCUT_SIDE].astype(np.float32)
    distance = np.hypot((x - centre[0]) / half, (y - centre[1]) / half)
    below = (np.abs(x - centre[0]) < BODY_HALF_WIDTH * half) & (y > centre[1])
    labels = np.full((GRABCUT_SIDE, GRABCUT_SIDE), cv2.GC_BGD, np.uint8)
    labels[(distance < POSSIBLE_CHARACTER) | below] = cv2.GC_PR_BGD
    labels[distance < LIKELY_CHARACTER] = cv2.GC_PR_FGD
    labels[face_mask(face, GRABCUT_SIDE) > 0.5] = cv2.GC_FGD
    return _upscaled(run_grabcut(rgb, labels), rgb.shape[:2])


def grabcut_hair(rgb: Image, coarse: Array, face: Array) -> Array:
    """(S, S) matte of what a coarse matte (S, S) lacks around a person, mostly hair, found by GrabCut from colours."""
    small = cv2.resize(coarse, (GRABCUT_SIDE, GRABCUT_SIDE))
    radius = max(3, int(face_extent(face) * GRABCUT_SIDE * HAIR_REACH))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    labels = np.full((GRABCUT_SIDE, GRABCUT_SIDE), cv2.GC_BGD, np.uint8)
    labels[cv2.dilate((small > 0.5).astype(np.uint8), disc) > 0] = cv2.GC_PR_BGD
    labels[small > 0.5] = cv2.GC_PR_FGD
    labels[cv2.erode((small > 0.9).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0] = cv2.GC_FGD
    added = run_grabcut(rgb, labels)
    added[small > 0.5] = 0
    return _upscaled(cv2.morphologyEx(added, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), rgb.shape[:2])


def grabcut_limbs(rgb: Image, coarse: Array, likely: NDArray[np.uint8], possible: NDArray[np.uint8]) -> Array:
    """(H, W) matte of what a coarse matte (H, W) of a picture (H, W, 3) lacks of hands and feet, found by GrabCut.

    likely, possible: (H, W) 0 or 1, from `limb_regions`. The network loses hands near the border of the picture; they
    would stay behind when the arm moves.
    """
    if (coarse > 0.5)[likely > 0].all():
        return np.zeros_like(coarse)
    small, is_likely, is_possible = (
        cv2.resize(mask, (GRABCUT_SIDE, GRABCUT_SIDE)) for mask in (coarse, likely, possible)
    )
    labels = np.full((GRABCUT_SIDE, GRABCUT_SIDE), cv2.GC_BGD, np.uint8)
    labels[is_possible > 0] = cv2.GC_PR_BGD
    labels[(is_likely > 0) | (small > 0.5)] = cv2.GC_PR_FGD
    labels[cv2.erode((small > 0.9).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = cv2.GC_FGD
    added = run_grabcut(rgb, labels)
    added[(small > 0.5) | (is_possible == 0)] = 0
    return _upscaled(cv2.morphologyEx(added, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), coarse.shape)


def run_grabcut(rgb: Image, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Foreground mask (GRABCUT_SIDE, GRABCUT_SIDE) of 0 and 1 by GrabCut (Rother et al. 2004); reproducible.

    labels: OpenCV's GC_* values of the same shape, mutated. Labels that are all foreground or all background are
    returned as they are.
    """
    small = cv2.resize(rgb, (GRABCUT_SIDE, GRABCUT_SIDE), interpolation=cv2.INTER_AREA)
    foreground = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if foreground.any() and not foreground.all():
        cv2.setRNGSeed(1)
        cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)


def refine_edges(rgb: Array, coarse: Array) -> Array:
    """(H, W) matte aligned with the edges of the picture (H, W, 3) by a guided filter (He et al. 2010), then sharpened.

    It takes the place of closed-form matting where that finds no plausible alpha. The interior of the coarse matte
    (H, W) stays opaque.
    """
    radius = max(2, coarse.shape[0] // 128)
    filtered = cv2.ximgproc.guidedFilter(rgb, coarse, radius, 1e-4)
    sharp = ((filtered - 0.15) / 0.7).clip(0, 1)
    return np.where((coarse > 0.98) & (cv2.erode(coarse, np.ones((5, 5))) > 0.98), 1.0, sharp).astype(np.float32)


def face_mask(face: Array, size: int) -> Array:
    """(size, size) coverage 0..1 of the face's oval, a little smaller than the face."""
    oval = face[topology().oval.numpy(), :2]
    inner = oval.mean(0) + (oval - oval.mean(0)) * OVAL_SHARE
    return _filled(canvas_pixels(inner, size), size)


def _filled(polygon: NDArray[np.floating], size: int) -> Array:
    """(size, size) coverage 0..1 of a polygon (N, 2), pixels."""
    mask = np.zeros((size, size), np.float32)
    corners = np.round(polygon * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 1.0, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask


def _upscaled(mask: NDArray[np.uint8], shape: tuple[int, ...]) -> Array:
    """A mask of 0 and 1 at GRABCUT_SIDE as a soft matte (H, W), 0..1, of this shape."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)
    return cv2.resize(soft, shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)

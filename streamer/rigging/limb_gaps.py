"""Background that is seen between a limb and the torso, or between two legs, where the coarse matte has closed it."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry.body import (
    LEFT_ELBOW,
    LEFT_HIP,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_ELBOW,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)
from models.geometry.limb_curve import LIMB_SAMPLES, SECOND_JOINTS, THIRD_JOINTS, limb_polylines
from streamer.rigging.canvas import Array
from streamer.rigging.face_search import face_extent
from streamer.rigging.limb_outline import expected_radii
from streamer.tracking.limb_gate import body_size
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

CORE = 0.6  # expected half widths around the bones that are certainly the limb's
REACH = 2.6  # expected half widths around the bones in which gaps are looked for
BEYOND = 0.25  # of the picture's longer side around them: what background is seen there is what gaps show
COLOURS = 12  # of the person and of the background that are compared
SAMPLES = 4000  # pixels of each
NEARER = 0.5  # distance in CIELAB to the background's colours, over that to the person's, below which a pixel is its
UNLIKE = 14.0  # distance in CIELAB from the person's colours from which a pixel is told at all
MIN_AREA = 1e-4  # of the picture, of a gap
TORSO_RIM = 0.15  # sizes of the body by which a torso is wider than shoulders and hips
HEAD_REACH = 1.2  # extents of the face around its middle that are the head's and the neck's
EDGE_DIVISOR = 128  # of the canvas's side: pixels along the edge of a coarse matte that may be background
ARMS = (
    (LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, LEFT_HIP),
    (RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, RIGHT_HIP),
)
# Of narrow gaps beside arms, in sizes of the body: how far the background beside an arm is looked at, how long they are
# at least, and how wide at most.
BESIDE_ARM, LONG, NARROW = 0.25, 0.12, 0.12
BELOW = 3  # rows before and after the lower end of a gap
LIKE, ENCLOSED = 7.0, 0.7  # distance in CIELAB from that background; share of what is beside them that is unlike it
MATTE = (0.1, 0.5)  # of the coarse matte: certainly background below, taken for the person above


def limb_gaps(rgb: NDArray[np.uint8], matte: Array, landmarks: Array, body: Array) -> NDArray[np.bool_]:
    """(S, S) where the coarse matte (S, S) of a canvas (S, S, 3) takes background beside limbs for the person.

    landmarks: (478, 3), canvas units. body: (33, 4) joints, canvas units, and visibility. Only what is coloured like
    the background around, and not like torso, head and limbs, counts.
    """
    size = matte.shape[0]
    gaps = np.zeros((size, size), np.bool_)
    core, near = limb_masks(body, size)
    if not near.any():
        return gaps
    certain = core | torso_mask(body, size, 0.0) | head_mask(landmarks, size)
    inner = cv2.erode((matte > MATTE[1]).astype(np.uint8), np.ones((3, 3)), iterations=max(1, size // EDGE_DIVISOR))
    person = (certain & inner) > 0
    radius = max(1, round(BEYOND * size / 2))
    around = cv2.dilate(near, np.ones((3, 3), np.uint8), iterations=radius) > 0
    background = around & (matte < MATTE[0])
    if not person.any() or not background.any():
        return gaps
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    searched = (near > 0) & (matte > MATTE[0]) & ((certain | torso_mask(body, size, TORSO_RIM)) == 0)
    own, other = (distance_to(lab[searched], palette(lab[mask])) for mask in (person, background))
    gaps[searched] = (own > UNLIKE) & (other < NEARER * own)
    opened = cv2.morphologyEx(gaps.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    large = stats[:, cv2.CC_STAT_AREA] >= MIN_AREA * size * size
    large[0] = False
    return np.asarray(large[labels]) | slivers(lab, matte, body, core > 0)


def slivers(lab: Array, matte: Array, body: Array, limbs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(S, S) long, narrow gaps between arms and torso, coloured like the background beside the same arm.

    lab (S, S, 3): the canvas in CIELAB. matte, limbs (S, S): the coarse one, and where limbs certainly are. The whole
    person has the wall's colour somewhere, as a print or a shirt, but seldom long and narrow beside an arm.
    """
    size, unit = matte.shape[0], body_size(body) * matte.shape[0] / 2
    found = np.zeros((size, size), np.bool_)
    clear = cv2.erode((matte < MATTE[0]).astype(np.uint8), np.ones((3, 3)), iterations=max(1, size // EDGE_DIVISOR))
    for joints in ARMS:
        if not np.isfinite(body[list(joints), :2]).all() or body[list(joints[:3]), VISIBILITY].min() < MIN_VISIBILITY:
            continue
        corners = np.round(((body[list(joints), :2] + 1) * size / 2 - 0.5).clip(-size, 2 * size)).astype(np.int32)
        between = cv2.fillPoly(np.zeros((size, size), np.uint8), [corners], 1)
        between &= 1 - (torso_mask(body, size, 0.0) | cv2.erode(limbs.astype(np.uint8), np.ones((3, 3))))
        around = cv2.dilate(between, np.ones((3, 3), np.uint8), iterations=max(1, round(BESIDE_ARM * unit)))
        background = (around > 0) & (clear > 0)
        if background.sum() < SAMPLES // 10:
            continue
        like = np.full((size, size), np.inf, np.float32)
        like[around > 0] = distance_to(lab[around > 0], palette(lab[background]))
        parts = ((like < LIKE) & (between > 0)).astype(np.uint8)
        count, labels = cv2.connectedComponents(parts, connectivity=8)
        for number in range(1, count):
            part = labels == number
            if is_sliver(part, like, unit) and not goes_on(part, like):
                found |= part
    return found


def is_sliver(part: NDArray[np.bool_], like: Array, unit: float) -> bool:
    """Whether a part (S, S) is long and narrow, for a body of `unit` pixels, and what is beside it unlike it.

    like: (S, S) distance in CIELAB from the background.
    """
    rows = int(part.any(1).sum())
    if rows < LONG * unit or part.sum() >= NARROW * unit * rows:
        return False
    wide, narrow = (cv2.dilate(part.astype(np.uint8), np.ones((side, side))) for side in (7, 3))
    return bool((like[wide > narrow] > UNLIKE).mean() > ENCLOSED)


def goes_on(part: NDArray[np.bool_], like: Array) -> bool:
    """Whether the background goes on below a part (S, S): the matte then has not only closed a gap."""
    rows = np.flatnonzero(part.any(1))
    columns = np.flatnonzero(part[rows[-BELOW:]].any(0))
    below = like[rows[-1] + BELOW : rows[-1] + 3 * BELOW, columns.min() : columns.max() + 1]
    return bool(below.size and np.median(below) < LIKE)


def limb_masks(body: Array, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(size, size) each, 0 or 1: certainly on a limb, and where gaps beside limbs may be. Limbs that are not seen are
    left out.
    """
    core, near = np.zeros((2, size, size), np.uint8)
    radii = expected_radii(body) * size / 2
    lines = limb_polylines(torch.from_numpy(body)[None])[0].numpy()
    for line, radius, joints in zip(lines, radii, zip(SECOND_JOINTS, THIRD_JOINTS, strict=True), strict=True):
        if not np.isfinite(line).all() or body[list(joints), VISIBILITY].max() < MIN_VISIBILITY:
            continue
        corners = np.round(((line[1:] + 1) * size / 2 - 0.5).clip(-size, 2 * size)).astype(np.int32)
        steps = np.linspace(LIMB_SAMPLES // 4, LIMB_SAMPLES - 1, len(corners)).astype(int)
        for (start, end), (first, last) in zip(pairwise(corners), pairwise(steps), strict=True):
            width = float(radius[first:last].mean())
            for mask, share in ((core, CORE), (near, REACH)):
                ends = tuple(int(v) for v in start), tuple(int(v) for v in end)
                cv2.line(mask, *ends, 1, max(1, round(2 * share * width)))
    return core, near


def torso_mask(body: Array, size: int, rim: float) -> NDArray[np.uint8]:
    """(size, size) 0 or 1, between shoulders and hips, and so many sizes of the body around."""
    corners = [LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_HIP, LEFT_HIP]
    mask = np.zeros((size, size), np.uint8)
    if np.isfinite(body[corners, :2]).all():
        pixels = ((body[corners, :2] + 1) * size / 2 - 0.5).clip(-size, 2 * size)
        outline = np.round(pixels).astype(np.int32)
        cv2.fillConvexPoly(mask, outline, 1)
        cv2.polylines(mask, [outline], True, 1, max(1, round(rim * body_size(body) * size)))
    return mask


def head_mask(landmarks: Array, size: int) -> NDArray[np.uint8]:
    """(size, size) 0 or 1, around a face (478, 3), where hair may be."""
    mask = np.zeros((size, size), np.uint8)
    x, y = np.round(((landmarks[:, :2].max(0) + landmarks[:, :2].min(0)) / 2 + 1) * size / 2).astype(int)
    cv2.circle(mask, (int(x), int(y)), round(HEAD_REACH * face_extent(landmarks) * size / 2), 1, -1)
    return mask


def palette(colours: Array) -> Array:
    """(K, 3) the main ones of colours (N, 3), by k-means; reproducible."""
    step = max(1, len(colours) // SAMPLES)
    samples = np.ascontiguousarray(colours[::step], np.float32)
    count = min(COLOURS, len(samples))
    cv2.setRNGSeed(1)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, _, centres = cv2.kmeans(samples, count, np.empty(0), stop, 1, cv2.KMEANS_PP_CENTERS)
    return np.asarray(centres)


def distance_to(colours: Array, centres: Array) -> Array:
    """(N,) distance of colours (N, 3) from the nearest of centres (K, 3)."""
    return np.asarray(np.linalg.norm(colours[:, None] - centres[None], axis=-1).min(1))

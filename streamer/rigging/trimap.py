"""Tells where alpha is known before it is solved for: what is the character, what the background, and between them a
band that is narrow beside clothes, wide around hair, and free of objects that reach behind the character.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.rigging.canvas import Array, to_uint8
from streamer.rigging.face_search import face_extent
from streamer.rigging.head_region import head_region
from streamer.rigging.matting import CoarseMatte

Mask = NDArray[np.uint8]  # (H, W) of 0 and 1

SURE = 0.9  # coarse matte from which a pixel is the character's, away from its edge
POSSIBLE = 0.1  # coarse matte below which a pixel is not the character's, away from its edge
# Widths of the band in which alpha is unknown, in extents of the face:
HAIR_BAND = 0.07  # outwards from the coarse matte around the head, where hair ends in strands
BODY_BAND = 0.025  # outwards elsewhere
INNER_BAND = 0.035  # inwards
STRAND = 0.02  # extents of the face: half the width from which something beyond the coarse matte is no strand of hair
GAP_BAND = 2  # pixels around a gap between limbs in which alpha is unknown
MIN_RADIUS = 2  # pixels, of a band and of a strand
# Of the background that is followed into the band:
BESIDE = 3  # pixels beside the band from which colours are followed
SAME_COLOUR = 13  # of 255 by which a channel differs at most where a colour goes on
SOFT_EDGE = 2  # pixels beside anything else that may have a share of it
OBJECT_EDGE = 3  # pixels around the even colour of an object that are its soft edge
MIN_OBJECT = 3  # pixels; a strand is thinner
UNLIKE_WALL = 0.15  # 0..1 by which an object differs at least from the wall around it in a channel
_REACHED = 2  # what OpenCV's flood writes into its mask


def trimap(rgb: Array, face: Array, coarse: CoarseMatte) -> Array:
    """(H, W) of 0 background, 1 character and 0.5 unknown.

    rgb: (H, W, 3) 0..1 the picture. face: (478, 2 or 3) pixels. coarse: of the same picture.
    """
    gaps = np.zeros(coarse.matte.shape, np.uint8) if coarse.gaps is None else coarse.gaps.astype(np.uint8)
    known = bands(face, CoarseMatte(np.maximum(coarse.matte, gaps), coarse.face))
    known[(cv2.dilate(gaps, disc(GAP_BAND)) > 0) & (known == 1) & (coarse.face <= 0.5)] = 0.5
    inwards = (known == 0.5) & (coarse.matte < SURE)
    background = inwards & going_on(rgb, known == 0, inwards, strand_radius(face))
    background |= cv2.erode(gaps, disc(1)) > 0
    return np.where(background, 0, known).astype(np.float32)


def bands(face: Array, coarse: CoarseMatte) -> Array:
    """(H, W) of 0 background, 1 character and 0.5 unknown, from a coarse matte and the face (478, 2 or 3), pixels."""
    extent = face_extent(face)
    inside = cv2.erode((coarse.matte > SURE).astype(np.uint8), _band(INNER_BAND * extent))
    outside = (coarse.matte > POSSIBLE).astype(np.uint8)
    wide, narrow = (cv2.dilate(outside, _band(band * extent)) for band in (HAIR_BAND, BODY_BAND))
    possible = np.where(head_region(face, outside.shape), wide, narrow) > 0
    certain = (inside > 0) | (coarse.face > 0.5)
    return np.where(certain, 1.0, np.where(possible, 0.5, 0.0)).astype(np.float32)


def going_on(rgb: Array, outside: NDArray[np.bool_], band: NDArray[np.bool_], strand: int) -> NDArray[np.bool_]:
    """(H, W) where the background of a picture (H, W, 3) goes on from the outside (H, W) into a band (H, W).

    A picture on the wall or a piece of furniture that reaches behind dark hair has the colours of hair, but goes on
    beyond the band, where hair has ended. strand: half the width of the widest strand of hair, pixels, up to which an
    object is narrow: its soft edges then belong to it. Elsewhere a margin stays for the soft edges of hair.
    """
    reached = (flooded(to_uint8(rgb), outside, band) | outside).astype(np.uint8)
    wall = cv2.morphologyEx(reached, cv2.MORPH_OPEN, disc(strand))
    narrow = reached & (1 - cv2.dilate(wall, disc(1)))
    narrow = cv2.morphologyEx(narrow, cv2.MORPH_OPEN, np.ones((MIN_OBJECT, MIN_OBJECT), np.uint8))
    objects = objects_of(rgb, narrow, wall, outside, 2 * strand)
    even = cv2.erode(reached, disc(SOFT_EDGE), borderValue=1)
    return (even | cv2.dilate(objects, disc(OBJECT_EDGE))) > 0


def flooded(rgb: NDArray[np.uint8], outside: NDArray[np.bool_], band: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) the pixels of a band (H, W) that a path of one colour joins to the outside (H, W) of it, and some of that.

    rgb: (H, W, 3) the picture.
    """
    seeds = outside & (cv2.dilate(band.astype(np.uint8), disc(BESIDE)) > 0)
    mask = np.pad((~(band | seeds)).astype(np.uint8), 1, constant_values=1)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (_REACHED << 8)
    tolerance = (SAME_COLOUR,) * 3
    for y, x in np.argwhere(seeds):
        if not mask[y + 1, x + 1]:
            cv2.floodFill(rgb, mask, (int(x), int(y)), 0, tolerance, tolerance, flags)
    return np.asarray(mask[1:-1, 1:-1] == _REACHED)


def objects_of(rgb: Array, narrow: Mask, wall: Mask, outside: NDArray[np.bool_], reach: int) -> Mask:
    """(H, W) the parts of a narrow mask within `reach` pixels of the outside (H, W) that look unlike the wall (H, W).

    rgb: (H, W, 3) the picture.
    """
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(narrow)
    near = cv2.dilate(outside.astype(np.uint8), disc(reach))
    objects = np.zeros_like(narrow)
    for label in np.unique(labels[(narrow & near) > 0]):
        left, top, width, height = (int(each) for each in boxes[label, :4])
        rows, columns = (slice(max(0, a - reach), a + b + reach) for a, b in ((top, height), (left, width)))
        part = (labels[rows, columns] == label).astype(np.uint8)
        around = cv2.dilate(part, disc(reach)) & wall[rows, columns]
        colours = rgb[rows, columns]
        if around.any() and np.abs(colours[part > 0].mean(0) - colours[around > 0].mean(0)).max() > UNLIKE_WALL:
            objects[rows, columns] |= part
    return objects


def strand_radius(face: Array) -> int:
    """Half the width, pixels, of the widest strand of hair of a character with this face (478, 2 or 3), pixels."""
    return max(MIN_RADIUS, round(STRAND * face_extent(face)))


def disc(radius: int) -> Mask:
    """(2 radius + 1, 2 radius + 1) a round structuring element."""
    size = 2 * radius + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def _band(width: float) -> Mask:
    return disc(max(MIN_RADIUS, round(width)))

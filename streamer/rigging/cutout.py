"""Cuts a character out of its picture: fine alpha by closed-form matting, the character's own colours under it, and the
background without it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry.inpaint import pull_push
from models.geometry.topology import CHIN, MESH
from streamer.rigging.canvas import Array
from streamer.rigging.face_search import face_extent
from streamer.rigging.matting import CoarseMatte, refine_edges
from streamer.rigging.pymatting_methods import pymatting_methods

# Widths of the band in which alpha is estimated, in extents of the face:
HAIR_BAND = 0.07  # outwards from the coarse matte around the head, where hair ends in strands
BODY_BAND = 0.025  # outwards elsewhere
INNER_BAND = 0.035  # inwards
HEAD_REACH = 1.3  # extents of the face around its centre that are the head with its hair
BELOW_CHIN = 0.35  # extents of the face below the chin to which that reaches
MIN_BAND = 2  # pixels
SURE = 0.9  # coarse matte from which a pixel is the character's, away from its edge
POSSIBLE = 0.1  # coarse matte below which a pixel is not the character's, away from its edge
# Of the closed-form solution (Levin et al. 2008):
EPSILON = 1e-6  # regularisation of the colour lines
TOLERANCE = 1e-4  # of the residual, relative; 8-bit alpha shows no difference to 1e-7
MAX_STEPS = 1000  # of the solver; pictures take 30 to 200
SHIFTS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # of the preconditioner's diagonal, tried in order
MAX_FILL = 200  # entries of the preconditioner for an unknown pixel; it reserves memory for so many
HAZE = 0.04  # alpha that is as good as none, and so far from 1 as good as all
STRAND = 0.02  # extents of the face: half the width from which something beyond the coarse matte is no strand of hair
OPAQUE = 0.995  # from which a pixel shows the character alone
NO_ALPHA = 0.02  # up to which a pixel shows the background alone
# Pixels around the character that the plate does not take from the picture, in shares of its longer side:
FINE_RIM = 1 / 256
COARSE_RIM = 1 / 100  # around an alpha that is not closed-form
MIN_AGREEMENT = 0.8  # intersection over union of fine and coarse matte from which the fine one is plausible

_foreground_lock = threading.Lock()  # numba's simplest threading layer ends the process when it is entered twice
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cutout:
    """A character without its background, and the background without it.

    alpha: (H, W) float32 0..1.
    foreground: (H, W, 3) float32 0..1, straight colours; exactly the picture's where alpha is 1, continued smoothly
        beyond the edge.
    plate: (H, W, 3) float32 0..1, the background, filled smoothly where the character was.
    """

    alpha: Array
    foreground: Array
    plate: Array


def cut_out(rgb: Array, face: Array, coarse: CoarseMatte) -> Cutout:
    """The character in a picture (H, W, 3) 0..1 with this face (478, 2 or 3), pixels, and coarse matte."""
    alpha, rim = closed_form_alpha(rgb, trimap(face, coarse)), FINE_RIM
    if alpha is not None:
        alpha = strands_only(alpha, coarse, face)
    if alpha is None or agreement(alpha, coarse.matte) < MIN_AGREEMENT:
        alpha, rim = refine_edges(rgb, coarse.matte), COARSE_RIM
    radius = max(1, round(rim * max(alpha.shape)))
    removed = cv2.dilate((alpha > NO_ALPHA).astype(np.float32), _disc(radius))
    return Cutout(alpha, foreground_colours(rgb, alpha), continued(rgb, 1 - removed))


def trimap(face: Array, coarse: CoarseMatte) -> Array:
    """(H, W) of 0 background, 1 character and 0.5 unknown, from a coarse matte and the face (478, 2 or 3), pixels."""
    extent = face_extent(face)
    inside = cv2.erode((coarse.matte > SURE).astype(np.uint8), _band(INNER_BAND * extent))
    outside = (coarse.matte > POSSIBLE).astype(np.uint8)
    y, x = np.mgrid[: coarse.matte.shape[0], : coarse.matte.shape[1]].astype(np.float32)
    centre = (face[:MESH, :2].max(0) + face[:MESH, :2].min(0)) / 2
    near = np.hypot(x - centre[0], y - centre[1]) < HEAD_REACH * extent
    head = near & (y < face[CHIN, 1] + BELOW_CHIN * extent)
    wide, narrow = (cv2.dilate(outside, _band(band * extent)) for band in (HAIR_BAND, BODY_BAND))
    possible = np.where(head, wide, narrow) > 0
    certain = (inside > 0) | (coarse.face > 0.5)
    return np.where(certain, 1.0, np.where(possible, 0.5, 0.0)).astype(np.float32)


def closed_form_alpha(rgb: Array, known: Array) -> Array | None:
    """(H, W) alpha 0..1 of a picture (H, W, 3) with a trimap (H, W); None where there is no solution."""
    methods = pymatting_methods()
    unknown = known == 0.5
    if methods is None or not unknown.any() or not (known == 0).any() or not (known == 1).any():
        return None
    box = _bounding_box(unknown)
    limit = MAX_FILL * int(unknown.sum())
    alpha = known.copy()
    try:
        alpha[box] = methods.alpha(
            rgb[box].astype(np.float64),
            known[box].astype(np.float64),
            preconditioner=lambda matrix: methods.preconditioner(matrix, shifts=SHIFTS, max_nnz=limit),
            laplacian_kwargs={"epsilon": EPSILON},
            cg_kwargs={"rtol": TOLERANCE, "maxiter": MAX_STEPS},
        )
    except ValueError as error:  # not converged, or one of the known sets is empty within the box
        _log.debug("closed-form matting gave no alpha: %s", error)
        return None
    return ((alpha - HAZE) / (1 - 2 * HAZE)).clip(0, 1)


def strands_only(alpha: Array, coarse: CoarseMatte, face: Array) -> Array:
    """Alpha (H, W) that has nothing but strands beyond the coarse matte, given the face (478, 2 or 3), pixels.

    Closed-form matting lets what is coloured like the character, such as a picture on the wall beside dark hair, pass
    for it. That is thicker than strands are.
    """
    disc = _band(STRAND * face_extent(face))
    near = cv2.dilate((coarse.matte > POSSIBLE).astype(np.float32), disc)
    thick = cv2.morphologyEx(alpha * (1 - near), cv2.MORPH_OPEN, disc)
    thick = cv2.dilate(thick, disc) * (1 - near)
    return np.maximum(alpha - thick, 0)


def agreement(alpha: Array, coarse: Array) -> float:
    """Intersection over union, 0..1, of two mattes (H, W)."""
    return float(np.minimum(alpha, coarse).sum() / max(np.maximum(alpha, coarse).sum(), 1e-6))


def foreground_colours(rgb: Array, alpha: Array) -> Array:
    """(H, W, 3) the character's colours in a picture (H, W, 3) with alpha (H, W), by the multi-level method of Germer
    et al. (2020); beyond the edge they are continued.
    """
    methods = pymatting_methods()
    if methods is None:
        return continued(rgb, (alpha > 1 - HAZE).astype(np.float32))
    with _foreground_lock:
        estimated = methods.foreground(rgb, alpha)
    return np.where(alpha[..., None] > OPAQUE, rgb, estimated).astype(np.float32)


def continued(rgb: Array, weight: Array) -> Array:
    """Colours (H, W, 3), filled smoothly from around where their weight (H, W), 0..1, is below 1."""
    values = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
    filled = pull_push(values, torch.from_numpy(weight)[None, None])
    return filled[0].permute(1, 2, 0).numpy()


def _band(width: float) -> NDArray[np.uint8]:
    return _disc(max(MIN_BAND, round(width)))


def _disc(radius: int) -> NDArray[np.uint8]:
    size = 2 * radius + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns around a mask (H, W) with the radius of a window of the Laplacian, twice, to spare."""
    ranges = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    rows, columns = (slice(max(int(each[0]) - 2, 0), int(each[-1]) + 3) for each in ranges)
    return rows, columns

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
from streamer.rigging.canvas import Array
from streamer.rigging.head_region import head_region
from streamer.rigging.matting import CoarseMatte, refine_edges
from streamer.rigging.pymatting_methods import pymatting_methods
from streamer.rigging.texture_fill import continue_texture
from streamer.rigging.trimap import POSSIBLE, disc, strand_radius, trimap

BODY = 0.3  # coarse matte, aligned with the picture, from which a pixel is the body's
BODY_RIM = 2  # pixels that alpha may reach beyond the coarse matte, but for the head
# Of the closed-form solution (Levin et al. 2008):
EPSILON = 1e-6  # regularisation of the colour lines
TOLERANCE = 1e-4  # of the residual, relative; 8-bit alpha shows no difference to 1e-7
MAX_STEPS = 1000  # of the solver; pictures take 30 to 200
SHIFTS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # of the preconditioner's diagonal, tried in order
MAX_FILL = 200  # entries of the preconditioner for an unknown pixel; it reserves memory for so many
HAZE = 0.04  # alpha that is as good as none, and so far from 1 as good as all
UNLIKE_BACKGROUND = 0.2  # of a channel 0..1, by which what is enclosed by the character differs from what is behind it
ISLAND_EDGE = 2  # pixels around such a place, in which alpha is in between
OPAQUE = 0.995  # from which a pixel shows the character alone
SEEN_THROUGH = 0.15  # alpha up to which the background behind can be told from the picture
# Pixels around the character that the plate does not take from the picture, in shares of its longer side:
FINE_RIM = 1 / 256
COARSE_RIM = 1 / 100  # around an alpha that is not closed-form
# What is still the character's beside it on the plate, see `remnants`:
NEAR_SHARE = 1 / 20  # of the longer side that is looked at around the character, and again beyond that
# Deviations from a smooth filling: the largest of a background that counts as even, and the smallest of a remnant.
EVEN, NOISE = 0.06, 0.01
MIN_AGREEMENT = 0.8  # intersection over union of fine and coarse matte from which the fine one is plausible

_foreground_lock = threading.Lock()  # numba's simplest threading layer ends the process when it is entered twice
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cutout:
    """A character without its background, and the background without it.

    alpha: (H, W) float32 0..1.
    foreground: (H, W, 3) float32 0..1, straight colours; exactly the picture's where alpha is 1, continued smoothly
        beyond the edge.
    plate: (H, W, 3) float32 0..1, the background, filled where the character was.
    """

    alpha: Array
    foreground: Array
    plate: Array


def cut_out(rgb: Array, face: Array, coarse: CoarseMatte) -> Cutout:
    """The character in a picture (H, W, 3) 0..1 with this face (478, 2 or 3), pixels, and coarse matte."""
    alpha, radius = fine_alpha(rgb, face, coarse)
    foreground = foreground_colours(rgb, alpha)
    heads = head_region(face, alpha.shape, below=0.0)
    return Cutout(alpha, foreground, background(rgb, alpha, foreground, radius, heads, coarse.gaps))


def fine_alpha(rgb: Array, face: Array, coarse: CoarseMatte) -> tuple[Array, int]:
    """The alpha (H, W) of the same character, and the pixels around it that are not the background's alone."""
    known = trimap(rgb, face, coarse)
    alpha, rim = closed_form_alpha(rgb, known), FINE_RIM
    if alpha is not None:
        alpha = without_islands(alpha, rgb, known)
        alpha = near_the_body(strands_only(alpha, coarse, face), rgb, coarse, face)
    if alpha is None or agreement(alpha, coarse.matte) < MIN_AGREEMENT:
        alpha, rim = refine_edges(rgb, coarse.matte), COARSE_RIM
    return alpha, max(1, round(rim * max(alpha.shape)))


def near_the_body(alpha: Array, rgb: Array, coarse: CoarseMatte, face: Array) -> Array:
    """Alpha (H, W) that ends, but for the head, where the coarse matte does after its alignment with the picture, and
    where nothing solid is near.
    """
    # Alpha is solved inside gaps, so they count as the body here.
    whole = coarse.matte if coarse.gaps is None else np.maximum(coarse.matte, coarse.gaps)
    edge = cv2.dilate((refine_edges(rgb, whole.astype(np.float32)) > BODY).astype(np.float32), disc(BODY_RIM))
    solid = cv2.morphologyEx((alpha > 1 - BODY).astype(np.float32), cv2.MORPH_OPEN, disc(1))  # removes specks
    edge = np.minimum(edge, cv2.dilate(solid, disc(2 * BODY_RIM)))
    return np.where(head_region(face, alpha.shape), alpha, np.minimum(alpha, edge)).astype(np.float32)


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
            rgb[box].astype(np.float64).clip(0, 1),
            known[box].astype(np.float64),
            preconditioner=lambda matrix: methods.preconditioner(matrix, shifts=SHIFTS, max_nnz=limit),
            laplacian_kwargs={"epsilon": EPSILON},
            cg_kwargs={"rtol": TOLERANCE, "maxiter": MAX_STEPS},
        )
    except ValueError as error:  # not converged, or one of the known sets is empty within the box
        _log.debug("closed-form matting gave no alpha: %s", error)
        return None
    return ((alpha - HAZE) / (1 - 2 * HAZE)).clip(0, 1)


def without_islands(alpha: Array, rgb: Array, known: Array) -> Array:
    """Alpha (H, W) that is 1 where nothing leads from what is transparent to what is known to be background in a trimap
    (H, W), and the picture (H, W, 3) is not coloured like that: of what a drawn line encloses closed-form matting knows
    nothing.
    """
    count, labels = cv2.connectedComponents((alpha < 0.5).astype(np.uint8), connectivity=8)
    island = np.ones(count, bool)
    island[np.unique(labels[known == 0])] = False
    island[labels[alpha >= 0.5]] = False
    enclosed = island[labels]
    if not enclosed.any():
        return alpha
    behind = continued(rgb, (known == 0).astype(np.float32))
    unlike = np.abs(rgb - behind).max(-1) > UNLIKE_BACKGROUND
    pixels, differing = (np.bincount(labels[enclosed], each, count) for each in (None, unlike[enclosed]))
    filled = cv2.dilate((enclosed & (differing > pixels / 2)[labels]).astype(np.uint8), disc(ISLAND_EDGE))
    return np.where((filled > 0) & (known == 0.5), 1, alpha).astype(np.float32)


def strands_only(alpha: Array, coarse: CoarseMatte, face: Array) -> Array:
    """Alpha (H, W) that has nothing but strands beyond the coarse matte, given the face (478, 2 or 3), pixels.

    Closed-form matting lets what is coloured like the character, such as a picture on the wall beside dark hair, pass
    for it. That is thicker than strands are.
    """
    strand = disc(strand_radius(face))
    near = cv2.dilate((coarse.matte > POSSIBLE).astype(np.float32), strand)
    thick = cv2.morphologyEx(alpha * (1 - near), cv2.MORPH_OPEN, strand)
    thick = cv2.dilate(thick, strand) * (1 - near)
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


def background(
    rgb: Array,
    alpha: Array,
    foreground: Array,
    radius: int,
    heads: NDArray[np.bool_],
    gaps: NDArray[np.bool_] | None = None,
) -> Array:
    """(H, W, 3) what a picture (H, W, 3) shows behind a character of this alpha (H, W) and foreground (H, W, 3).

    It is the picture's own where alpha is 0, and where alpha is small, what makes the picture together with the
    foreground; `radius` pixels around all that covers more it is filled smoothly, and with the texture around. heads:
    (H, W) where hair may be, which alpha lacks in part. gaps: (H, W) where it is seen between limbs, however narrow.
    """
    covered: Array = cv2.dilate((alpha > SEEN_THROUGH).astype(np.float32), disc(radius)).astype(np.float32)
    share = np.minimum(alpha, SEEN_THROUGH)[..., None]
    behind = ((rgb - share * foreground) / (1 - share)).clip(0, 1).astype(np.float32)
    covered = np.maximum(covered, remnants(behind, covered) * heads)
    if gaps is not None:
        covered[gaps & (alpha <= SEEN_THROUGH)] = 0
    return continue_texture(continued(behind, 1 - covered), covered > 0)


def remnants(behind: Array, covered: Array) -> Array:
    """(H, W) 0 or 1, what beside a covered place (H, W) of a background (H, W, 3) is still the character's.

    Tips of hair, drawn lines and soft edges that alpha lacks would stay on the plate as a ghost of the outline. They
    differ from what a smooth filling foretells by more than the background does a little farther out.
    """
    reach = max(2, round(NEAR_SHARE * max(covered.shape)))
    away = cv2.distanceTransform((covered == 0).astype(np.uint8), cv2.DIST_L2, 5)
    near, far = away <= reach, away <= 2 * reach
    wrong, usual = (
        np.abs(behind - continued(behind, np.where(mask, 0, 1).astype(np.float32))).max(-1) for mask in (near, far)
    )
    usual = cv2.dilate(usual * (far & ~near), np.ones((2 * reach + 1,) * 2))  # a line that goes on farther out stays
    odd = (near & (covered == 0) & (usual < EVEN) & (wrong > usual + NOISE)).astype(np.float32)
    return cv2.dilate(odd, np.ones((3, 3), np.float32))


def continued(rgb: Array, weight: Array) -> Array:
    """Colours (H, W, 3), filled smoothly from around where their weight (H, W), 0..1, is below 1."""
    values = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
    filled = pull_push(values, torch.from_numpy(weight)[None, None])
    return filled[0].permute(1, 2, 0).numpy()


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns around a mask (H, W) with the radius of a window of the Laplacian, twice, to spare."""
    ranges = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    rows, columns = (slice(max(int(each[0]) - 2, 0), int(each[-1]) + 3) for each in ranges)
    return rows, columns

"""Where the limbs of a picture end to both sides, and which of them it shows well enough to move on their own.

The picture is rectified along each limb. On every side the half widths are the smoothest ones that follow the strongest
edges: alpha's, which is certain, and those of colour, for a limb before the torso.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from models.geometry.limb_curve import (
    FIRST_JOINTS,
    LEGS,
    LIMB_SAMPLES,
    LIMBS,
    SECOND_JOINTS,
    SEGMENTS_OF_LIMB,
    THIRD_JOINTS,
    limb_polylines,
    limb_samples,
    place_on_limb,
)
from streamer.rigging.canvas import Array
from streamer.tracking.limb_gate import body_size
from streamer.tracking.motion import MIN_VISIBILITY, VISIBILITY

# Expected half widths, in sizes of the body (`body_size`), at these s; the last ones taper to the tip:
WIDTHS_AT = (-0.6, 0.0, 1.0, 1.9, 2.3, 2.7, 3.0, 3.1)
ARM_WIDTHS = (0.17, 0.18, 0.14, 0.105, 0.14, 0.13, 0.08, 0.05)
LEG_WIDTHS = (0.32, 0.32, 0.23, 0.16, 0.2, 0.17, 0.1, 0.07)
# Candidates for a half width, over the expected one:
MIN_RATIO, MAX_RATIO, RATIO_STEP = 0.3, 2.4, 0.05
# How far limbs reach at most, over the expected half width, at these s, so that nothing beside them is taken for them:
REACHES_AT = (-0.6, 0.0, 0.3, 2.0, 2.2)
ARM_REACHES = (1.3, 1.6, 2.2, 2.2, 2.4)
LEG_REACHES = (1.3, 1.5, 1.5, 1.6, 2.4)
OTHER_LEG_FROM = 0.65  # ratio up to which a leg goes before the other one
OTHER_LEG = 0.8  # distance from the other leg's bones, over that from the own ones, below which a place is that leg's
ROWS_PER_SAMPLE = 3  # rows of the rectified picture whose mean is one sample
EDGE_COLUMNS = 2  # columns on both sides of a candidate that are compared
INSIDE = 0.5  # alpha at the edge of the person
LAB_NOISE = (3.0, 25.0)  # contrast in CIELAB at which an edge counts by half: bounds of NOISE_SHARE times the median
NOISE_SHARE = 2.0
RIDGE_GAIN = 2.0  # of a dark line over a step of the same contrast
# Costs of a half width, in edges of full contrast, for the squares of ratios but for BEYOND_COST:
EXPECTED_COST = 1.5  # away from what is expected
FREE_COST = 100.0  # away from where the person ends
FAR_FROM_END = 0.4  # ratio from which the distance to that end costs no more
BEYOND_COST = 10.0  # beyond that end
BEND_COST = 10.0  # from one sample to the next
IMPOSSIBLE_COST = 100.0  # where the limb may not reach
TIP_FROM = 2.1  # s from which a limb is a hand or a foot, whose width changes abruptly
SCALES = (0.7, 1.7)  # by which a limb's expected widths may be off
MIN_FREE_SHARE = 0.15  # of the samples that must be free on both sides to tell this
# Where a matte may lack a limb (`limb_regions`), in expected half widths and lengths of the hand:
LIKELY_WIDTH, LIKELY_TIP = 0.6, 0.75
POSSIBLE_WIDTH = 1.6
ARM_MARGIN = 1.2  # half widths of an arm within which the outline of a leg may be the arm's
MIN_RADIUS = 0.006  # canvas units
MIN_BONE = 0.04  # canvas units
MIN_BONE_SIZES = 0.2  # sizes of the body; shorter bones point at the camera
BONE_MARGIN = 0.15  # of a bone at both ends that may lie beside the person
MIN_COVERED = 0.75  # share of the rest of a bone that lies on the person
END_SHARE = 0.5  # length of a hand or a foot over that of the bone before it
MIN_INSIDE = 0.5  # share of it that lies within the picture


@dataclass(frozen=True)
class LimbOutlines:
    """The outlines of a picture's limbs; limbs and coordinates as in `models.geometry.limb_curve`.

    radii: (4, `LIMB_SAMPLES`, 2) float32, half widths, canvas units, to negative and to positive d. Where a limb lies
    before the background, alpha is .5 there.
    shown: (4, 2) float32, 1 for a segment that the picture shows well enough to become a layer, else 0.
    inside: (4,) float32, left, upper, right and lower border of the picture on its canvas, canvas units.
    """

    radii: Array
    shown: Array
    inside: Array


def find_limbs(
    rgb: Array, alpha: Array, body: Array, inside: tuple[slice, slice] = (slice(None), slice(None))
) -> LimbOutlines | None:
    """The outlines of the limbs of a person; None where the picture shows none, as a bust.

    rgb: (S, S, 3) float32 0..1. alpha: (S, S) float32 0..1, of the person. body: (33, 4) joints, canvas units, and
    visibility. inside: rows and columns of the canvas that show the picture itself.
    """
    if not np.isfinite(body).all():
        return None
    rows, columns = (each.indices(alpha.shape[0]) for each in inside)
    corners = np.array([columns[0], rows[0], columns[1], rows[1]], np.float32)
    borders = corners * 2 / alpha.shape[0] - 1
    shown = shown_segments(alpha, body, borders)
    if not shown.any():
        return None
    polylines = limb_polylines(torch.from_numpy(body)[None])[0]
    expected = expected_radii(body)
    strip = rectify(rgb, alpha, polylines, expected, bool(shown[LEGS].all()))
    ratios = past_arms(trace_sides(strip), expected, polylines, shown)
    return LimbOutlines(np.maximum(ratios * expected[:, :, None], MIN_RADIUS).astype(np.float32), shown, borders)


def past_arms(ratios: Array, expected: Array, polylines: torch.Tensor, shown: Array) -> Array:
    """Half widths (4, N, 2) over the expected ones (4, N), with those of legs whose outline an arm covers taken from
    beside it: the arm's outline is not theirs. polylines (4, 5, 2), shown (4, 2).
    """
    ratios = ratios.copy()
    radii = ratios * expected[:, :, None]
    arms = [limb_corners(polylines[arm], ARM_MARGIN * radii[arm]) for arm in range(LEGS.start) if shown[arm].all()]
    for leg in range(LEGS.start, LIMBS):
        for side, edge in enumerate(limb_edges(polylines[leg], radii[leg])):
            covered = np.array(
                [any(cv2.pointPolygonTest(arm, (float(x), float(y)), False) >= 0 for arm in arms) for x, y in edge]
            )
            if covered.any() and not covered.all():
                at = np.arange(len(covered))
                ratios[leg, covered, side] = np.interp(at[covered], at[~covered], ratios[leg, ~covered, side])
    return ratios


def limb_edges(line: torch.Tensor, radii: Array) -> tuple[Array, Array]:
    """Where a limb with a polyline (5, 2) and half widths (N, 2) ends at the N samples of s, towards negative and
    positive d: (N, 2) float32 each.
    """
    s, d = limb_samples(torch.device("cpu")), torch.from_numpy(radii.astype(np.float32))
    return place_on_limb(line, s, -d[:, 0]).numpy(), place_on_limb(line, s, d[:, 1]).numpy()


def limb_corners(line: torch.Tensor, radii: Array, start: int = 0) -> Array:
    """The polygon (2 · (N − start), 2) float32 of the limb's outline, see `limb_edges`, from sample `start` on."""
    first, second = limb_edges(line, radii)
    return np.concatenate([first[start:], second[start:][::-1]])


def expected_radii(body: Array) -> Array:
    """(4, `LIMB_SAMPLES`) half widths that the limbs of people with joints (33, 4) have, canvas units."""
    s = limb_samples(torch.device("cpu")).numpy()
    arm, leg = (np.interp(s, WIDTHS_AT, widths) for widths in (ARM_WIDTHS, LEG_WIDTHS))
    return (body_size(body) * np.stack([arm, arm, leg, leg])).astype(np.float32)


def shown_segments(alpha: Array, body: Array, borders: Array) -> Array:
    """(4, 2) float32 0 or 1, whether each segment is shown well enough to become a layer.

    A limb is shown as a whole or not at all: with an upper arm alone, the forearm would stay behind when it moves. Its
    lower segment may be cut by the picture's borders (4,), see `LimbOutlines.inside`: a hand that is not in the picture
    often takes its wrist's visibility with it.
    """
    shortest = max(MIN_BONE, MIN_BONE_SIZES * body_size(body))
    shown = np.zeros((LIMBS, SEGMENTS_OF_LIMB), np.float32)
    for limb, joints in enumerate(zip(FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS, strict=True)):
        places, visibility = body[list(joints), :2], body[list(joints), VISIBILITY]
        lengths = np.linalg.norm(np.diff(places, axis=0), axis=1)
        end = places[2] + END_SHARE * (places[2] - places[1])
        within = ((np.stack([*places, end]) > borders[:2]) & (np.stack([*places, end]) < borders[2:])).all(1)
        shown[limb] = (
            within[:2].all()
            and (visibility[:2] > MIN_VISIBILITY).all()
            and (visibility[2] > MIN_VISIBILITY or (limb < LEGS.start and not within[2:].all()))
            and (lengths > shortest).all()
            and bone_coverage(alpha, places[0], places[1], borders) > MIN_COVERED
            and bone_coverage(alpha, places[1], places[2], borders) > MIN_COVERED
        )
    return shown


def limb_regions(body: Array, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(size, size) each, 0 or 1: where the hands and feet of joints (33, 4), with half of the forearms and shins,
    likely are, and where they may be. Those with an unseen joint are left out.
    """
    likely, possible = np.zeros((2, size, size), np.uint8)
    radii = expected_radii(body)[:, LIMB_SAMPLES // 2 :].mean(1) * size / 2
    polylines = limb_polylines(torch.from_numpy(body)[None])[0].numpy()
    for line, radius, joints in zip(polylines, radii, zip(SECOND_JOINTS, THIRD_JOINTS, strict=True), strict=True):
        if np.isfinite(line).all() and (body[list(joints), VISIBILITY] > MIN_VISIBILITY).all():
            outer = np.stack([(line[2] + line[3]) / 2, line[3], line[4]])
            inner = np.stack([outer[0], outer[1], outer[1] + LIKELY_TIP * (outer[2] - outer[1])])
            for mask, bones, width in ((likely, inner, LIKELY_WIDTH), (possible, outer, POSSIBLE_WIDTH)):
                corners = np.round(((bones + 1) * size / 2 - 0.5).clip(-size, 2 * size)).astype(np.int32)
                cv2.polylines(mask, [corners], False, 1, max(1, round(2 * width * float(radius))))
    return likely, possible


def bone_coverage(alpha: Array, start: Array, end: Array, borders: Array) -> float:
    """Share of a bone, without its ends, that lies on the person, of what lies within the picture's borders (4,); 0 if
    that is less than MIN_INSIDE of it. start, end: (2,) canvas units.
    """
    line = start + np.linspace(BONE_MARGIN, 1 - BONE_MARGIN, 16)[:, None] * (end - start)
    line = line[((line > borders[:2]) & (line < borders[2:])).all(1)]
    if len(line) < MIN_INSIDE * 16:
        return 0.0
    x, y = ((line + 1) * alpha.shape[0] / 2 - 0.5).astype(np.float32).T
    return float((cv2.remap(alpha, x, y, cv2.INTER_LINEAR) > INSIDE).mean())


@dataclass(frozen=True)
class Strip:
    """A picture's edges, rectified along limbs, at (4, N, 2, R) limbs, samples, sides and candidates for a ratio.

    contrast: 0..1, of the colours' edge at each candidate.
    possible: whether the limb may reach so far.
    free: (4, N, 2), ratio at which the person ends; NaN where it does not as far as the limb may reach.
    """

    contrast: Array
    possible: NDArray[np.bool_]
    free: Array


def at_tip() -> NDArray[np.bool_]:
    """(N,) which samples lie on the hand or the foot."""
    return np.asarray(limb_samples(torch.device("cpu")).numpy() > TIP_FROM)


def candidates() -> Array:
    """(R,) half widths that are compared, over the expected ones."""
    return np.arange(MIN_RATIO, MAX_RATIO + RATIO_STEP / 2, RATIO_STEP, dtype=np.float32)


def rectify(rgb: Array, alpha: Array, polylines: torch.Tensor, expected: Array, both_legs: bool) -> Strip:
    """Edges of a picture along limbs with polylines (4, 5, 2) and expected half widths (4, N).

    both_legs: whether the picture shows both.
    """
    size = rgb.shape[0]
    reach = round(MAX_RATIO / RATIO_STEP) + EDGE_COLUMNS
    across = np.arange(-reach, reach + 1, dtype=np.float32) * RATIO_STEP
    samples = limb_samples(torch.device("cpu"))
    shift = (torch.arange(ROWS_PER_SAMPLE) - (ROWS_PER_SAMPLE - 1) / 2) / ROWS_PER_SAMPLE * (samples[1] - samples[0])
    s = (samples[:, None] + shift).flatten()
    d = torch.from_numpy(np.repeat(expected, ROWS_PER_SAMPLE, 1)[..., None] * across)  # (4, rows, columns)
    places = place_on_limb(polylines, s.repeat_interleave(len(across)), d.flatten(1)).unflatten(1, d.shape[1:])
    pixels = ((places + 1) * size / 2 - 0.5).numpy().reshape(-1, len(across), 2)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)
    shape = (LIMBS, LIMB_SAMPLES, ROWS_PER_SAMPLE, len(across))
    colours, inside = (
        cv2.remap(image, pixels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(*shape, -1).mean(2)
        for image in (lab, alpha)
    )
    middle = ROWS_PER_SAMPLE // 2
    own = np.abs(across) <= farthest_ratios()[..., None]
    if both_legs:
        own[LEGS] &= nearer_to_own(places[LEGS, middle::ROWS_PER_SAMPLE].numpy(), polylines[LEGS].numpy(), across)
    colours, inside, own = (both_sides(values, reach) for values in (colours, inside[..., 0], own))
    first, last = round(MIN_RATIO / RATIO_STEP), reach + 1 - EDGE_COLUMNS
    own = np.logical_and.accumulate(own[..., :last], -1)
    return Strip(edge_contrast(colours, first, last - first), own[..., first:], person_ends(inside[..., :last], own))


def both_sides(values: NDArray[Any], middle: int) -> NDArray[Any]:
    """(4, N, 2, columns, …) of (4, N, 2 · middle + 1, …): both sides from the bone, in the middle column, outwards."""
    return np.stack([values[:, :, middle::-1], values[:, :, middle:]], 2)


def farthest_ratios() -> Array:
    """(4, N) half widths, over the expected ones, beyond which nothing is a limb's."""
    s = limb_samples(torch.device("cpu")).numpy()
    arm, leg = (np.interp(s, REACHES_AT, shares) for shares in (ARM_REACHES, LEG_REACHES))
    return np.stack([arm, arm, leg, leg]).astype(np.float32)


def nearer_to_own(places: Array, polylines: Array, across: Array) -> NDArray[np.bool_]:
    """(2, N, columns) whether places (2, N, columns, 2) of the legs, at these ratios (columns,) across, are not the
    other leg's. polylines (2, 5, 2): of the legs.
    """
    own, other = (
        np.stack([bone_distance(leg, polyline[1:]) for leg, polyline in zip(places, lines, strict=True)])
        for lines in (polylines, polylines[::-1])
    )
    return (np.abs(across) <= OTHER_LEG_FROM) | (other >= OTHER_LEG * own)


def bone_distance(points: Array, line: Array) -> Array:
    """(…,) distance of points (…, 2) from a polyline (M, 2)."""
    nearest = np.full(points.shape[:-1], np.inf, np.float32)
    for start, end in pairwise(line):
        bone, offset = end - start, points - start
        along = np.clip(offset @ bone / max(bone @ bone, 1e-9), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(offset - along[..., None] * bone, axis=-1))
    return nearest


def edge_contrast(colours: Array, first: int, count: int) -> Array:
    """(…, count) contrast 0..1 of edges at columns `first` on of colours (…, columns, 3): steps and dark lines."""
    total = np.pad(np.cumsum(colours, -2), [(0, 0)] * (colours.ndim - 2) + [(1, 0), (0, 0)])
    at = np.arange(first, first + count)
    before = (total[..., at, :] - total[..., at - EDGE_COLUMNS, :]) / EDGE_COLUMNS
    after = (total[..., at + 1 + EDGE_COLUMNS, :] - total[..., at + 1, :]) / EDGE_COLUMNS
    step = np.linalg.norm(after - before, axis=-1)
    line = np.minimum(before[..., 0], after[..., 0]) - colours[..., at, 0]
    strength = step + RIDGE_GAIN * np.maximum(line, 0)
    noise = np.clip(NOISE_SHARE * np.median(strength, (1, 2, 3), keepdims=True), *LAB_NOISE)
    return (strength / (strength + noise)).astype(np.float32)


def person_ends(alpha: Array, own: NDArray[np.bool_]) -> Array:
    """(4, N, 2) ratio at which the person ends, from its alpha (4, N, 2, columns) from the bone outwards; NaN where it
    does not. own: which columns may be the limb's.

    The first end counts; at hands and feet the last one, since between fingers alpha falls too, unless something else
    follows, as a thigh does beside a hand.
    """
    on = alpha > INSIDE
    ends = on[..., :-1] & ~on[..., 1:] & own[..., 1:]
    index = np.arange(ends.shape[-1])
    last = np.where(ends, index, -1).max(-1)
    first = np.where(ends, index, len(index)).min(-1)
    more = (on & own & (np.arange(on.shape[-1]) > last[..., None])).any(-1)
    at = np.where(more | ~at_tip()[:, None], first, last)
    found = ends.any(-1)
    at = np.where(found, at, 0)
    inner, outer = (np.take_along_axis(alpha, (at + k)[..., None], -1)[..., 0] for k in (0, 1))
    place = (at + (inner - INSIDE) / np.maximum(inner - outer, 1e-6)) * RATIO_STEP
    nowhere = np.where((on & own).any(-1), np.nan, 0.0)  # beside the person there is nothing of the limb
    return np.where(found, place, nowhere).astype(np.float32)


def trace_sides(strip: Strip) -> Array:
    """(4, N, 2) half widths over the expected ones: the cheapest smooth path on each side of each limb."""
    free = ~np.isnan(strip.free)
    sure = free & (strip.free > MIN_RATIO)
    scale = np.ones(LIMBS, np.float32)
    for limb, both in enumerate(sure.all(-1) & ~at_tip()):
        if both.sum() > MIN_FREE_SHARE * LIMB_SAMPLES:
            scale[limb] = np.clip(np.median(strip.free[limb][both].mean(-1)), *SCALES)
    ratios, width = candidates(), scale[:, None, None]
    known = np.where(sure, strip.free, width)
    # Bones lie beside the middle of a limb rather than that its width is unusual.
    wanted = np.where(sure[:, :, ::-1], (2 * width - known[:, :, ::-1]).clip(MIN_RATIO, MAX_RATIO), width)
    cost = EXPECTED_COST * (ratios - wanted[..., None]) ** 2 - strip.contrast
    ends = np.where(free, strip.free, 0)
    beyond = ratios - ends[..., None]
    own = FREE_COST * np.minimum(beyond**2, FAR_FROM_END**2) + BEYOND_COST * np.maximum(beyond, 0)
    cost = np.where(free[..., None], cost + own, cost) + IMPOSSIBLE_COST * ~strip.possible
    best = smoothest(np.moveaxis(cost, 1, 0).reshape(LIMB_SAMPLES, LIMBS * 2, -1))
    traced = ratios[best].reshape(LIMB_SAMPLES, LIMBS, 2).transpose(1, 0, 2)
    # Between two candidates the person's own end is exact; fingers and toes reach it, however abruptly it changes.
    exact = free & ((np.abs(traced - ends) < 2 * RATIO_STEP) | (at_tip()[:, None] & (ends > traced)))
    return np.where(exact, ends, traced)


def smoothest(cost: Array) -> NDArray[np.intp]:
    """(N, C) candidates of the cheapest paths through costs (N, C, R), by dynamic programming (Viterbi 1967)."""
    count, _, width = cost.shape
    step = np.arange(width, dtype=np.float32) * RATIO_STEP
    change = BEND_COST * (step[:, None] - step) ** 2  # from the second to the first
    total = cost[0]
    origins = np.zeros(cost.shape, np.intp)
    for n in range(1, count):
        ways = total[:, None] + change
        origins[n] = ways.argmin(-1)
        total = cost[n] + np.take_along_axis(ways, origins[n][..., None], -1)[..., 0]
    path = np.empty(cost.shape[:2], np.intp)
    path[-1] = total.argmin(-1)
    for n in range(count - 1, 0, -1):
        path[n - 1] = np.take_along_axis(origins[n], path[n][:, None], 1)[:, 0]
    return path

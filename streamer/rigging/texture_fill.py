"""Continues a background into the hole that a character leaves: water, bricks, the edge of a wall, and no blur.

Each small patch of the hole gets the most similar patch of the background by PatchMatch (Barnes et al. 2009), and each
pixel the mean of what the patches over it say, from coarse to fine (Wexler et al. 2007). Patches are taken rather from
beside the hole than from above or below it: floors, walls and horizons go on to the side. A patch may be a little
brighter or darker than its source (Darabi et al. 2012), so that a shaded wall has no seams.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.rigging.canvas import Array

RADIUS = 2  # pixels of a patch around its centre
COMPONENTS = 16  # principal ones of the patches of a background, by which they are compared
SEARCH_SIDE, COARSEST_SIDE = 128, 64  # longer side of the finest level that is searched, and at most of the coarsest
PASSES, COARSEST_PASSES, FINEST_PASSES = 4, 24, 2  # of search and vote on a level
MAX_STEP = 0.5  # of the longer side: the search proposes no patch from further
OTHER_ROW, FARTHEST_ROW = 4.0, 0.3  # error of a patch from another row, per height; and where it stops growing
NEAR_SHARE = 0.04  # of the longer side: the background beside the hole, whose texture counts
TEXTURE_BLUR = 0.008  # of the longer side: standard deviation of the blur from which texture deviates
TEXTURE, MIN_TEXTURED = 0.012, 0.01  # deviation, 0..1, and share of the background beside the hole that deviates so
MOST_ERRORS = 6.0  # medians: a patch's vote is exp(−its error over the median error), which is taken as no larger
NEARER = 1.15  # factor by which the votes of patches grow with each pixel that they are nearer to the background
MAX_TONE, OTHER_TONE = 0.06, 0.5  # 0..1 by how much a patch may differ in tone, and what share of that error counts
AGREEMENT_BLUR, AGREEMENT = 3.0, (0.45, 0.7)  # pixels; share of neighbours that come from neighbours: scraps, texture
SEED = 11

Mask = NDArray[np.bool_]
Places = NDArray[np.int32]  # (N, 2) rows and columns


@dataclass(slots=True)
class _Matches:
    """The patches of one level. places: (N, 2) of the hole's pixels. sources: (N, 2) of the patches taken for them.
    tones: (N, 3) what is added to them. errors: (N,) squared differences. number: (H, W) of each pixel of the hole, −1
    elsewhere.
    """

    places: Places
    sources: Places
    tones: Array
    errors: Array
    number: NDArray[np.int32]


def continue_texture(smooth: Array, hole: Mask) -> Array:
    """A background (H, W, 3) 0..1, filled smoothly where the hole (H, W) is, with its structure in there, too."""
    if not has_texture(smooth, hole):
        return smooth
    known = ~hole
    levels = [(smooth, known)]
    while max(levels[-1][1].shape) > COARSEST_SIDE:
        levels.append(_halved(*levels[-1]))
    first = next(k for k, (_, at) in enumerate(levels) if max(at.shape) <= SEARCH_SIDE)
    random = np.random.default_rng(SEED)
    matches: _Matches | None = None
    for level in range(len(levels) - 1, first - 1, -1):
        passes = COARSEST_PASSES if matches is None else FINEST_PASSES if level == first else PASSES
        found = _search(*levels[level], matches, random, passes)
        matches = found or matches  # without one, the background is too small on this level
    if matches is None:
        return smooth
    filled = _copied(smooth, known, matches, 2**first)
    share = hole * cv2.resize(_agreement(matches), hole.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth + share[..., None] * (filled - smooth), 0, 1).astype(np.float32)


def has_texture(smooth: Array, hole: Mask) -> bool:
    """Whether anything beside a hole is not smooth; else there is nothing to go on."""
    longer = max(hole.shape)
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3)
    near = (away > 0) & (away < NEAR_SHARE * longer)
    if not near.any() or not hole.any():
        return False
    grey = smooth.mean(-1)
    deviation = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), max(1.0, TEXTURE_BLUR * longer)))
    return bool((deviation[near] > TEXTURE).mean() > MIN_TEXTURED)


def _halved(picture: Array, known: Mask) -> tuple[Array, Mask]:
    """The next coarser level: cells that are known in full."""
    height, width = (max(1, length // 2) for length in known.shape)
    smaller = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    share = cv2.resize(known.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return smaller, share > 0.999


def _search(
    picture: Array, known: Mask, coarser: _Matches | None, random: np.random.Generator, passes: int
) -> _Matches | None:
    """The best patches on one level, beginning with those of the coarser one; None without any whole patch."""
    height, width = known.shape
    inner = cv2.erode(known.astype(np.uint8), np.ones((2 * RADIUS + 1,) * 2, np.uint8), borderValue=0) > 0
    candidates = np.argwhere(inner).astype(np.int32)
    away = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3)
    places = np.argwhere(away > 0).astype(np.int32)
    if not len(candidates) or not len(places):
        return None
    number = np.full(known.shape, -1, np.int32)
    number[tuple(places.T)] = np.arange(len(places))
    tones = np.zeros((len(places), 3), np.float32)
    if coarser is None:
        sources = candidates[random.integers(len(candidates), size=len(places))]
    else:
        at = np.minimum(places // 2, np.array(coarser.number.shape) - 1)
        index = coarser.number[tuple(at.T)]
        before = coarser.sources[index] - coarser.places[index]
        sources = np.where((index >= 0)[:, None], places + 2 * before, places)
        sources = _valid(sources, inner, candidates, random)
        tones = np.where((index >= 0)[:, None], coarser.tones[index], tones)
    patches = _patches(picture)  # those that are taken are known: they do not change
    components = _components(patches[candidates[:, 0] * width + candidates[:, 1]])
    patches = _features(patches, components)
    filled = picture.copy()
    if coarser is not None:
        filled[tuple(places.T)] = picture[tuple(sources.T)] + tones
    away = away[tuple(places.T)]
    matches = _Matches(places, sources, tones, np.full(len(places), np.inf, np.float32), number)
    reach = MAX_STEP * max(known.shape)
    for _ in range(passes):
        wanted = _features(_patches(filled)[places[:, 0] * width + places[:, 1]], components)
        matches.errors = _error(wanted, patches, places, matches.sources, known.shape)
        for step in (1, 2):
            for offset in ((0, step), (0, -step), (step, 0), (-step, 0)):
                beside = np.clip(places + np.array(offset, np.int32), 0, (height - 1, width - 1))
                index = number[tuple(beside.T)]
                proposed = np.where((index >= 0)[:, None], matches.sources[index] - offset, beside - offset)
                _improve(matches, proposed.astype(np.int32), inner, wanted, patches)
        radius = reach
        while radius >= 1:
            around = random.uniform(-radius, radius, matches.sources.shape)
            _improve(matches, (matches.sources + around).astype(np.int32), inner, wanted, patches)
            anywhere = places + random.uniform(-radius, radius, matches.sources.shape)
            _improve(matches, anywhere.astype(np.int32), inner, wanted, patches)
            radius /= 3
        taken = patches[matches.sources[:, 0] * width + matches.sources[:, 1], :3]
        matches.tones = np.clip(wanted[:, :3] - taken, -MAX_TONE, MAX_TONE)
        _vote(filled, picture, matches, away)
    return matches


def _patches(picture: Array) -> Array:
    """(H · W, K) the patch around each pixel, with the border repeated."""
    size = 2 * RADIUS + 1
    padded = np.pad(picture, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
    height, width = picture.shape[:2]
    shifted = [
        padded[row : row + height, column : column + width].reshape(-1, 3)
        for row in range(size)
        for column in range(size)
    ]
    return np.concatenate(shifted, 1)


def _components(patches: Array) -> Array:
    """(K, COMPONENTS) the directions in which patches (N, K) differ most, but for their means."""
    detail = patches - _means(patches)
    _, directions = np.linalg.eigh(detail.T @ detail)
    return np.asarray(directions[:, -COMPONENTS:], np.float32)


def _features(patches: Array, components: Array) -> Array:
    """(N, 3 + COMPONENTS) of patches (N, K): their mean colours, and their detail."""
    means = _means(patches)
    return np.concatenate([means[:, :3], (patches - means) @ components], 1)


def _means(patches: Array) -> Array:
    """(N, K) patches of one colour each."""
    count = patches.shape[1] // 3
    return np.tile(patches.reshape(-1, count, 3).mean(1), (1, count))


def _error(wanted: Array, patches: Array, places: Places, sources: Places, shape: tuple[int, ...]) -> Array:
    """(N,) squared differences of patches by features, and what it costs that they are not beside their places."""
    height, width = shape
    difference = wanted - patches[sources[:, 0] * width + sources[:, 1]]
    tone, detail = difference[:, :3], difference[:, 3:]
    beyond = tone - np.clip(tone, -MAX_TONE, MAX_TONE)
    pixels = (2 * RADIUS + 1) ** 2
    row = np.minimum(np.abs(sources[:, 0] - places[:, 0]) / height, FARTHEST_ROW)
    tones = np.square(beyond).sum(1) + OTHER_TONE * np.square(tone).sum(1)
    return np.asarray(np.einsum("nk,nk->n", detail, detail) + pixels * tones + OTHER_ROW * row, np.float32)


def _improve(matches: _Matches, proposed: Places, inner: Mask, wanted: Array, patches: Array) -> None:
    """Takes the proposed sources where they are whole patches of the background, near, and better."""
    height, width = inner.shape
    inside = ((proposed >= 0) & (proposed < (height, width))).all(1)
    chosen = np.flatnonzero(inside)
    chosen = chosen[inner[tuple(proposed[chosen].T)]]
    step = np.abs(proposed[chosen] - matches.places[chosen]).max(1)
    chosen = chosen[step <= MAX_STEP * max(height, width)]
    errors = _error(wanted[chosen], patches, matches.places[chosen], proposed[chosen], inner.shape)
    better = errors < matches.errors[chosen]
    matches.sources[chosen[better]], matches.errors[chosen[better]] = proposed[chosen[better]], errors[better]


def _valid(sources: Places, inner: Mask, candidates: Places, random: np.random.Generator) -> Places:
    """Sources moved onto whole patches of the background: others become any."""
    clipped = np.clip(sources, 0, np.array(inner.shape) - 1).astype(np.int32)
    wrong = np.flatnonzero(~inner[tuple(clipped.T)])
    clipped[wrong] = candidates[random.integers(len(candidates), size=len(wrong))]
    return clipped


def _vote(filled: Array, picture: Array, matches: _Matches, away: Array) -> None:
    """Sets the hole's pixels to the weighted mean of what the patches over them say."""
    height, width = matches.number.shape
    errors = matches.errors / max(float(np.median(matches.errors)), 1e-6)
    weights = np.exp(-np.minimum(errors, MOST_ERRORS)) * NEARER ** -np.minimum(away, 60)
    total, sums = np.zeros((len(away), 1), np.float32), np.zeros((len(away), 3), np.float32)
    for row in range(-RADIUS, RADIUS + 1):
        for column in range(-RADIUS, RADIUS + 1):
            centre = matches.places - np.array((row, column), np.int32)
            index = matches.number[tuple(np.clip(centre, 0, (height - 1, width - 1)).T)]
            said = np.clip(matches.sources[index] + (row, column), 0, (height - 1, width - 1))
            weight = np.where(index >= 0, weights[index], 0)[:, None].astype(np.float32)
            total += weight
            sums += weight * (picture[tuple(said.T)] + matches.tones[index])
    filled[tuple(matches.places.T)] = sums / np.maximum(total, 1e-12)


def _agreement(matches: _Matches) -> Array:
    """(H, W) 0..1 how far neighbouring pixels of the hole come from neighbouring ones, as those of a texture that fits
    do; scraps do not.
    """
    height, width = matches.number.shape
    same, count = np.zeros(len(matches.places), np.float32), np.zeros(len(matches.places), np.float32)
    way = matches.sources - matches.places
    for offset in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside = np.clip(matches.places + np.array(offset, np.int32), 0, (height - 1, width - 1))
        index = matches.number[tuple(beside.T)]
        same += (index >= 0) & (np.abs(way[index] - way).max(1) <= 1)
        count += index >= 0
    maps = np.zeros((2, height, width), np.float32)
    maps[:, matches.places[:, 0], matches.places[:, 1]] = same, count
    around, all_around = (cv2.GaussianBlur(part, (0, 0), AGREEMENT_BLUR) for part in maps)
    return _ramp(around / np.maximum(all_around, 1e-4), AGREEMENT)


def _copied(smooth: Array, known: Mask, matches: _Matches, factor: int) -> Array:
    """The picture at full size with the hole's pixels taken from where the matches of a level, smaller by a factor,
    say; each is a mean of what the four nearest cells say.
    """
    height, width = known.shape
    places = np.argwhere(~known).astype(np.int32)
    cells = (places + 0.5) / factor - 0.5
    base = np.floor(cells).astype(np.int32)
    share = (cells - base).astype(np.float32)
    total, sums = np.full((len(places), 1), 1e-6, np.float32), np.zeros((len(places), 3), np.float32)
    for row in (0, 1):
        for column in (0, 1):
            cell = np.clip(base + np.array((row, column), np.int32), 0, np.array(matches.number.shape) - 1)
            index = matches.number[tuple(cell.T)]
            offset = (matches.sources[index] - matches.places[index]) * factor
            source = np.clip(places + offset, 0, (height - 1, width - 1))
            weight = np.abs(1 - row - share[:, 0]) * np.abs(1 - column - share[:, 1]) + 1e-4
            weight = np.where((index >= 0) & known[tuple(source.T)], weight, 0)[:, None]
            total += weight
            sums += weight * (smooth[tuple(source.T)] + matches.tones[index])
    found = total > 1e-5
    filled = smooth.copy()
    filled[tuple(places.T)] = np.where(found, sums / total, smooth[tuple(places.T)])
    return filled


def _ramp(value: Array, limits: tuple[float, float]) -> Array:
    share = np.clip((value - limits[0]) / (limits[1] - limits[0]), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)

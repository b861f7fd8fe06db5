"""Pixels of a drawn character that no picture of it can contain, against rendered truth: dirt, holes, cuts, islands.

A head that is drawn a little too narrow or an eye that is drawn beside its place is an error of shape, which PSNR
measures. This module counts what is wrong wherever the shape is: a colour that the character has nowhere near, a hole
through which the background is seen, and a piece that hangs in the air.

All distances are parts of the picture's side, so that the figures of two sizes are comparable up to the pixel count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from streamer.frames import Image

Mask = NDArray[np.bool_]
Lab = NDArray[np.float32]

COLOUR_TOLERANCE = 20.0  # ΔE (CIE 1976): a change of light within it leaves a colour plausible
MIN_ALPHA = 0.9  # from which a pixel shows the character alone
BORDER_DIVISOR = 170  # side / 170: the true silhouette's border, which `edges` measures, is left out
NEAR_DIVISOR = 32  # side / 32: how far beside its place a detail may be drawn
ZONE_DIVISOR = 24  # side / 24: how far face, hair and body may be drawn beyond their true borders
FEATURE_DIVISOR = 20  # side / 20: brows, eyes and lips are thinner, so that a median over it leaves skin alone
BAY_DIVISOR = 32  # side / 32: radius of the disc that does not fit into a bay of the drawn silhouette
SHAPE_DIVISOR = 42  # side / 42: bays nearer to the true silhouette are its own, in other places
CUT_DIVISOR = 16  # side / 16: what is missing farther inside the true silhouette is a cut and not a shape
EXCESS = 3.0  # a colour of a small detail is implausible where it covers so many times the area that it truly has
MIN_SHARE = 0.003  # of a zone's pixels: rarer colours are not part of its palette
MIX_MARGIN = 4.0  # ΔE: a pixel between its neighbours' colours, up to this, is their mix (antialiasing)

_BITS = 5  # of each channel, by which colours are grouped
_NONE, _BODY, _HAIR, _FACE = range(4)
_ZONE_OF_LABEL = np.array([_NONE, _BODY, _HAIR, _FACE, _FACE, _FACE], np.uint8)  # labels of `training.data.samples`
_CHUNK = 512  # pixels that are compared with their windows at once


@dataclass(frozen=True)
class Faults:
    """Masks (S, S) of one drawn frame.

    dirt: opaque pixels within the true silhouette with a colour that neither the truth nearby nor the references have.
    holes: pixels within the true silhouette through which the background is seen although the drawn character is all
    around them, or open to it by a way into which no disc fits. cuts: pixels deep within the true silhouette that are
    missing and wide open to the background. islands: pieces outside of the true silhouette that nothing holds.
    """

    dirt: Mask
    holes: Mask
    cuts: Mask
    islands: Mask

    @property
    def counts(self) -> dict[str, float]:
        """Pixels of each fault."""
        masks = {"dirt": self.dirt, "holes": self.holes, "cuts": self.cuts, "islands": self.islands}
        return {name: float(mask.sum()) for name, mask in masks.items()}


class Palette:
    """The colours of a character's face, hair and body in its reference pictures."""

    def __init__(self, references: Sequence[Image], labels: Sequence[Image]) -> None:
        """references: (S, S, 3) uint8 each. labels: (S, S) each, as in `training.data.samples`."""
        self._colours: dict[int, cKDTree] = {}  # by zone
        for zone in (_BODY, _HAIR, _FACE):
            found = [_zone_colours(image, label, zone) for image, label in zip(references, labels, strict=True)]
            pixels = np.concatenate(found)
            if len(pixels):
                self._colours[zone] = cKDTree(_common_colours(pixels))

    def has(self, picture: Image, label: Image) -> Mask:
        """(S, S): whether a pixel has a colour of a zone that lies there or nearby in the true label picture."""
        lab, zones = _lab(picture), _ZONE_OF_LABEL[label]
        disc = _disc(max(1, picture.shape[0] // ZONE_DIVISOR))
        out = np.zeros(label.shape, bool)
        for zone, colours in self._colours.items():
            nearby = (cv2.dilate((zones == zone).astype(np.uint8), disc) > 0) & ~out
            distance, _ = colours.query(lab[nearby], distance_upper_bound=COLOUR_TOLERANCE)
            out[nearby] = np.isfinite(distance)
        return out


def find_faults(
    drawn: Image, alpha: NDArray[np.floating], truth: Image, matte: NDArray[np.floating], label: Image, palette: Palette
) -> Faults:
    """The faults of a drawn frame (S, S, 3) uint8 with its alpha (S, S) 0..1.

    truth (S, S, 3), matte (S, S) 0..1, label (S, S): the rendered frame of the same motion.
    """
    side = drawn.shape[0]
    border = _disc(max(1, side // BORDER_DIVISOR))
    person = matte > 0.5
    inside, within, deep = (_inner(person, side // divisor) for divisor in (BORDER_DIVISOR, SHAPE_DIVISOR, CUT_DIVISOR))
    dirt = inside & (alpha >= MIN_ALPHA) & ~palette.has(drawn, label)
    dirt = _unlike_truth_nearby(drawn, truth, dirt)
    dirt &= ~_mix_of_neighbours(drawn, dirt)
    missing = alpha < 0.5
    enclosed = _enclosed(missing)
    bay = cv2.morphologyEx((~missing).astype(np.uint8), cv2.MORPH_CLOSE, _disc(side // BAY_DIVISOR)) > 0
    outside = cv2.dilate(person.astype(np.uint8), border) == 0
    return Faults(
        dirt=dirt,
        holes=(inside & enclosed) | (within & missing & bay),
        cuts=deep & missing & ~enclosed & ~bay,
        islands=outside & _loose(alpha > 0.5),
    )


def _inner(person: Mask, margin: int) -> Mask:
    """A mask without its margin. Beyond the picture's edge the character goes on, so that there is no margin there."""
    disc = _disc(max(1, margin))
    return np.asarray(cv2.erode(person.astype(np.uint8), disc, borderType=cv2.BORDER_REPLICATE) > 0)


def _unlike_truth_nearby(drawn: Image, truth: Image, candidates: Mask) -> Mask:
    """Those candidates whose colour the truth does not have nearby, or on much less area than the drawn frame."""
    radius = max(2, drawn.shape[0] // NEAR_DIVISOR)
    drawn_lab, true_lab = (np.pad(_lab(each), ((radius, radius), (radius, radius), (0, 0)), mode="edge")
                           for each in (drawn, truth))  # fmt: skip
    rows, columns = np.nonzero(candidates)
    step = np.arange(0, 2 * radius + 1, 2)
    out = np.zeros_like(candidates)
    for start in range(0, len(rows), _CHUNK):
        y, x = rows[start : start + _CHUNK], columns[start : start + _CHUNK]
        own = drawn_lab[y + radius, x + radius][:, None, None]
        window = (y[:, None, None] + step[:, None], x[:, None, None] + step)
        drawn_area, true_area = (
            (np.linalg.norm(lab[window] - own, axis=-1) <= COLOUR_TOLERANCE).sum((1, 2))
            for lab in (drawn_lab, true_lab)
        )
        out[y, x] = drawn_area > EXCESS * true_area
    # The windows are sampled at every other pixel: the truth at the very place, and beside it, is looked at in full.
    near = drawn_lab[radius:-radius, radius:-radius]
    for dy, dx in np.ndindex(3, 3):
        shifted = true_lab[radius - 1 + dy :, radius - 1 + dx :][: near.shape[0], : near.shape[1]]
        out &= np.linalg.norm(shifted - near, axis=-1) > COLOUR_TOLERANCE
    return np.asarray(out)


def _mix_of_neighbours(picture: Image, candidates: Mask) -> Mask:
    """Whether a pixel lies between the colours of pixels around it, 5×5, that are no candidates themselves."""
    lab, box = _lab(picture), np.ones((5, 5), np.uint8)
    low, high = lab.copy(), lab.copy()
    low[candidates], high[candidates] = np.float32(1e6), np.float32(-1e6)
    low, high = cv2.erode(low, box), cv2.dilate(high, box)
    return np.asarray(((lab >= low - MIX_MARGIN) & (lab <= high + MIX_MARGIN)).all(-1))


def _enclosed(missing: Mask) -> Mask:
    """The missing pixels from which the picture's border cannot be reached."""
    _, pieces = cv2.connectedComponents(missing.astype(np.uint8), connectivity=8)
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    return np.asarray(missing & ~np.isin(pieces, edge))


def _loose(present: Mask) -> Mask:
    """All but the largest connected piece."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(present.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros_like(present)
    return np.asarray(present & (pieces != 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())))


def _zone_colours(image: Image, label: Image, zone: int) -> NDArray[np.uint8]:
    """(N, 3) colours of a zone; of the face without its features, whose colours are plausible only in their places."""
    inside = _ZONE_OF_LABEL[label] == zone
    if zone == _FACE:
        window = image.shape[0] // FEATURE_DIVISOR | 1
        image = cv2.medianBlur(image, window)
        inner = cv2.erode(inside.astype(np.uint8), np.ones((window, window), np.uint8)) > 0
        inside = inner if inner.any() else inside  # else hair beside the face would be in the median
    return image[inside]


def _common_colours(pixels: NDArray[np.uint8]) -> Lab:
    """(N, 3) means of the groups of similar colours among pixels (M, 3) that are not rare, CIE Lab."""
    bins = (pixels >> (8 - _BITS)).astype(np.int64)
    _, group, count = np.unique(
        (bins[:, 0] << 2 * _BITS) | (bins[:, 1] << _BITS) | bins[:, 2], return_inverse=True, return_counts=True
    )
    sums = np.stack([np.bincount(group, pixels[:, channel]) for channel in range(3)], 1)
    common = count >= min(MIN_SHARE * len(pixels), count.max())
    return _lab((sums[common] / count[common, None])[None])[0]


def _lab(picture: NDArray) -> Lab:
    """(H, W, 3) sRGB 0..255 in CIE Lab, L 0..100."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)

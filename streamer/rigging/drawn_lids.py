"""Finds the lashes of eyes in flat drawings, and how far they come down in a blink (models/geometry/drawn_lids.py).

An eye is what is connected, and not coloured as the skin around it. Its upper edge is followed column by column; the
lashes are the dark band there. Dots and buttons are dark all over, lamps are bright: these have no lashes.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from models.closeups.inputs import gather_landmarks, sample
from models.closeups.whole_eyes import MIN_HALF, VIEWS
from models.closeups.window import View, Window
from models.geometry.drawn_lids import COLUMNS, REACH, DrawnLids
from models.geometry.topology import head_pose
from streamer.rigging.canvas import Array
from streamer.rigging.drawn_eyes import SKIN_DIFFERENCE
from streamer.rigging.face_parts import is_flat_drawing

Mask = NDArray[np.bool_]

SIDE = 256  # pixels of the window in which an eye is measured
# Coordinates and lengths are half sizes of the ring of the eye's landmarks, from its middle.
LID, LID_SHARE = (-1.5, -1.15), 0.8  # rows above the eye, most of whose columns up to that share of its width are skin
MOST = 1.3  # how far an eye reaches
BLURRED = 5  # pixels of a window, over which a stroke's edge may be blurred
DARK_SHARE = 0.5  # of the way from the darkest of an eye to its skin: lashes are darker
MIDDLE, USUAL = 0.6, 0.4  # columns over which this quantile of the lashes' thickness is usual: some touch a dark iris
THICKEST = 1.2  # of the usual thickness: more is the iris
LASHES = (0.04, 0.6)  # thickness: what is thinner is no line, what is thicker no lash
MIN_HEIGHT = 0.5  # of an open eye
MARGIN = 0.03  # of skin that comes along above the lashes, and of the eye below them
SMOOTHING = 0.06  # standard deviation, of the lines along the eye


def find_drawn_lids(rgb: Array, face: Array) -> DrawnLids:
    """The lids (a batch of one) of both eyes in a picture (S, S, 3) 0..1 that is a flat drawing; of neither in others,
    and where one has none. face: (478, 3), canvas units.
    """
    if not is_flat_drawing(rgb, face):
        return DrawnLids.none(1)
    image = torch.from_numpy(np.array(rgb.transpose(2, 0, 1), np.float32, order="C"))[None]
    points = torch.from_numpy(np.array(face, np.float32))[None]
    found = [_find_eye(image, points, view) for view in VIEWS]
    if any(eye is None for eye in found):
        return DrawnLids.none(1)
    parts = zip(*(eye for eye in found if eye is not None), strict=True)
    top, edge, fall, skin = (torch.from_numpy(np.stack(part).astype(np.float32))[None] for part in parts)
    return DrawnLids(top, edge, fall, skin, torch.ones(1, 2))


def _find_eye(image: torch.Tensor, points: torch.Tensor, view: View) -> tuple[Array, ...] | None:
    """Top and edge of the lashes, and how far they fall (K,), and the skin (3,); None of an eye without lashes."""
    window = Window.of(view, head_pose(points))
    colours = sample(image, window.grid(SIDE))[0].permute(1, 2, 0).numpy()
    ring = window.to_window(gather_landmarks(points, [view.inner]))[0].numpy()
    middle, half = (ring.min(0) + ring.max(0)) / 2, np.maximum(np.ptp(ring, axis=0) / 2, MIN_HALF)
    line = (2 * np.arange(SIDE) + 1) / SIDE - 1
    x, y = (line - middle[0]) / half[0], (line - middle[1]) / half[1]
    above = colours[(y > LID[0]) & (y < LID[1])][:, np.abs(x) < LID_SHARE]
    if above.size == 0:
        return None
    skin = np.median(above.reshape(-1, 3), 0)
    eye = _eye_mask(colours, skin, x, y)
    rows = None if eye is None else _lash_rows(eye, colours.mean(-1), float(skin.mean()), x, 2 / SIDE / half[1])
    if rows is None:
        return None
    columns, top, edge, fall = rows
    at = np.linspace(-REACH, REACH, COLUMNS, endpoint=False) + REACH / COLUMNS
    pixel = 2 / SIDE / half
    top, edge, fall = (_smooth(each, SMOOTHING / pixel[0]) * pixel[1] for each in (top, edge, fall))
    beyond = x[columns[[0, -1]]] + np.array([-1, 1]) * REACH / COLUMNS  # where nothing moves
    places = np.concatenate([beyond[:1], x[columns], beyond[1:]])
    return (
        np.interp(at, x[columns], y[0] + top) - MARGIN,
        np.interp(at, x[columns], y[0] + edge) + MARGIN,
        np.interp(at, places, np.pad(fall, 1)),
        skin,
    )


def _eye_mask(colours: Array, skin: Array, x: Array, y: Array) -> Mask | None:
    """The pixels (n, n) of an eye in a window (n, n, 3), whose columns and rows lie at x and y (n,); None where it is
    not apart from what surrounds it.
    """
    distance = np.maximum(np.abs(x)[None], np.abs(y)[:, None])
    other = np.abs(colours - skin).max(-1) > SKIN_DIFFERENCE
    _, labels = cv2.connectedComponents(other.astype(np.uint8), connectivity=4)
    own = np.bincount(labels[distance < 0.5])
    own[0] = 0
    if not own.any():
        return None
    eye: Mask = binary_fill_holes(labels == int(own.argmax()))
    return None if (eye & (distance > MOST)).any() else eye


def _lash_rows(eye: Mask, grey: Array, skin: float, x: Array, pixel: float) -> tuple[NDArray[Any], ...] | None:
    """The columns (k,) of an eye (n, n), and in each the first row of its lashes, the first below them, and how many
    rows these fall; None without lashes. grey: lightness (n, n), skin: its own. pixel: height of a row.
    """
    dark = eye & (grey < np.quantile(grey[eye], 0.05) * (1 - DARK_SHARE) + skin * DARK_SHARE)
    columns = np.nonzero(eye.any(0))[0]
    top, bottom = eye.argmax(0)[columns], len(eye) - eye[::-1].argmax(0)[columns]
    thick = np.array([_stroke(dark[first:, column]) for first, column in zip(top, columns, strict=True)])
    # An eye is open where it is neither dark nor skin, but for the blurred edges of single lashes.
    inside = cv2.morphologyEx((eye & ~dark).astype(np.uint8), cv2.MORPH_OPEN, np.ones((BLURRED, BLURRED), np.uint8))
    is_open = inside.any(0)[columns]
    within = is_open & (np.abs(x[columns]) < MIDDLE)
    if not within.any() or np.median((bottom - top)[within]) * pixel < MIN_HEIGHT:
        return None
    usual = float(np.quantile(thick[within], USUAL))
    if not LASHES[0] < usual * pixel < LASHES[1]:
        return None
    edge = top + np.minimum(thick, round(usual * THICKEST))
    fall = np.interp(columns, columns[is_open], (bottom - edge)[is_open].clip(0))
    first, last = np.nonzero(is_open)[0][[0, -1]]
    for outside, end in ((slice(0, first), first), (slice(last + 1, None), last)):  # single lashes and corners
        edge[outside] = np.minimum(bottom[outside], edge[end] + round(usual))
    return columns, top, edge, fall


def _stroke(dark: Mask) -> int:
    """How many pixels a dark stroke has that begins with the first ones, its blurred edge included; 0 without one."""
    begin = int(np.argmax(dark))
    if begin > BLURRED or not dark[begin]:
        return 0
    beyond = dark[begin:]
    return len(dark) if beyond.all() else begin + int(np.argmin(beyond))


def _smooth(rows: NDArray[Any], deviation: float) -> Array:
    """A line (k,) along the columns, without steps. deviation: pixels."""
    line = rows.astype(np.float32)[None]
    return cv2.GaussianBlur(line, (0, 0), max(deviation, 1.0), borderType=cv2.BORDER_REPLICATE)[0]

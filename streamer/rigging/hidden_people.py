"""Completes people behind those who stand before them: by their own other side, as far as that is seen, and else for a
short way in the nearest own colours.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.geometry.body import HIPS, SHOULDERS
from models.geometry.topology import CHIN, NOSE_TIP
from streamer.rigging.canvas import Array
from streamer.rigging.cutout import Cutout, continued

CONTINUED = 0.25  # extents of the face by which a person goes on where their other side is not seen either
SEAM = 0.08  # the same where it is seen, so that no gap opens where the two sides differ
SOLID = 0.95  # alpha from which a pixel's colour is a person's own and is continued
SAME_SHAPE = 0.6  # share of a person's pixels that their mirrored side has, from which they are symmetric
TWISTED = 0.35  # length of the mirror axis over that of the shoulders, below which the hips are no guide


class MirrorAxis(NamedTuple):
    """The line (x, y, dx, dy), pixels, about which a person is symmetric; (dx, dy) has length 1."""

    x: float
    y: float
    dx: float
    dy: float

    def reflection(self) -> Array:
        """(2, 3) the affine map that reflects pixels."""
        along = np.array([self.dx, self.dy])
        turn = 2 * np.outer(along, along) - np.eye(2)
        start = np.array([self.x, self.y])
        return np.column_stack([turn, start - turn @ start]).astype(np.float32)


def mirror_axis(face: Array, body: Array | None, size: int) -> MirrorAxis:
    """The axis of a person on a canvas of `size` pixels: of the torso (33, 4), or of the face (478, 3) without one."""
    if body is not None:
        start, end = body[SHOULDERS, :2].mean(0), body[HIPS, :2].mean(0)
        width = float(np.linalg.norm(np.subtract(*body[SHOULDERS, :2])))
    if body is None or float(np.linalg.norm(end - start)) < TWISTED * width:
        start, end = face[NOSE_TIP, :2], face[CHIN, :2]
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
    x, y = (start + 1) * size / 2 - 0.5
    return MirrorAxis(float(x), float(y), float(along[0]), float(along[1]))


def behind(
    cutout: Cutout, hidden: NDArray[np.bool_], inside: NDArray[np.bool_], axis: MirrorAxis, extent: float
) -> tuple[Array, Array]:
    """Alpha (S, S) of a person within what is hidden by nearer ones, 0 elsewhere, and their colours (S, S, 3) there.

    cutout: what is seen of the person. inside: the picture itself. axis: as `mirror_axis` has it. extent: of the face,
    pixels.
    """
    shape, source = cutout.alpha.shape, axis.reflection()

    def reflect(values: Array) -> Array:
        return np.asarray(cv2.warpAffine(values, source, shape[::-1], flags=cv2.INTER_LINEAR), np.float32)

    visible = (inside & ~hidden).astype(np.float32)
    mirrored = reflect(np.dstack([cutout.foreground * cutout.alpha[..., None], cutout.alpha]).astype(np.float32))
    other, both = mirrored[..., 3] * hidden, reflect(visible) * visible
    own = float((cutout.alpha * both).sum())
    if own < 1 or float((np.minimum(cutout.alpha, mirrored[..., 3]) * both).sum()) < SAME_SHAPE * own:
        other = np.zeros_like(other)
    sees_other_side = (reflect(visible) > 0.5) & bool(other.any())
    distance = cv2.distanceTransform((cutout.alpha < 0.5).astype(np.uint8), cv2.DIST_L2, 5)

    def fade(reach: float) -> Array:
        return np.asarray(np.clip(2 * (1 - distance / max(reach * extent, 1.0)), 0, 1), np.float32)

    near = np.where(sees_other_side, fade(SEAM), fade(CONTINUED)) * hidden
    solid = continued(cutout.foreground, (cutout.alpha > SOLID).astype(np.float32))
    colours = mirrored[..., :3] / np.maximum(mirrored[..., 3:], 1e-3)
    share = (other * (1 - fade(SEAM)))[..., None]  # of the mirrored colours, which begin beside the person's own
    return np.maximum(other, near).astype(np.float32), (share * colours + (1 - share) * solid).astype(np.float32)

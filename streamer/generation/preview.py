"""A short film of a picture that moves by its points: head, mouth, lids, brows and arms, for the editor on the page.

Drawn by the warp alone, in the process of low priority in which pictures are searched, so that it needs no session and
no place on the device.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image as Pillow

from models.geometry.body import ARMS, HANGING
from models.geometry.rig import Rig
from models.geometry.topology import INNER_LIPS, LEFT_BROW, MESH, OUTER_LIPS, RIGHT_BROW
from streamer.frames import Image
from streamer.generation.factory import make_pipeline
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.stream import FrameRequest
from streamer.rigging.picture import Picture
from streamer.rigging.points import Points
from streamer.tracking.eyelids import close_lids
from streamer.tracking.head_pose import CANONICAL, HeadTransform, head_pose, rotation_matrix
from streamer.tracking.motion import Array, Motion

PREVIEW_SIDE = 320  # pixels, the longer side of the film
FRAMES = 20
FRAME_MS = 90
WEBP_QUALITY = 78
YAW, PITCH = math.radians(24), math.radians(7)  # largest turns of the head
GAPE = 0.34  # canonical units by which the lower lip drops
BROW_RAISE = 0.09  # canonical units
ARM_RAISE = math.radians(70)
NECK = np.array([0, 1.3, 0.8])  # canonical units, about which the head turns
# Canonical units below the line of the mouth over which the skin begins to go along with the jaw, and to its sides.
CHIN_FADE, CHEEK_FADE = 0.2, (0.5, 0.85)


def render_preview(picture: Picture, points: Points | None) -> bytes:
    """The film as an animated WebP that repeats. Seconds of work. Raises NoFaceError, PointsError."""
    torch.set_num_threads(1)
    return as_webp(draw_film(make_pipeline("geometry", "cpu", PREVIEW_SIDE), picture, points))


def draw_film(pipeline: AvatarPipeline, picture: Picture, points: Points | None) -> list[Image]:
    """The film's frames (H, W, 3), drawn by a pipeline. Errors as `render_preview`."""
    stream = pipeline.open(pipeline.prepare(picture, points))
    actor = Actor.of(stream.avatar.rig)
    motions = [wiggle(actor, number / FRAMES) for number in range(FRAMES)]
    try:
        return [pipeline.draw([FrameRequest(stream, motion, actor.motion())])[0].rgb for motion in motions]
    finally:
        pipeline.close(stream)


def as_webp(frames: list[Image]) -> bytes:
    """Frames (H, W, 3) as an animated WebP that repeats."""
    first, *further = (Pillow.fromarray(frame) for frame in frames)
    data = io.BytesIO()
    first.save(
        data, "webp", save_all=True, append_images=further, duration=FRAME_MS, loop=0, quality=WEBP_QUALITY, method=1
    )
    return data.getvalue()


def wiggle(actor: Actor, phase: float) -> Motion:
    """The motion at 0..1 of the film, which ends as it begins: the head turns to one side and to the other, the mouth
    opens, the eyes blink, the brows rise, one arm is raised after the other.
    """
    return actor.motion(
        yaw=YAW * math.sin(2 * math.pi * phase),
        pitch=PITCH * math.sin(4 * math.pi * phase),
        gape=_bump(phase, 0.25, 0.2),
        blink=_bump(phase, 0.55, 0.12),
        brows=_bump(phase, 0.8, 0.16),
        arms=(_bump(phase, 0.3, 0.25), _bump(phase, 0.7, 0.25)),
    )


@dataclass(frozen=True)
class Actor:
    """A driver with the canonical face in the pose of a picture's head, and with the picture's body.

    pose: of the head. body: (33, 4) joints and visibility. Both in canvas units of the picture.
    """

    pose: HeadTransform
    body: Array

    @staticmethod
    def of(rig: Rig) -> Actor:
        """The actor for a rig of one picture."""
        return Actor(head_pose(rig.face[0].cpu().numpy()), rig.body[0].cpu().numpy())

    def motion(
        self,
        yaw: float = 0.0,
        pitch: float = 0.0,
        gape: float = 0.0,
        blink: float = 0.0,
        brows: float = 0.0,
        arms: tuple[float, float] = (0.0, 0.0),
    ) -> Motion:
        """A motion; without arguments the neutral. yaw, pitch: radians. The others, 0..1: of `GAPE`, of a blink, of
        `BROW_RAISE`, of `ARM_RAISE` for the character's left and right arm.
        """
        shape = close_lids(CANONICAL, blink).copy()
        shape[:, 1] += np.float32(gape * GAPE) * jaw_share()
        shape[[*LEFT_BROW, *RIGHT_BROW], 1] -= np.float32(brows * BROW_RAISE)
        turn = rotation_matrix(np.array([0, yaw, 0])) @ rotation_matrix(np.array([pitch, 0, 0]))
        face = self.pose.apply(((shape - NECK) @ turn.T + NECK).astype(np.float32))
        body = self.body.copy()
        for (shoulder, elbow, wrist), raised, sign in zip(ARMS, arms, (-1, 1), strict=True):
            angle = sign * raised * ARM_RAISE
            rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            moved = [elbow, wrist, *HANGING[wrist]]
            body[moved, :2] = (body[moved, :2] - body[shoulder, :2]) @ rotation.T + body[shoulder, :2]
        return Motion.still(face, body)


@cache
def jaw_share() -> Array:
    """(478,) 0..1, how much the landmarks of the canonical face go along with its jaw."""
    x, y = np.abs(CANONICAL[:, 0]), CANONICAL[:, 1]
    line = CANONICAL[list(INNER_LIPS[::10]), 1].mean()
    down = ((y - line) / CHIN_FADE).clip(0, 1)
    beside = ((CHEEK_FADE[1] - x) / (CHEEK_FADE[1] - CHEEK_FADE[0])).clip(0, 1)
    share = (down * beside).astype(np.float32)
    for ring in (INNER_LIPS, OUTER_LIPS):
        lower = list(ring[len(ring) // 2 + 1 :])
        share[lower] = np.sqrt((1 - (x[lower] / x[ring[0]]) ** 2).clip(0, 1))
        share[list(ring[: len(ring) // 2 + 1])] = 0
    share[[ring[place] for ring in (INNER_LIPS, OUTER_LIPS) for place in (0, len(ring) // 2)]] = 0.2
    share[MESH:] = 0
    return share


def _bump(phase: float, middle: float, half_width: float) -> float:
    """0..1, a smooth bump around a phase; 0 beyond its half width."""
    distance = abs(phase - middle) / half_width
    return 0.5 + 0.5 * math.cos(math.pi * distance) if distance < 1 else 0.0

"""Where a character's joints are put in each frame, before anything is drawn: what the limbs follow.

`POSED_FIGURES` compare them with the driver's joints. The figures of `body_score.py` find joints in drawn frames, and
MediaPipe errs there by itself: a person who is drawn from a picture in profile is taken for one seen from the back now
and then, left and right legs exchanged. What these figures leave to those is the drawing and that detection.

* posed_joints_err: as joints_err, % of the true shoulder width
* posed_angle_err, posed_angle_corr: as angle_err and angle_corr
"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.evaluation.body_clips import BodyClip
from benchmarks.evaluation.body_score import angle_figures, joint_figures, limb_angles
from benchmarks.evaluation.body_tracks import BodyTrack, Points
from benchmarks.evaluation.table import Row
from streamer.film.performance import resolve
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.eager_frame import retarget_batch
from streamer.generation.pipeline import AvatarPipeline
from streamer.generation.stream import FrameRequest
from streamer.generation.view import canvas_sides
from streamer.rigging.framing import Layout

POSED_ANGLES = ("posed_angle_err", "posed_angle_corr")
POSED_FIGURES = ("posed_joints_err", *POSED_ANGLES)


def posed_figures(driver: BodyTrack, posed: BodyTrack) -> Row:
    """POSED_FIGURES of two clips; posed_joints_err means nothing where the character is another person."""
    angles = angle_figures(limb_angles(driver), limb_angles(posed))
    values = (joint_figures(driver, posed)["joints_err"], angles["angle_err"], angles["angle_corr"])
    return dict(zip(POSED_FIGURES, values, strict=True))


@torch.inference_mode()
def posed_joints(
    pipeline: AvatarPipeline, avatar: Avatar, clip: BodyClip, controls: Controls, shape: tuple[int, int] | None = None
) -> BodyTrack:
    """The joints of an avatar that is animated with a clip, all visible. shape: height and width of the frames; None:
    those of the avatar.
    """
    if avatar.layout is None:
        raise ValueError("only avatars of pictures have a frame")
    height, width = shape or (avatar.height, avatar.width)
    stream, joints = pipeline.open(avatar), list[Points | None]()
    try:
        for each in resolve(clip.motions, name=clip.name, yaw=avatar.yaw(controls.mirror)):
            batch = pipeline.batch([FrameRequest(stream, each.motion, each.neutral, controls)])
            body = retarget_batch(avatar.rig, batch.drivers).body[0, :, :2].cpu().numpy().astype(np.float64)
            joints.append(np.concatenate([in_frame(body, avatar.layout, width, height), np.ones((len(body), 1))], 1))
    finally:
        pipeline.close(stream)
    return BodyTrack(width, height, joints, [{} for _ in joints])


def in_frame(points: Points, layout: Layout, width: int, height: int) -> Points:
    """Points (N, 2), canvas units, as pixels of a frame of this size."""
    left, top, right, bottom = canvas_sides(layout, layout.rect)
    return (points - (left, top)) / (right - left, bottom - top) * (width, height)

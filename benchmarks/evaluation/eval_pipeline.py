"""A pipeline for measurements: it draws given rigs with a given generator."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from models.geometry.rig import Rig
from streamer.film.performance import draw_all, resolve
from streamer.frames import Image
from streamer.generation.avatar import Avatar
from streamer.generation.controls import Controls
from streamer.generation.eager_frame import EagerFrame
from streamer.generation.generator import Generator
from streamer.generation.pipeline import AvatarPipeline
from streamer.tracking.motion import Motion

TRUE_MOTION = Controls(mirror=False, keep_in_frame=False)
"""For comparison with the driver's own pictures: not mirrored, and not eased at the border of the frame."""


class EvalPipeline(AvatarPipeline):
    """`AvatarPipeline` with a given generator, which also takes rigs that are made from the renderer's ground truth."""

    def __init__(self, generator: Generator, device: str = "cpu", size: int = 256) -> None:
        super().__init__(EagerFrame(generator, torch.device(device)), size)

    def avatar_of(self, rig: Rig) -> Avatar:
        """The avatar of a square picture's rig."""
        with torch.inference_mode():
            rig = rig.to(self.device)
            return Avatar(rig, self.renderer.encode_reference(rig), rig.size, rig.size)


def animate(pipeline: EvalPipeline, rig: Rig, motions: Iterable[Motion]) -> list[Image]:
    """One drawn frame for each motion, not mirrored; the first motion is the driver's neutral."""
    return [frame.rgb for frame in draw_all(pipeline, pipeline.avatar_of(rig), [resolve(motions)], TRUE_MOTION)]

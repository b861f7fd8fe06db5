"""The background behind the character."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from models.geometry.inpaint import blur
from models.geometry.rig import Rig
from streamer.generation.controls import Controls
from streamer.generation.transfer import upload
from streamer.rigging.backdrop import Backdrop, cover_canvas

BLUR_RADII_PER_SIDE = 24  # the blur's radius is one 24th of the canvas side


def background_of(rig: Rig, controls: Controls) -> Tensor | None:
    """The chosen background (1, 3, S, S), RGB 0..1, for a rig of one picture; None for the picture's own.

    Transparent frames are drawn over black, so their colour is premultiplied by their alpha. A picture of one's own is
    made by `backdrop_frame`.
    """
    plate = rig.plate
    if controls.background == "blur":
        return blur(plate, rig.size // BLUR_RADII_PER_SIDE)
    if controls.background == "colour":
        colour = upload(torch.tensor(controls.colour), plate.device).view(1, 3, 1, 1)
        return colour.div(255).expand_as(plate).contiguous()
    if controls.background == "transparent":
        return torch.zeros_like(plate)
    return None


def backdrop_frame(rig: Rig, backdrop: Backdrop, index: int, crop: tuple[int, int]) -> Tensor:
    """A frame of a backdrop as a background (1, 3, S, S), RGB 0..1, for a rig of one picture; it covers the crop
    (width, height) in the middle of the canvas.
    """
    pixels = cover_canvas(backdrop.frames[index], crop, rig.size)
    return upload(torch.from_numpy(pixels), rig.plate.device).permute(2, 0, 1)[None].float().div(255).contiguous()


def stack_backgrounds(rig: Rig, backgrounds: Sequence[Tensor | None]) -> Tensor | None:
    """Chosen backgrounds (1, 3, S, S) each, and the picture's own for None, as one batch (B, 3, S, S); None if every
    picture keeps its own.
    """
    if all(background is None for background in backgrounds):
        return None
    rows = [rig.plate[i : i + 1] if chosen is None else chosen for i, chosen in enumerate(backgrounds)]
    return torch.cat(rows) if len(rows) > 1 else rows[0]

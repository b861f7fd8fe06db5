"""What stands behind the character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from models.geometry.inpaint import blur
from models.geometry.rig import Rig
from streamer.generation.transfer import upload
from streamer.options import Background


class Choice(Protocol):
    """The part of a session's controls that is meant here."""

    @property
    def background(self) -> Background: ...
    @property
    def colour(self) -> tuple[int, int, int]: ...


def backdrop(rig: Rig, choice: Choice) -> Tensor | None:
    """(1, 3, S, S) the background of a rig of one, or None where the picture keeps its own.

    Transparent frames stand on black: their colour is then premultiplied by their alpha.
    """
    plate = rig.plate
    if choice.background == "blur":
        return blur(plate, rig.size // 24)
    if choice.background == "colour":
        return upload(torch.tensor(choice.colour), plate.device).view(1, 3, 1, 1).div(255).expand_as(plate).contiguous()
    if choice.background == "transparent":
        return torch.zeros_like(plate)
    return None


def instead(rig: Rig, backgrounds: Sequence[Tensor | None]) -> Tensor | None:
    """(B, 3, S, S) chosen backgrounds beside the pictures' own, or None where every picture keeps its own."""
    if all(background is None for background in backgrounds):
        return None
    rows = [rig.plate[i : i + 1] if chosen is None else chosen for i, chosen in enumerate(backgrounds)]
    return torch.cat(rows) if len(rows) > 1 else rows[0]

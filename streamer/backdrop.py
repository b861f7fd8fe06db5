"""What stands behind the character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from models.inpaint import blur
from models.rig import Rig
from streamer.staging import upload

Background = Literal["original", "blur", "colour", "transparent"]
BACKGROUNDS: tuple[Background, ...] = ("original", "blur", "colour", "transparent")


class Choice(Protocol):
    """The part of a session's controls that is meant here."""

    @property
    def background(self) -> Background: ...
    @property
    def colour(self) -> tuple[int, int, int]: ...


def backdrop(rig: Rig, choices: Sequence[Choice]) -> Tensor | None:
    """(B, 3, S, S) backgrounds for a batch, or None where every picture keeps its own.

    Transparent frames stand on black: their colour is then premultiplied by their alpha.
    """
    if all(choice.background == "original" for choice in choices):
        return None
    rows = []
    for i, choice in enumerate(choices):
        plate = rig.plate[i : i + 1]
        if choice.background == "blur":
            plate = blur(plate, rig.size // 24)
        elif choice.background == "colour":
            plate = upload(torch.tensor(choice.colour), plate.device).view(1, 3, 1, 1).div(255).expand_as(plate)
        elif choice.background == "transparent":
            plate = torch.zeros_like(plate)
        rows.append(plate)
    return torch.cat(rows)

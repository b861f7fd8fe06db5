"""What of a person's head a character has: a cup with a face has no skull, a button eye no lids, a line no teeth."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Kind(NamedTuple):
    """B characters, 0..1 each.

    skull: (B,), 1 for a head; 0 for what has a face and is no head: it moves as one sheet with its surroundings.
    lids: (B,), 1 for eyes that lids close; 0 for eyes that no skin closes (models/closeups/whole_eyes.py).
    teeth: (B,), 1 for a mouth with lips, behind which are teeth; 0 for one that opens into the dark.
    """

    skull: Tensor
    lids: Tensor
    teeth: Tensor

    @staticmethod
    def person(count: int, device: torch.device | str = "cpu") -> Kind:
        """The kind of so many people."""
        return Kind(*(torch.ones(count, device=device) for _ in Kind._fields))

    @property
    def is_person(self) -> bool:
        """Whether all eyes have lids and all mouths teeth. Synchronises host and device."""
        return bool((self.lids > 0.999).all() and (self.teeth > 0.999).all())

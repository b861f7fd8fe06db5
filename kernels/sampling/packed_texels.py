"""Textures in 16 bits, as kernels on a CPU sample them.

Samples wait for memory: half the bytes make them a third faster, and what is rounded is a hundredth of a byte's step.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

TEXELS_PER_ONE = 1 << 14  # so that −2..2 fits, in which textures lie: samples between pixels overshoot 0..1
TEXEL_UNIT = np.float32(1 / TEXELS_PER_ONE)

_packed = WeakTensorKeyDictionary()


def packed_texels(texture: Tensor, pieces: int | None = None) -> np.ndarray:
    """A texture (B, 4, H, W) as (B, H · W · 4) int16, channels last, in steps of `TEXEL_UNIT`; clamped to −2..2. Of
    several (B, K, 4, H, W) the first `pieces` as (B, pieces, H · W · 4).

    It is packed once, and kept as long as the tensor lives, whose values must not change.
    """
    found = _packed.get(texture)
    if found is None or (pieces is not None and found.shape[1] != pieces):
        chosen = texture if pieces is None else texture[:, :pieces]
        steps = (chosen.movedim(-3, -1) * TEXELS_PER_ONE).round_().clamp_(-(1 << 15), (1 << 15) - 1)
        found = _packed[texture] = steps.to(torch.int16).contiguous().flatten(-3).numpy()
    return found  # type: ignore[no-any-return]  # torch's dictionary has no types

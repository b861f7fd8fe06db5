"""What a matte holds on the floor beside a person's legs: mostly the shadows of their shoes.

No leg takes it, and it is not joined to the body either. On the body's layer it would hover over the floor as soon as
the body moves; so it stays on the background.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.geometry.grid import unit_grid
from models.geometry.hem import below_hips, shows_legs
from models.geometry.inpaint import blur, dilate, grown_within, opened

SHOWN = 0.02  # alpha from which something is there
BELOW = 1.0  # lengths of the thighs below the hips from which what is not joined to the body is none of it
AROUND_DIVISOR = 64  # of the canvas's side: pixels around it in which the picture shows the floor as well
RIM = 2  # pixels around it in which what covers the floor is its edge
THIN_DIVISOR = 170  # of the canvas's side: half the width up to which it is a heel's or a toe's edge, which is dropped


def find_strays(alpha: Tensor, taken: Tensor, shown: Tensor, body: Tensor) -> Tensor:
    """(B, 1, S, S) bool, what of people below their knees is joined neither to a limb nor to the body; nothing of those
    whose legs are no layers.

    alpha (B, 1, S, S): of the people. taken (B, 1, S, S): 0 or 1, what is on their limbs. shown (B, K): see `Outlines`.
    body (B, 33, 4): joints.
    """
    size = alpha.shape[-1]
    drop = below_hips(body, unit_grid(size, body.device))[:, None]
    rest = (alpha > SHOWN) & (taken < 0.5) & shows_legs(shown)[:, None, None, None]
    joined = grown_within((rest & (drop < BELOW)).to(alpha.dtype), rest.to(alpha.dtype), size)
    return rest & (joined < 0.5)


def with_strays(plate: Tensor, image: Tensor, alpha: Tensor, strays: Tensor) -> Tensor:
    """A background (B, 3, S, S) with what an image (B, 3, S, S) shows of strays (B, 1, S, S), bool, and of the floor
    around them. alpha (B, 1, S, S): of the people, strays among them.
    """
    size = alpha.shape[-1]
    edge = dilate(opened(strays, max(1, size // THIN_DIVISOR)).to(alpha.dtype), RIM)
    near = dilate(edge, max(1, size // AROUND_DIVISOR))
    return torch.lerp(plate, image, torch.maximum(edge, blur(near, 1) * (alpha < SHOWN)))

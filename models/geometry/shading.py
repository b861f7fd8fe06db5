"""Light and shadow on a face: what changed on the driver's skin since his neutral, laid over the picture.

The brightness of skin over that of the same skin in another expression belongs to nobody: it is folds, hollows and the
light (Liu, Shan, Zhang: Expressive Expression Mapping with Ratio Images, SIGGRAPH 2001). Maps are coarse, so that no
feature of the driver's face goes along, and lie on a square of the canonical face. They are grey: a pencil drawing
does not blush.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.mesh import Bucket, rasterise
from kernels.shade import SPECULAR_REFLECTANCE
from models.geometry.constants import const_floats
from models.geometry.grid import smoothstep
from models.geometry.topology import MESH, SKIN, topology
from models.motion import SHADE_SIDE

FINE = 2 * SHADE_SIDE  # cells in which skin is looked at
CENTRE, HALF = (0.0, 0.3), 1.1  # of the square, canonical units
SEEN = 0.05  # least weight of which a mean can be told
FOREIGN = 0.7  # log of brightness: what changes by as much is no light but a hand
MOST = 0.2  # log of brightness: no light changes a character by more
LIT = (0.02, 0.05)  # deviation of skin in log of brightness: pictures that know no light, and those that do


@cache
@torch.inference_mode(False)  # made in a frame, it must also serve a training step
def square(device: torch.device | str) -> tuple[Tensor, Tensor, Tensor]:
    """The canonical square in cells of `FINE`: numbers (m², 3) of the landmarks about each cell, how near they are,
    (m², 3), and where there is skin, (m, m) 0 or 1.
    """
    face = topology(device)
    at = face.canonical[:MESH].clone()
    at[:, :2] = (at[:, :2] - const_floats(CENTRE, at.device)) / HALF
    corners, shares = rasterise(at[None], [Bucket(face.triangles[face.region == SKIN], FINE // 2)], FINE)
    return corners[0], shares[0], (shares[0].sum(-1) > 0.5).float().view(FINE, FINE)


def lit(image: Tensor, face: Tensor) -> Tensor:
    """(B,) 0..1 whether light shows on the skin of pictures (B, 3, S, S) 0..1 with landmarks (B, 478, 3), canvas units.
    Skin that is all of one colour is drawn, and stays as it is.
    """
    corners, shares, skin = square(image.device)
    places = (face[:, corners, :2] * shares[..., None]).sum(2).unflatten(1, (FINE, FINE))
    log = (F.grid_sample(image, places, "bilinear", "border", False).mean(1, keepdim=True) + SPECULAR_REFLECTANCE).log()
    means = F.avg_pool2d(log * skin, 7, 1, 3) / F.avg_pool2d(skin[None, None], 7, 1, 3).clamp_min(1e-3)
    means = means.flatten(1)[:, skin.flatten() > 0]
    return smoothstep(*LIT, (means - means.median(1, keepdim=True).values).abs().median(1).values)


def shading(now: Tensor, then: Tensor, amount: Tensor) -> Tensor:
    """(B, 1, n, n) log of what brightness changes by, from the drivers' skin now and in their neutrals (B, n, n, 2),
    see `Driver.shade`. amount (B,): how much of it is taken over.
    """
    (new, here), (old, there) = (each[:, None].unbind(-1) for each in (now, then))
    change = new / here.clamp_min(SEEN) - old / there.clamp_min(SEEN)
    likely = torch.exp(-((change / FOREIGN) ** 4))
    change = MOST * torch.tanh(change / MOST)
    return change * torch.minimum(here, there) * likely * amount[:, None, None, None]


def gains(shade: Tensor, canonical: Tensor) -> Tensor:
    """(B, 1, G, G) what colours are multiplied by where canonical coordinates (B, 3, G, G) lie; 1 beyond the face.
    shade (B, 1, n, n): as `shading` makes it.
    """
    at = (canonical[:, :2].permute(0, 2, 3, 1) - const_floats(CENTRE, shade.device)) / HALF
    return F.grid_sample(shade, at, "bilinear", "zeros", False).exp()

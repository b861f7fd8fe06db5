"""Light and shadow on a face: how the driver's skin changed since the neutral, applied to the picture.

The brightness of skin over that of the same skin in another expression depends on folds, hollows and light, and not on
the person (Liu, Shan, Zhang: Expressive Expression Mapping with Ratio Images, SIGGRAPH 2001). Maps are coarse, so that
no feature of the driver's face is transferred, and lie on a square of the canonical face. They are grey, since a
drawing without colours must stay without.
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

SKIN_SIDE = 2 * SHADE_SIDE  # cells along a side of the square where skin is measured
SQUARE_CENTRE, SQUARE_HALF = (0.0, 0.3), 1.1  # canonical units: the square of `Driver.shade`
MIN_SKIN_WEIGHT = 0.05  # below this weight a mean of logs is taken to be 0
OCCLUDER_LOG = 0.7  # change of log brightness: so large a change is a hand or hair, and not light
MAX_SHADE_LOG = 0.2  # limit to how much light changes a character, in log brightness
SHADING_DEVIATION = (0.02, 0.05)  # median deviation of skin's log brightness: flat drawings, and shaded pictures


@cache
@torch.inference_mode(False)  # cached in an inference frame, the tensors must also be usable in training
def skin_square(device: torch.device | str) -> tuple[Tensor, Tensor, Tensor]:
    """The canonical square in m = `SKIN_SIDE` cells a side, as interpolation of landmarks.

    Returns three landmarks about each cell (m², 3) long, their barycentric weights (m², 3), and where there is skin
    (m, m), 0 or 1.
    """
    face = topology(device)
    points = face.canonical[:MESH].clone()
    points[:, :2] = (points[:, :2] - const_floats(SQUARE_CENTRE, points.device)) / SQUARE_HALF
    corners, weights = rasterise(points[None], [Bucket(face.triangles[face.region == SKIN], SKIN_SIDE // 2)], SKIN_SIDE)
    return corners[0], weights[0], (weights[0].sum(-1) > 0.5).float().view(SKIN_SIDE, SKIN_SIDE)


def has_shading(image: Tensor, face: Tensor) -> Tensor:
    """(B,) 0..1 whether light shows on the skin of pictures (B, 3, S, S) 0..1 with landmarks (B, 478, 3), canvas units.

    0 for a drawing whose skin is all of one colour; no light is then applied to it.
    """
    corners, weights, skin = skin_square(image.device)
    points = (face[:, corners, :2] * weights[..., None]).sum(2).unflatten(1, (SKIN_SIDE, SKIN_SIDE))
    log = (F.grid_sample(image, points, "bilinear", "border", False).mean(1, keepdim=True) + SPECULAR_REFLECTANCE).log()
    means = F.avg_pool2d(log * skin, 7, 1, 3) / F.avg_pool2d(skin[None, None], 7, 1, 3).clamp_min(1e-3)
    means = means.flatten(1)[:, skin.flatten() > 0]
    return smoothstep(*SHADING_DEVIATION, (means - means.median(1, keepdim=True).values).abs().median(1).values)


def shading(now: Tensor, neutral: Tensor, strength: Tensor) -> Tensor:
    """Change of log brightness (B, 1, n, n) by the light on the drivers' skin.

    now, neutral (B, n, n, 2): `Driver.shade`, logs premultiplied by weights, and the weights. strength (B,): 1 = as on
    the driver, 0 = none.
    """
    (now_log, now_weight), (old_log, old_weight) = (shade[:, None].unbind(-1) for shade in (now, neutral))
    change = now_log / now_weight.clamp_min(MIN_SKIN_WEIGHT) - old_log / old_weight.clamp_min(MIN_SKIN_WEIGHT)
    light_weight = torch.exp(-((change / OCCLUDER_LOG) ** 4))
    change = MAX_SHADE_LOG * torch.tanh(change / MAX_SHADE_LOG)
    return change * torch.minimum(now_weight, old_weight) * light_weight * strength[:, None, None, None]


def shading_gain(shade: Tensor, canonical: Tensor) -> Tensor:
    """Factors of colours (B, 1, G, G) at canonical coordinates (B, 3, G, G); 1 beyond the square.

    shade (B, 1, n, n): from `shading`.
    """
    points = (canonical[:, :2].permute(0, 2, 3, 1) - const_floats(SQUARE_CENTRE, shade.device)) / SQUARE_HALF
    return F.grid_sample(shade, points, "bilinear", "zeros", False).exp()

"""The canonical face: MediaPipe's 478 landmarks, our own triangles, and the rigid frame of a head.

Canonical units: the origin lies between the outer eye corners, which are 1 apart; x right, y down, z away from the
camera. `face_topology.safetensors` is made by `scripts/make_canonical_face.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from kernels.mesh import normals
from models.geometry.constants import const_index, gather_rows

LANDMARKS = 478
EXTENTS = (0.08, 0.13, 0.3)  # classes of triangle size, canonical units
MESH = 468  # the first 468 are the face mesh, then the right and the left iris: centre and four rim points each
SKIN, MOUTH, RIGHT_EYE, LEFT_EYE = range(4)  # what a triangle shows; right and left are the person's own

# Rings, in order around the opening: first the corner away from the nose, then over the top, then back underneath.
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
RIGHT_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
RIGHT_IRIS, LEFT_IRIS = 468, 473
# Single landmarks; right and left are the person's own, inner and outer those of a lip's two edges.
NOSE_TIP, NOSE_BRIDGE, FOREHEAD, CHIN = 1, 168, 10, 152
RIGHT_FACE_EDGE, LEFT_FACE_EDGE = 234, 454
UPPER_LIP_INNER, LOWER_LIP_INNER, UPPER_LIP_OUTER, LOWER_LIP_OUTER = 13, 14, 0, 17
RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER = 61, 291
RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER = 33, 133, 362, 263
# Landmarks that sit on bone: what the rigid head frame is fitted to.
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 8, 9, 151, 10, 109, 338, 67, 297, 103, 332, 54, 284,
         21, 251, 162, 389, 127, 356, 234, 454, 116, 345, 93, 323)  # fmt: skip


@dataclass(frozen=True)
class Topology:
    """canonical (478, 3) float, triangles (F, 3) long, region (F,) long of `SKIN`.., oval (36,) long: the mesh's
    border. normals (`MESH`, 3): of the skin, outwards; rings (`MESH`,): how many edges from the border.

    The triangles are sorted by size: those before small[0] are smaller than `EXTENTS`[0] canonical units, and so on.
    """

    canonical: Tensor
    triangles: Tensor
    region: Tensor
    oval: Tensor
    normals: Tensor
    rings: Tensor
    small: tuple[int, int]


class HeadTransform(NamedTuple):
    """A head's similarity from canonical to canvas: p = scale · rotation · q + shift. scale (B,), rotation (B, 3, 3),
    shift (B, 3).
    """

    scale: Tensor
    rotation: Tensor
    shift: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """(B, N, 3) canonical → canvas."""
        return self.scale[:, None, None] * (points @ self.rotation.mT) + self.shift[:, None]

    def halves(self) -> tuple[HeadTransform, HeadTransform]:
        """The first and the second half of a batch."""
        first, second = zip(*(part.chunk(2) for part in self), strict=True)
        return HeadTransform(*first), HeadTransform(*second)

    def inverse(self, points: Tensor) -> Tensor:
        """(B, N, 3) canvas → canonical."""
        return ((points - self.shift[:, None]) @ self.rotation) / self.scale[:, None, None].clamp_min(1e-6)


@cache
def topology(device: torch.device | str = "cpu") -> Topology:
    """The canonical face on a device, read once."""
    found = load_file(Path(__file__).with_name("face_topology.safetensors"))
    canonical, triangles, region = found["canonical"], found["triangles"].long(), found["region"].long()
    corners = canonical[triangles]
    extent = (corners.amax(1) - corners.amin(1))[:, :2].amax(-1)
    extent[region == MOUTH] = EXTENTS[2]  # an opening mouth stretches these far beyond their own size
    order = extent.argsort()
    oval = found["oval"].long()
    return Topology(
        canonical=canonical.to(device),
        triangles=triangles[order].to(device),
        region=region[order].to(device),
        oval=oval.to(device),
        normals=-normals(canonical[None, :MESH], triangles[None])[0].to(device),
        rings=_rings(triangles, oval).to(device),
        small=(int((extent < EXTENTS[0]).sum()), int((extent < EXTENTS[1]).sum())),
    )


def _rings(triangles: Tensor, oval: Tensor) -> Tensor:
    """(`MESH`,) how many edges every vertex is away from the border."""
    rings = torch.full((MESH,), float(MESH)).index_fill_(0, oval, 0)
    while rings.max() == MESH:
        nearest = rings[triangles].amin(1, keepdim=True).expand(-1, 3) + 1
        rings.scatter_reduce_(0, triangles.flatten(), nearest.flatten(), "amin")
    return rings


def nearest_rotation(matrix: Tensor) -> Tensor:
    """The orthogonal factor of (B, 3, 3) matrices by Newton's iteration (Higham 1986): no SVD, so no wait on a GPU.

    A matrix that is singular (a degenerate face) falls back towards the identity; the result is always finite.
    """
    size = matrix.square().sum((-2, -1), keepdim=True).sqrt().clamp_min(1e-9)
    eye = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    r = matrix / size + 1e-4 * eye
    for _ in range(8):
        # The inverse, transposed: cofactors over the determinant; written out, a CUDA graph need not know a solver.
        cofactors = torch.linalg.cross(r.roll(-1, -2), r.roll(-2, -2))
        inverse = cofactors / (cofactors[..., :1, :] * r[..., :1, :]).sum(-1, keepdim=True)
        balance = (inverse.square().sum((-2, -1), keepdim=True) / r.square().sum((-2, -1), keepdim=True)) ** 0.25
        r = 0.5 * (balance * r + inverse / balance)
    return torch.where(torch.isfinite(r).all(-1).all(-1)[:, None, None], r, eye)


def head_pose(face: Tensor) -> HeadTransform:
    """The rigid frame of (B, 478, 3) landmarks: least-squares similarity from the canonical face, on bony landmarks
    only.
    """
    source = topology(face.device).canonical.to(face.dtype)[const_index(RIGID, face.device)]
    target = gather_rows(face, RIGID)
    source_mean, target_mean = source.mean(0), target.mean(1)
    source = source - source_mean
    rotation = nearest_rotation((target - target_mean[:, None]).mT @ source.expand(len(face), -1, -1))
    turned = source @ rotation.mT  # (B, R, 3)
    scale = ((target - target_mean[:, None]) * turned).sum((1, 2)) / source.square().sum()
    scale = scale.clamp_min(1e-4)
    return HeadTransform(scale, rotation, target_mean - scale[:, None] * (rotation @ source_mean))

"""The canonical face: MediaPipe's 478 landmarks by name, our own triangles, and the pose of a head.

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
MESH = 468  # landmarks of the face mesh; then follow the right and the left iris: its centre and four points on its rim
TRIANGLE_EXTENTS = (0.12, 0.2, 0.52)  # classes of triangle size: longest edge, canonical units; a turn shows it in full
SKIN, MOUTH, RIGHT_EYE, LEFT_EYE = range(4)  # what a triangle shows; right and left are the person's own

# Single landmarks; right and left are the person's own, inner and outer those of a lip's two edges.
NOSE_TIP, NOSE_BRIDGE, FOREHEAD, CHIN = 1, 168, 10, 152
RIGHT_FACE_EDGE, LEFT_FACE_EDGE = 234, 454  # on the border of the mesh, before the ears
UPPER_LIP_INNER, LOWER_LIP_INNER, UPPER_LIP_OUTER, LOWER_LIP_OUTER = 13, 14, 0, 17  # middles of the lips' edges
RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER = 61, 291
RIGHT_JAW, LEFT_JAW = 132, 361  # on the border of the mesh, at the height of the upper lip
RIGHT_INNER_MOUTH_CORNER, LEFT_INNER_MOUTH_CORNER = 78, 308  # where the lips' inner edges meet
RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER = 33, 133, 362, 263  # corners of the eyes
RIGHT_UPPER_LID, RIGHT_LOWER_LID, LEFT_UPPER_LID, LEFT_LOWER_LID = 159, 145, 386, 374  # middles of the lids' edges
RIGHT_BROW_MIDDLE, LEFT_BROW_MIDDLE = 105, 334
RIGHT_IRIS, LEFT_IRIS = 468, 473  # centres; the four landmarks after each lie on its rim

# Rings, in order around the opening: first the corner away from the nose, then over the top, then back underneath.
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
RIGHT_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
# Landmarks over bone, which no expression moves: the head's pose is fitted to these.
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 8, 9, 151, 10, 109, 338, 67, 297, 103, 332, 54, 284,
         21, 251, 162, 389, 127, 356, 234, 454, 116, 345, 93, 323)  # fmt: skip


@dataclass(frozen=True)
class Topology:
    """The canonical face as tensors on one device.

    canonical: (478, 3) float32, canonical coordinates of the landmarks.
    triangles: (F, 3) long, sorted by size.
    region: (F,) long, what each triangle shows: `SKIN`, `MOUTH`, `RIGHT_EYE` or `LEFT_EYE`.
    oval: (36,) long, landmarks on the border of the mesh, in order.
    normals: (`MESH`, 3), outward normals of the skin.
    rings: (`MESH`,), how many edges lie between a landmark and the border.
    class_ends: triangles before class_ends[k] are smaller than `TRIANGLE_EXTENTS`[k].
    """

    canonical: Tensor
    triangles: Tensor
    region: Tensor
    oval: Tensor
    normals: Tensor
    rings: Tensor
    class_ends: tuple[int, int]


class HeadTransform(NamedTuple):
    """Heads' similarity transforms from canonical to canvas units: p = scale · rotation · q + shift.

    scale (B,): canvas units of one canonical unit; rotation (B, 3, 3); shift (B, 3). The numpy version for one head is
    `streamer.tracking.head_pose.HeadTransform`.
    """

    scale: Tensor
    rotation: Tensor
    shift: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """Points (B, N, 3) from canonical to canvas units."""
        return self.scale[:, None, None] * (points @ self.rotation.mT) + self.shift[:, None]

    def halves(self) -> tuple[HeadTransform, HeadTransform]:
        """The first and the second half of a batch."""
        first, second = zip(*(part.chunk(2) for part in self), strict=True)
        return HeadTransform(*first), HeadTransform(*second)

    def inverse(self, points: Tensor) -> Tensor:
        """Points (B, N, 3) from canvas to canonical units."""
        return ((points - self.shift[:, None]) @ self.rotation) / self.scale[:, None, None].clamp_min(1e-6)


@cache
def topology(device: torch.device | str = "cpu") -> Topology:
    """The canonical face on a device, read once."""
    stored = load_file(Path(__file__).with_name("face_topology.safetensors"))
    canonical, triangles, region = stored["canonical"], stored["triangles"].long(), stored["region"].long()
    corners = canonical[triangles]
    extent = (corners - corners.roll(1, 1)).norm(dim=-1).amax(-1)
    extent[region == MOUTH] = TRIANGLE_EXTENTS[2]  # an opening mouth stretches these far beyond their size at rest
    order = extent.argsort()
    oval = stored["oval"].long()
    return Topology(
        canonical=canonical.to(device),
        triangles=triangles[order].to(device),
        region=region[order].to(device),
        oval=oval.to(device),
        normals=-normals(canonical[None, :MESH], triangles[None])[0].to(device),
        rings=_rings(triangles, oval).to(device),
        class_ends=(int((extent < TRIANGLE_EXTENTS[0]).sum()), int((extent < TRIANGLE_EXTENTS[1]).sum())),
    )


def _rings(triangles: Tensor, oval: Tensor) -> Tensor:
    """How many edges lie between each vertex and the border, (`MESH`,)."""
    rings = torch.full((MESH,), float(MESH)).index_fill_(0, oval, 0)
    while rings.max() == MESH:
        nearest = rings[triangles].amin(1, keepdim=True).expand(-1, 3) + 1
        rings.scatter_reduce_(0, triangles.flatten(), nearest.flatten(), "amin")
    return rings


def nearest_rotation(matrix: Tensor) -> Tensor:
    """The orthogonal factor of (B, 3, 3) matrices by Newton's iteration (Higham 1986).

    An SVD would synchronise host and GPU. A singular matrix (a degenerate face) falls back towards the identity; the
    result is always finite.
    """
    size = matrix.square().sum((-2, -1), keepdim=True).sqrt().clamp_min(1e-9)
    eye = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    r = matrix / size + 1e-4 * eye
    for _ in range(8):
        # The transposed inverse, cofactors over the determinant: a CUDA graph cannot record a call of a solver.
        cofactors = torch.linalg.cross(r.roll(-1, -2), r.roll(-2, -2))
        inverse = cofactors / (cofactors[..., :1, :] * r[..., :1, :]).sum(-1, keepdim=True)
        balance = (inverse.square().sum((-2, -1), keepdim=True) / r.square().sum((-2, -1), keepdim=True)) ** 0.25
        r = 0.5 * (balance * r + inverse / balance)
    return torch.where(torch.isfinite(r).all(-1).all(-1)[:, None, None], r, eye)


def rotation_about(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about unit vectors (B, 3) by angles (B,), radians (Rodrigues' formula)."""
    x, y, z = axis.unbind(-1)
    zero, angle = torch.zeros_like(x), angle[:, None, None]
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(-1, 3, 3)
    return torch.eye(3, device=axis.device) + angle.sin() * cross + (1 - angle.cos()) * cross @ cross


def inverse_2x2(matrix: Tensor) -> Tensor:
    """Inverses of (B, 2, 2) matrices, written out, since a CUDA graph cannot record a call of a solver."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrix.unbind(-2))
    return torch.stack([d, -b, -c, a], -1).view(-1, 2, 2) / (a * d - b * c)[:, None, None]


def head_pose(face: Tensor) -> HeadTransform:
    """The pose of heads with landmarks (B, 478, 3): least-squares similarity from the canonical face, over `RIGID`.

    Umeyama (PAMI 1991), with `nearest_rotation` instead of an SVD. The numpy version for one head is
    `streamer.tracking.head_pose.head_pose`; tests/models/geometry/test_twins.py holds the two together.
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

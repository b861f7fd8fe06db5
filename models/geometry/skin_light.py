"""The skin of a face: its colour, and how the picture's light falls on it, so that made-up hands have both.

The log of skin's brightness is taken for linear in the direction of its surface, which nearly holds for soft light
(as in Lambert's law with a broad lamp and much light from everywhere), and fitted to the triangles of the face.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.shade import SPECULAR_REFLECTANCE
from models.geometry.constants import gather_rows
from models.geometry.shading import has_shading
from models.geometry.topology import MESH, SKIN, topology

CHEEKS = (50, 280, 205, 425, 101, 330, 36, 266)  # landmarks on bare skin
MIN_FACING = 0.25  # of a triangle's normal towards the camera: others are seen at a slant
OUTLIER_LOG = 0.15  # deviation of log brightness from which brows, beards and hair count less
ROUNDS = 4  # of fitting
RIDGE = 0.005  # of the squares' mean: pulls the light of a face that shows little towards none
MOST_LIGHT = 0.5  # log brightness between the sides that look towards the light and to the camera


class FaceSkin(NamedTuple):
    """The skin of B faces. colour: (B, 3) 0..1. light: (B, 2), change of log brightness of skin that looks to the right
    and downwards instead of to the camera. shaded: (B,) 0..1, whether light shows on it at all.
    """

    colour: Tensor
    light: Tensor
    shaded: Tensor


def face_skin(image: Tensor, face: Tensor) -> FaceSkin:
    """The skin of landmarks (B, 478, 3), canvas units, in pictures (B, 3, S, S), 0..1."""
    shaded = has_shading(image, face)
    return FaceSkin(skin_colour(image, face), light_on(image, face) * shaded[:, None], shaded)


def skin_colour(image: Tensor, face: Tensor) -> Tensor:
    """(B, 3) the colour of the cheeks of landmarks (B, 478, ≥2) in pictures (B, 3, S, S), 0..1."""
    cheeks = gather_rows(face, CHEEKS)[:, None, :, :2]
    return F.grid_sample(image, cheeks, "bilinear", "border", False)[:, :, 0].median(-1).values


def light_on(image: Tensor, face: Tensor) -> Tensor:
    """(B, 2) `FaceSkin.light` of landmarks (B, 478, 3) in pictures (B, 3, S, S), by reweighted least squares."""
    mesh = topology(face.device)
    corners = face[:, :MESH][:, mesh.triangles[mesh.region == SKIN]]  # (B, T, 3, 3)
    normal = torch.linalg.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
    normal = F.normalize(normal, dim=-1, eps=1e-9)
    normal = normal * -torch.sign(normal[..., 2:])  # towards the camera, where z is negative
    places = corners.mean(2)[:, None, :, :2]
    log = (F.grid_sample(image, places, "bilinear", "border", False).mean(1)[:, 0] + SPECULAR_REFLECTANCE).log()
    terms = torch.stack([torch.ones_like(log), normal[..., 0], normal[..., 1], 1 + normal[..., 2]], -1)
    facing = (-normal[..., 2] > MIN_FACING).to(log.dtype)
    weight, fitted = facing, terms.new_zeros(len(face), 4, 1)
    ridge = RIDGE * torch.diag(terms.new_tensor([0.0, 1.0, 1.0, 1.0]))
    for _ in range(ROUNDS):
        weighted = terms * (weight / weight.sum(1, keepdim=True).clamp_min(1e-6))[..., None]
        eye = ridge + 1e-6 * torch.eye(4, device=face.device)
        fitted = torch.linalg.solve(weighted.mT @ terms + eye, weighted.mT @ log[..., None])
        error = log - (terms @ fitted)[..., 0]
        weight = facing / (1 + (error / OUTLIER_LOG).square())
    return MOST_LIGHT * torch.tanh(fitted[:, 1:3, 0] / MOST_LIGHT)

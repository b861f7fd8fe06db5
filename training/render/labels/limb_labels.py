"""The limbs of rendered whole bodies: which vertices are theirs, and how far they reach to both sides in a picture.

A picture is moved in layers (models/geometry/limbs.py): its arms and legs are taken off the torso, whose layer goes on
behind them. The ground truth of what that layer shows is the body without these limbs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from models.geometry.body import shoulder_width
from models.geometry.constants import gather_rows
from models.geometry.limb_claims import KEPT_ON_TORSO
from models.geometry.limb_curve import (
    FIRST_JOINTS,
    LIMB_SAMPLES,
    LIMBS,
    SECOND_JOINTS,
    THIRD_JOINTS,
    limb_polylines,
    limb_samples,
    place_on_limb,
)
from training.render.arrays import Array
from training.render.character.character import Character

NO_LIMB = -1.0  # s of vertices that are on no limb
S_PER_COORDINATE = 2  # the coordinates of `BodyCoordinates` grow by .5 a bone, those of `limb_curve` by 1
SHORTEST_BONE = 0.3  # over the width of the shoulders; shorter bones point at the camera, and stay on the torso
MIN_INSIDE = 0.5  # share of the lower bone that the picture shows, at least
MIN_RADIUS = 0.006  # canvas units


class LimbLabels(NamedTuple):
    """The limbs that become layers in B pictures.

    shown: (B, 4), 0 or 1, which of them do. radii: (B, 4, `LIMB_SAMPLES`, 2), their half widths, as in
    `models.geometry.limbs.Outlines`. vertices: (B, V) bool, which vertices are on them.
    """

    shown: Tensor
    radii: Tensor
    vertices: Tensor

    @staticmethod
    def of(places: Tensor, points: Tensor, body: Tensor) -> LimbLabels:
        """Those of bodies with joints (B, 33, ≥2) whose vertices lie at points (B, V, ≥2), canvas units, and at places
        (B, V, 4) from `limb_places`.
        """
        shown = shown_limbs(body)
        on_layer = ((places > NO_LIMB) & (shown[:, None] > 0.5)).any(2)
        return LimbLabels(shown, limb_radii(places, points, body), on_layer)


def limb_places(character: Character) -> Array:
    """(V, 4) s at which each vertex of a character lies on each limb, as in `models.geometry.limb_curve`; NO_LIMB where
    it does not. A bust has no limbs.
    """
    places = torch.full((len(character.rest), LIMBS), NO_LIMB)
    if character.body is not None:
        first, coordinates = len(character.studio.used), character.body.model.coordinates
        is_right = torch.from_numpy(coordinates.position[:, 0] < 0)
        for limb, kept in enumerate(KEPT_ON_TORSO):
            s = S_PER_COORDINATE * torch.from_numpy(coordinates.arm if limb < LIMBS // 2 else coordinates.leg)
            own = (is_right == bool(limb % 2)) & (s > kept)
            places[first : first + len(s), limb] = torch.where(own, s, NO_LIMB)
    return places.numpy()


def shown_limbs(body: Tensor) -> Tensor:
    """(B, 4) 0 or 1, which limbs of joints (B, 33, ≥2) a picture shows well enough to become layers.

    The first two joints are in the picture, much of the lower bone is, and no bone points at the camera. What hides a
    limb is not looked at, as `streamer.rigging.limb_outline.shown_segments` does in pictures.
    """
    first, second, third = (
        gather_rows(body, joints)[..., :2] for joints in (FIRST_JOINTS, SECOND_JOINTS, THIRD_JOINTS)
    )
    shortest = torch.minimum((second - first).norm(dim=-1), (third - second).norm(dim=-1))
    along = torch.linspace(0, 1, 16, device=body.device)[:, None, None, None]
    inside = torch.lerp(second, third, along).abs().amax(-1) < 1  # (16, B, 4)
    in_picture = torch.maximum(first.abs(), second.abs()).amax(-1) < 1
    long = shortest > SHORTEST_BONE * shoulder_width(body)[:, None]
    return (in_picture & long & (inside.float().mean(0) > MIN_INSIDE)).to(body.dtype)


def limb_radii(places: Tensor, points: Tensor, body: Tensor) -> Tensor:
    """Half widths (B, 4, `LIMB_SAMPLES`, 2), as in `models.geometry.limbs.Outlines`, of bodies with joints (B, 33, ≥2)
    whose vertices lie at points (B, V, ≥2), canvas units, and at places (B, V, 4) on their limbs.
    """
    samples, polylines = limb_samples(body.device), limb_polylines(body)
    step, number = samples[1] - samples[0], torch.arange(LIMB_SAMPLES, device=body.device)
    radii = []
    for limb in range(LIMBS):
        s = places[..., limb]
        middle, aside = (place_on_limb(polylines[:, limb], s, torch.full_like(s, d)) for d in (0.0, 1.0))
        across = ((points[..., :2] - middle) * (aside - middle)).sum(-1)
        reach = torch.stack([-across, across], -1).masked_fill((s == NO_LIMB)[..., None], -torch.inf)  # (B, V, 2)
        widest = reach.new_full((len(reach), LIMB_SAMPLES, 2), -torch.inf)
        nearest = ((s - samples[0]) / step).round().long()
        for near in (-1, 0, 1):
            row = (nearest + near).clamp(0, LIMB_SAMPLES - 1)[..., None].expand_as(reach)
            widest = widest.scatter_reduce(1, row, reach, "amax")
        known = widest[..., 0] > -torch.inf  # (B, N)
        last_known = torch.where(known, number, -1).cummax(1).values
        first_known = known.to(torch.uint8).argmax(1, keepdim=True)
        chosen = torch.where(last_known < 0, first_known, last_known)[..., None].expand_as(widest)
        radii.append(widest.gather(1, chosen))
    return torch.stack(radii, 1).clamp_min(MIN_RADIUS)

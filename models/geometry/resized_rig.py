"""A rig on a smaller canvas: the same picture drawn with fewer pixels."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor
from torch.nn import functional as F

from models.geometry.limbs import channels_last, no_limbs
from models.geometry.picture_layers import PersonLayers, as_texture
from models.geometry.rig import Rig


def resized_rig(rig: Rig, side: int) -> Rig:
    """The rig on a canvas of side × side pixels. What does not depend on the canvas, the head's chart, the grid meshes
    and the network's maps, is shared with the given one.
    """
    if side == rig.size:
        return rig
    own = _resized_layers(rig.own, side)
    limbs = no_limbs(len(rig), side, rig.image.device)
    if rig.pieces > 0:
        tiles = rig.limbs.tiles
        smaller = _resized(tiles.flatten(0, 1), side // 2).unflatten(0, tiles.shape[:2])
        limbs = channels_last(rig.limbs._replace(tiles=smaller))
    return replace(
        rig,
        image=_resized(rig.image, side),
        matte=_resized(rig.matte, side),
        plate=_resized(rig.plate, side),
        own=own,
        cut=own if rig.cut is rig.own else _resized_layers(rig.cut, side),
        body_matte=_resized(rig.body_matte, side),
        limbs=limbs,
    )


def _resized(maps: Tensor, side: int) -> Tensor:
    return F.interpolate(maps, (side, side), mode="bilinear", antialias=True)


def _resized_layers(layers: PersonLayers, side: int) -> PersonLayers:
    """Every other sample of a texture is a pixel of the canvas."""
    return PersonLayers(*(as_texture(_resized(texture[..., ::2, ::2], side)) for texture in layers))

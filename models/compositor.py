"""The picture of one frame: the person warped at full resolution, the network's edit, the background behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from kernels.backend import choose
from kernels.closeup_maps import WindowMaps, closeup_maps
from kernels.layers import lay_between, lay_over
from kernels.overlay import overlay
from kernels.sampling import resize_map
from kernels.sampling.packed_texels import packed_texels
from kernels.shade import shade
from kernels.warp import Maps, odds, warp_composite
from models.closeups.patches import Patch
from models.dit import Edit
from models.geometry.blush import any_blush, blush_gain
from models.geometry.grid import crop
from models.geometry.guidance import Guidance
from models.geometry.limb_motion import draw_limbs
from models.geometry.rig import Rig

MakeMaps = Callable[..., Maps]


def compose(
    rig: Rig,
    guidance: Guidance,
    edit: Edit | None = None,
    background: Tensor | None = None,
    patches: Sequence[Patch] = (),
    make_maps: MakeMaps | None = None,
) -> Tensor:
    """(B, 4, S, S) RGB over the background, and the person's alpha; 0..1.

    edit: None gives the picture that geometry alone can make; the network keeps that or paints over it. patches: the
    close-ups; within their influence they replace the edit and the dark of a mouth that geometry opens. background:
    (B, 3, S, S) 0..1 instead of the picture's own. make_maps: `drawn_maps`, or what is recorded of it.
    """
    trim = background is not None
    background = rig.plate if background is None else background
    behind, middle, before = None, None, None
    if guidance.limbs is not None:
        behind, middle, before = draw_limbs(rig.limbs, guidance.limbs, rig.size).unbind(1)
    windows = [WindowMaps(one.window.as_rows(), one.edit.influence, one.edit.flow) for one in patches]
    cover = None if middle is None else middle[:, 3:]
    maps = (make_maps or drawn_maps)(rig.mouth, moving_maps(guidance), edit, windows, cover)
    box, canvas_flow = (None, None) if rig.full_canvas else (guidance.box, guidance.flow)
    person = rig.cut if trim else rig.own
    chart = rig.surface.chart
    scene = background if behind is None else lay_over(background, behind)
    picture = warp_composite(person.body, maps, scene, canvas_flow, box, trim, person.head, chart, middle)
    for patch in patches:
        if patch.is_solid:
            widen_outline(picture, patch)
        overlay(picture, patch.window.as_rows(), 1 - patch.edit.keep, patch.edit.paint)
    gain = guidance.shading_gain
    if any_blush(guidance.blush):
        gain = gain * blush_gain(rig.blush, guidance.blush, guidance.canonical)
    shade(picture, gain, box)
    if behind is not None and before is not None:
        lay_between(picture, behind, before)
    return picture


def pack_textures(rig: Rig) -> None:
    """Have the textures of pictures as kernels on a CPU sample them, over any background, before a frame needs them."""
    if choose("auto", rig.image, backends=("numba",)) != "numba":
        return
    for texture in (*rig.own, *rig.cut, rig.surface.chart):
        packed_texels(texture)
    if rig.pieces > 0:
        packed_texels(rig.limbs.tiles, rig.pieces)


def widen_outline(picture: Tensor, patch: Patch) -> None:
    """Make the person of pictures (B, 4, S, S) opaque where a patch draws something, in place: a tongue beside a chin
    that is turned away is before the background.
    """
    alpha = picture[:, 3:].repeat(1, 4, 1, 1)  # thrice as a colour
    alpha[:, 3] = 1
    overlay(alpha, patch.window.as_rows(), patch.edit.influence, torch.ones_like(patch.edit.paint))
    picture[:, 3] = alpha[:, 0]


def moving_maps(guidance: Guidance) -> tuple[Tensor, ...]:
    """What `drawn_maps` takes of the guidance."""
    chart = guidance.chart_position, guidance.chart_share
    front = guidance.head_flow, guidance.head_shift, guidance.head_coverage
    return guidance.box, guidance.outer_flow, *front, *chart, guidance.confidence, guidance.openings


def drawn_maps(
    mouth: Tensor, moving: tuple[Tensor, ...], edit: Edit | None, windows: Sequence[WindowMaps], cover: Tensor | None
) -> Maps:
    """By which maps the picture is warped. mouth: (B, 3), the dark of mouths. moving: from `moving_maps`. windows: of
    the close-ups. cover: (B, 1, S, S) 0..1, of limbs before the body, which the network does not see.
    """
    box, outer_flow, head_flow, head_shift, head_coverage, chart_position, chart_share, confidence, openings = moving
    closeup_mask, shift = closeup_maps(box, windows, openings.shape[-1]).split([1, 2], 1)
    missing = openings[:, :1] * (1 - confidence) * (1 - closeup_mask)
    if edit is None:
        maps = Maps(outer_flow, 1 - missing, mouth[:, :, None, None])
    else:
        outside = 1 - closeup_mask
        if cover is not None:
            outside = outside * (1 - crop(cover, box, outside.shape[-1]))
        keep = 1 - (1 - edit.keep) * resize_map(outside, edit.keep.shape[-1])
        shift = shift + edit.flow * outside * box[:, 2, None, None, None]
        maps = Maps(outer_flow, keep, edit.paint, odds(edit.alpha * outside), missing, mouth)
    return maps._replace(
        flow=outer_flow + shift,
        front_flow=head_flow + resize_map(head_shift + shift, head_flow.shape[-1]),
        front_coverage=head_coverage,
        chart_position=chart_position,
        chart_share=chart_share,
    )

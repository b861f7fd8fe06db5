"""The picture of one frame: the person warped at full resolution, the network's edit, the background behind."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.layers import lay_between, lay_over
from kernels.overlay import overlay
from kernels.sampling import resize_map
from kernels.shade import shade
from kernels.warp import Maps, odds, warp_composite
from models.closeups.patches import Patch
from models.dit import Edit
from models.geometry.blush import any_blush, blush_gain
from models.geometry.grid import crop, unit_grid
from models.geometry.guidance import Guidance
from models.geometry.limb_motion import draw_limbs
from models.geometry.limbs import first_pieces
from models.geometry.rig import Rig


def compose(
    rig: Rig,
    guidance: Guidance,
    edit: Edit | None = None,
    background: Tensor | None = None,
    patches: Sequence[Patch] = (),
) -> Tensor:
    """(B, 4, S, S) RGB over the background, and the person's alpha; 0..1.

    edit: None gives the picture that geometry alone can make; the network keeps that or paints over it. patches: the
    close-ups; within their influence they replace the edit and the dark of a mouth that geometry opens. background:
    (B, 3, S, S) 0..1 instead of the picture's own.
    """
    trim = background is not None
    background = rig.plate if background is None else background
    behind, middle, before = None, None, None
    if guidance.limbs is not None:
        behind, middle, before = draw_limbs(first_pieces(rig.limbs, rig.pieces), guidance.limbs, rig.size).unbind(1)
    closeup_mask, shift = closeup_maps(guidance.box, patches, guidance.openings.shape[-1])
    mouth_opening = guidance.openings[:, :1]
    missing = mouth_opening * (1 - guidance.confidence) * (1 - closeup_mask)
    if edit is None:
        maps = Maps(guidance.outer_flow, 1 - missing, rig.mouth[:, :, None, None])
    else:
        outside = 1 - closeup_mask
        if middle is not None:  # the network does not see limbs, and leaves them alone
            outside = outside * (1 - crop(middle[:, 3:], guidance.box, outside.shape[-1]))
        keep = 1 - (1 - edit.keep) * resize_map(outside, edit.keep.shape[-1])
        shift = shift + edit.flow * outside * guidance.box[:, 2, None, None, None]
        maps = Maps(guidance.outer_flow, keep, edit.paint, odds(edit.alpha * outside), missing, rig.mouth)
    maps = maps._replace(
        flow=maps.flow + shift,
        front_flow=guidance.head_flow + shift,
        front_coverage=guidance.head_coverage,
        chart_position=guidance.chart_position,
        chart_share=guidance.chart_share,
    )
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


def widen_outline(picture: Tensor, patch: Patch) -> None:
    """Make the person of pictures (B, 4, S, S) opaque where a patch draws something, in place: a tongue beside a chin
    that is turned away is before the background.
    """
    alpha = picture[:, 3:].repeat(1, 4, 1, 1)  # thrice as a colour
    alpha[:, 3] = 1
    overlay(alpha, patch.window.as_rows(), patch.edit.influence, torch.ones_like(patch.edit.paint))
    picture[:, 3] = alpha[:, 0]


def closeup_maps(box: Tensor, patches: Sequence[Patch], cells: int) -> tuple[Tensor, Tensor]:
    """The close-ups on the cells of focus boxes (B, 3): the mask within which they replace the edit
    (B, 1, cells, cells), 0..1, and the flow that they add (B, 2, cells, cells), canvas units.
    """
    grid = unit_grid(cells, box.device)
    mask, shift = grid.new_zeros(len(box), 1, cells, cells), grid.new_zeros(len(box), 2, cells, cells)
    for patch in patches:
        window = patch.window.in_box(box)
        for batch, rows, columns in window.covered_pixels(cells):
            position = window.select(batch).to_window(grid[:, rows, columns])
            edit = patch.edit.select(batch)
            influence = F.grid_sample(edit.influence, position, "bilinear", "zeros", False)
            flow = F.grid_sample(edit.flow, position, "bilinear", "zeros", False).permute(0, 2, 3, 1)
            covered = mask[batch, :, rows, columns]
            torch.maximum(covered, influence, out=covered)
            shift[batch, :, rows, columns] += patch.window.select(batch).to_map(flow).permute(0, 3, 1, 2)
    return mask, shift
